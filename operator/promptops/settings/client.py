"""Settings of a client. Light: an application reads them with whatever else it imports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptops.settings.environment import SettingsError, optional_path
from promptops.settings.redis import RedisSettings


@dataclass(frozen=True)
class ClientSettings:
    """Where the environment says the sidecar is: one place, or none."""

    url: str | None
    socket: Path | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ClientSettings:
        """Read PROMPTOPS_URL and PROMPTOPS_SOCKET.

        A pod with an injected sidecar has both, which are one sidecar: the socket is nearer, the URL for whoever speaks TCP alone.
        """
        socket = optional_path(environ, "PROMPTOPS_SOCKET")
        return cls(url=None if socket else environ.get("PROMPTOPS_URL") or None, socket=socket)


@dataclass(frozen=True)
class AuthoritySettings:
    """Which authorities an https address is verified with, in the place of those that httpx brings along."""

    file: Path | None
    directory: Path | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> AuthoritySettings:
        """Read SSL_CERT_FILE and SSL_CERT_DIR."""
        return cls(file=optional_path(environ, "SSL_CERT_FILE"), directory=optional_path(environ, "SSL_CERT_DIR"))


@dataclass(frozen=True)
class MirrorSettings:
    """The mirror in Redis that a client reads by itself, told by the variables of a sidecar, and whom it believes."""

    redis: RedisSettings
    trust: Path | str
    """A file, or its text."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> MirrorSettings | None:
        """Read PROMPTOPS_REDIS_* and PROMPTOPS_TRUST_FILE or PROMPTOPS_TRUST; None without a mirror. Raises SettingsError."""
        redis = RedisSettings.from_environment(environ)
        if redis is None:
            return None
        trust = optional_path(environ, "PROMPTOPS_TRUST_FILE") or environ.get("PROMPTOPS_TRUST")
        if not trust:
            raise SettingsError(
                "PROMPTOPS_REDIS_URL is set and PROMPTOPS_TRUST_FILE (or PROMPTOPS_TRUST) is not: what lies there is "
                "believed by its signature"
            )
        return cls(redis, trust)
