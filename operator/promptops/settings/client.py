"""Settings of a client. Light: an application reads them with whatever else it imports."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptops.settings.environment import optional_path


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
