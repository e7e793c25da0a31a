"""The only reader of the environment: what each role needs to know, as frozen values."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class DevSettings:
    """Where `promptops dev` finds binaries and keeps its state."""

    cache: Path
    """Folder for binaries, build caches and the state of running planes."""
    kubebuilder_assets: Path | None
    """Folder with binaries the user already has; wins over the cache."""
    environment: Mapping[str, str]
    """What child processes inherit."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> DevSettings:
        """Read PROMPTOPS_CACHE, XDG_CACHE_HOME and KUBEBUILDER_ASSETS."""
        assets = environ.get("KUBEBUILDER_ASSETS")
        return cls(
            cache=_cache_folder(environ),
            kubebuilder_assets=Path(assets) if assets else None,
            environment=dict(environ),
        )


def _cache_folder(environ: Mapping[str, str]) -> Path:
    if own := environ.get("PROMPTOPS_CACHE"):
        return Path(own).expanduser().absolute()
    if shared := environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser().absolute() / "promptops"
    return Path.home() / ".cache" / "promptops"


@dataclass(frozen=True)
class OperatorSettings:
    """What the operator needs to know before it can talk to the cluster."""

    namespace: str
    """The operator's own namespace: its Lease and the Secret with the signing keys live there."""
    identity: str
    """Stable per replica; a replica retakes its own Lease at once."""
    kubeconfig: Path | None
    """None in a pod, where the mounted ServiceAccount token is used."""
    feed_address: str
    """host:port of the feed. Loopback until the feed speaks TLS."""
    operations_address: str
    """host:port of /metrics, /healthz, /readyz."""
    tenancy_mode: Literal["Implicit", "Strict"]
    """What a namespace is that no Tenant claims: its own tenant, or refused."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> OperatorSettings:
        """Read PROMPTOPS_* and KUBECONFIG.

        Raises SettingsError naming the variable when one has an impossible value.
        """
        return cls(
            namespace=environ.get("PROMPTOPS_NAMESPACE") or "promptops-system",
            identity=environ.get("PROMPTOPS_IDENTITY") or socket.gethostname(),
            kubeconfig=_optional_path(environ, "KUBECONFIG"),
            feed_address=_address(environ, "PROMPTOPS_FEED_ADDRESS", "127.0.0.1:8282"),
            operations_address=_address(environ, "PROMPTOPS_OPERATIONS_ADDRESS", "0.0.0.0:8080"),
            tenancy_mode=_tenancy_mode(environ),
        )


@dataclass(frozen=True)
class SidecarSettings:
    """Where a sidecar listens, whom it follows and whom it trusts."""

    feed_url: str | None
    """The hop above. None only together with a directory."""
    token_file: Path | None
    """The projected ServiceAccount token, read anew for every connection."""
    trust_file: Path | None
    """Public signing keys (promptops.api.feed.Trust as JSON)."""
    directory: Path | None
    """Standalone: manifests instead of a feed."""
    data_address: str
    """host:port of the data listener; loopback."""
    socket: Path | None
    """Unix socket of the data listener."""
    operations_address: str
    """host:port of /metrics, /healthz, /readyz, /startupz; no prompt text there."""
    snapshot_directory: Path | None
    """Where what is held survives a restart: a memory volume in a pod."""
    instance: str | None
    """Name of this process in reports; made up when None."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> SidecarSettings:
        """Read PROMPTOPS_*.

        Raises SettingsError naming the variable when one has an impossible value.
        """
        return cls(
            feed_url=environ.get("PROMPTOPS_FEED_URL") or None,
            token_file=_optional_path(environ, "PROMPTOPS_TOKEN_FILE"),
            trust_file=_optional_path(environ, "PROMPTOPS_TRUST_FILE"),
            directory=_optional_path(environ, "PROMPTOPS_DIRECTORY"),
            data_address=_address(environ, "PROMPTOPS_DATA_ADDRESS", "127.0.0.1:8181"),
            socket=_optional_path(environ, "PROMPTOPS_SOCKET"),
            operations_address=_address(environ, "PROMPTOPS_OPERATIONS_ADDRESS", "0.0.0.0:8182"),
            snapshot_directory=_optional_path(environ, "PROMPTOPS_SNAPSHOT_DIRECTORY"),
            instance=environ.get("PROMPTOPS_INSTANCE") or None,
        )


class SettingsError(ValueError):
    """An environment variable has an impossible value; the message names it, the value and what is allowed."""


def _optional_path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value).expanduser() if value else None


def _address(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name) or default
    host, separator, port = value.rpartition(":")
    if not (separator and host and port.isdecimal() and int(port) < 65536):
        raise SettingsError(f"{name} is {value!r}; it must be host:port, for example {default}")
    return value


def _tenancy_mode(environ: Mapping[str, str]) -> Literal["Implicit", "Strict"]:
    value = environ.get("PROMPTOPS_TENANCY_MODE") or "Implicit"
    if value == "Implicit":
        return "Implicit"
    if value == "Strict":
        return "Strict"
    raise SettingsError(f"PROMPTOPS_TENANCY_MODE is {value!r}; it must be Implicit or Strict")
