"""Settings of `promptops dev`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DevSettings:
    """Where `promptops dev` finds binaries and keeps its state."""

    cache: Path
    """Folder for binaries, build caches and the state of running planes."""
    kubebuilder_assets: Path | None
    """Folder with binaries the user already has; wins over the cache."""
    kubernetes: str | None
    """Which release of Kubernetes to take, `1.31`; None: the current one."""
    environment: Mapping[str, str]
    """What child processes inherit."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> DevSettings:
        """Read PROMPTOPS_CACHE, XDG_CACHE_HOME, KUBEBUILDER_ASSETS and PROMPTOPS_KUBERNETES."""
        assets = environ.get("KUBEBUILDER_ASSETS")
        return cls(
            cache=_cache_folder(environ),
            kubebuilder_assets=Path(assets) if assets else None,
            kubernetes=environ.get("PROMPTOPS_KUBERNETES") or None,
            environment=dict(environ),
        )


def _cache_folder(environ: Mapping[str, str]) -> Path:
    if own := environ.get("PROMPTOPS_CACHE"):
        return Path(own).expanduser().absolute()
    if shared := environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser().absolute() / "promptops"
    return Path.home() / ".cache" / "promptops"
