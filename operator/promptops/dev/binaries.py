"""Binaries of the control plane and of the tests: the user's, the cached, or built from pinned modules. In this order."""

from __future__ import annotations

import os
from pathlib import Path

from promptops.dev.builder import build, cached_path
from promptops.dev.errors import BinaryUnusable
from promptops.dev.plane import Binaries
from promptops.dev.progress import Progress
from promptops.dev.tools import CONTROL_PLANE, CURRENT, KUBERNETES, PinnedTool, tools
from promptops.settings.dev import DevSettings

_ENVTEST = ("etcd", "kube-apiserver", "kubectl")
"""What a folder that KUBEBUILDER_ASSETS names has by convention."""


def control_plane(settings: DevSettings, progress: Progress) -> Binaries:
    """Return what a plane is made of, building what is missing."""
    return Binaries(*provide_all(CONTROL_PLANE, settings, progress))


def provide(name: str, settings: DevSettings, progress: Progress) -> Path:
    """Return the path of a binary, building it when it is nowhere. Raises BinaryUnusable or BuildFailed."""
    return provide_all((name,), settings, progress)[0]


def provide_all(names: tuple[str, ...], settings: DevSettings, progress: Progress) -> tuple[Path, ...]:
    """Return the paths of binaries in the order of `names`, building what is nowhere in one go."""
    known = _known(settings.kubernetes or CURRENT)
    if unknown := [name for name in names if name not in known]:
        raise BinaryUnusable(f"there is no binary named {unknown[0]}", f"known are: {', '.join(known)}")
    found = {name: _given(name, settings.kubebuilder_assets) for name in names}
    build(tuple(known[name] for name, path in found.items() if path is None), settings, progress)
    return tuple(found[name] or cached_path(known[name], settings.cache) for name in names)


def are_built(names: tuple[str, ...], settings: DevSettings) -> bool:
    """Tell whether none of the binaries would have to be built."""
    known = _known(settings.kubernetes or CURRENT)
    return all(
        _given(name, settings.kubebuilder_assets) or cached_path(known[name], settings.cache).exists() for name in names
    )


def _known(release: str) -> dict[str, PinnedTool]:
    if release not in KUBERNETES:
        raise BinaryUnusable(
            f"Kubernetes {release} is not pinned here", f"set PROMPTOPS_KUBERNETES to one of: {', '.join(KUBERNETES)}"
        )
    return tools(release)


def _given(name: str, assets: Path | None) -> Path | None:
    if assets is None:
        return None
    if not assets.is_dir():
        raise BinaryUnusable(f"KUBEBUILDER_ASSETS={assets} is not a folder", "correct it, or unset it")
    path = assets / name
    if path.is_file() and os.access(path, os.X_OK):
        return path
    if name in _ENVTEST:
        raise BinaryUnusable(
            f"KUBEBUILDER_ASSETS={assets} has no executable {name}",
            f"it must have {', '.join(_ENVTEST)}; correct it, or unset it to have them built",
        )
    return None
