"""Settings of the mirror in Redis, the same for whoever fills it and whoever reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from promptops.settings.environment import SettingsError, optional_path, required_path, switch
from promptops.settings.keys import key_in

_SCHEMES: Final = ("redis", "rediss", "unix")


@dataclass(frozen=True)
class RedisSettings:
    """Where the mirror is, who we are there, and what opens what lies in it."""

    url: str
    """redis://host:port/0, rediss:// for TLS, or unix:///path. None: there is no mirror. No password stands in it."""
    username: str | None
    """Whom the server's ACL knows us as; None: its default user."""
    password_file: Path | None
    """A file with the password, read anew for every connection."""
    authority_file: Path | None
    """Certificate authorities in PEM that a rediss:// server is verified by; None: those of the machine."""
    key_file: Path
    """32 bytes in base64, without which nothing in Redis can be read or written: of a sidecar the key of its namespace, as
    `promptops key` prints it, of a relay the master key that it is derived from."""
    writes: bool
    """Whether a sidecar fills the mirror as well. A relay that is given one always does."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> RedisSettings | None:
        """Read PROMPTOPS_REDIS_*; None when there is no mirror. Raises SettingsError naming the variable that is wrong."""
        url = environ.get("PROMPTOPS_REDIS_URL")
        if not url:
            return None
        check_url(url, "PROMPTOPS_REDIS_URL")
        return cls(
            url=url,
            username=environ.get("PROMPTOPS_REDIS_USERNAME") or None,
            password_file=optional_path(environ, "PROMPTOPS_REDIS_PASSWORD_FILE"),
            authority_file=optional_path(environ, "PROMPTOPS_REDIS_AUTHORITY_FILE"),
            key_file=required_path(
                environ, "PROMPTOPS_REDIS_KEY_FILE", "a file with 32 bytes in base64: what lies in Redis is sealed"
            ),
            writes=switch(environ, "PROMPTOPS_REDIS_WRITES", "false"),
        )

    def key(self) -> bytes:
        """Read the key. Raises SettingsError, which quotes nothing of it."""
        return key_in(self.key_file, "PROMPTOPS_REDIS_KEY_FILE")


def check_url(url: str, named: str) -> None:
    """Raise SettingsError, which calls the URL by that name and quotes no password of it, unless a server can be reached by it."""
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.scheme not in _SCHEMES or not (parts.hostname or (parts.scheme == "unix" and parts.path)):
        raise SettingsError(f"{named} is {shown!r}; it must begin with redis://, rediss:// or unix://")
    if parts.username is not None or parts.query:
        raise SettingsError(
            f"{named} ({shown}) has a user, a password or options in it: set PROMPTOPS_REDIS_USERNAME and "
            "PROMPTOPS_REDIS_PASSWORD_FILE, or username and password_file, instead"
        )
    try:
        _ = parts.port
    except ValueError:
        raise SettingsError(f"{named} is {shown!r}; its port is no number below 65536") from None
