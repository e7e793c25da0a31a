"""Settings of a sidecar."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from promptops.settings.environment import SettingsError, address, file_mode, optional_path
from promptops.settings.keys import key_in
from promptops.settings.redis import RedisSettings


@dataclass(frozen=True)
class SidecarSettings:
    """Where a sidecar listens, whom it follows and whom it trusts."""

    feed_url: str | None
    """The hop above. None only together with a directory, or a mirror in Redis."""
    token_file: Path | None
    """The projected ServiceAccount token, read anew for every connection."""
    trust: str | None
    """What to believe, itself: the same JSON as in a trust file. For a pod that can mount nothing of the operator's namespace."""
    trust_file: Path | None
    """Public signing keys and certificate authorities of the feed (promptops.api.feed.Trust as JSON)."""
    directory: Path | None
    """Standalone: manifests instead of a feed."""
    data_address: str
    """host:port of the data listener; loopback."""
    socket: Path | None
    """Unix socket of the data listener."""
    socket_mode: int
    """Who may connect to it, as octal digits: 0660, its owner and group. In a volume that one pod alone sees, 0666."""
    operations_address: str
    """host:port of /metrics, /healthz, /readyz, /startupz; no prompt text there. Loopback for a directory: no kubelet asks."""
    snapshot_directory: Path | None
    """Where what is held survives a restart: a memory volume in a pod."""
    snapshot_key_file: Path | None
    """32 bytes in base64 that the snapshot is sealed by, where its directory is no memory volume: the key of the namespace, as
    `promptops key` prints it, or any other. None: it lies there as it is."""
    instance: str | None
    """Name of this process in reports; made up when None."""
    collector_url: str | None
    """An OpenTelemetry collector, http://host:4318, that is sent spans and metrics of renders by OTLP over HTTP. None: nothing is sent."""
    mirror: RedisSettings | None
    """The mirror in Redis: beside a feed for when that is away, or alone where no stream can be held."""

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] = os.environ, directory: Path | None = None
    ) -> SidecarSettings:
        """Read PROMPTOPS_*. `directory` wins over PROMPTOPS_DIRECTORY.

        Raises SettingsError naming the variable when one has an impossible value.
        """
        directory = directory or optional_path(environ, "PROMPTOPS_DIRECTORY")
        feed_url = environ.get("PROMPTOPS_FEED_URL") or None
        if directory is not None and feed_url is not None:
            raise SettingsError(
                f"PROMPTOPS_FEED_URL is {feed_url} and the directory {directory} is to be served: "
                "a sidecar follows a feed or serves a directory, unset one of them"
            )
        trust = environ.get("PROMPTOPS_TRUST") or None
        trust_file = optional_path(environ, "PROMPTOPS_TRUST_FILE")
        if trust is not None and trust_file is not None:
            raise SettingsError(
                f"PROMPTOPS_TRUST and PROMPTOPS_TRUST_FILE ({trust_file}) are both set: unset one of them"
            )
        mirror = RedisSettings.from_environment(environ)
        if directory is not None and mirror is not None:
            raise SettingsError(
                f"PROMPTOPS_REDIS_URL is set and the directory {directory} is to be served: a directory needs no mirror, "
                "unset one of them"
            )
        return cls(
            feed_url=feed_url,
            token_file=optional_path(environ, "PROMPTOPS_TOKEN_FILE"),
            trust=trust,
            trust_file=trust_file,
            directory=directory,
            data_address=address(environ, "PROMPTOPS_DATA_ADDRESS", "127.0.0.1:8181"),
            socket=optional_path(environ, "PROMPTOPS_SOCKET"),
            socket_mode=file_mode(environ, "PROMPTOPS_SOCKET_MODE", "0660"),
            operations_address=address(environ, "PROMPTOPS_OPERATIONS_ADDRESS", _operations(directory)),
            snapshot_directory=optional_path(environ, "PROMPTOPS_SNAPSHOT_DIRECTORY"),
            snapshot_key_file=_snapshot_key_file(environ),
            instance=environ.get("PROMPTOPS_INSTANCE") or None,
            collector_url=_collector(environ),
            mirror=mirror,
        )

    def snapshot_key(self) -> bytes | None:
        """Read the key of the snapshot, if there is one. Raises SettingsError, which quotes nothing of it."""
        return key_in(self.snapshot_key_file, _SNAPSHOT_KEY) if self.snapshot_key_file is not None else None


_SNAPSHOT_KEY: Final = "PROMPTOPS_SNAPSHOT_KEY_FILE"


def _snapshot_key_file(environ: Mapping[str, str]) -> Path | None:
    file = optional_path(environ, "PROMPTOPS_SNAPSHOT_KEY_FILE")
    if file is not None and not environ.get("PROMPTOPS_SNAPSHOT_DIRECTORY"):
        raise SettingsError(
            f"PROMPTOPS_SNAPSHOT_KEY_FILE ({file}) is set and PROMPTOPS_SNAPSHOT_DIRECTORY is not: there is no snapshot to "
            "seal, set both or none"
        )
    return file


def _collector(environ: Mapping[str, str]) -> str | None:
    value = environ.get("PROMPTOPS_COLLECTOR_URL") or None
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username is not None:
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        raise SettingsError(
            f"PROMPTOPS_COLLECTOR_URL is {shown!r}; it must be where a collector takes OTLP over HTTP, for example "
            "http://collector:4318"
        )
    return value.rstrip("/")


def _operations(directory: Path | None) -> str:
    return "0.0.0.0:8182" if directory is None else "127.0.0.1:8182"
