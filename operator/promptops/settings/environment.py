"""Variables of the environment as values; an impossible one is an error that names it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path


class SettingsError(ValueError):
    """An environment variable has an impossible value; the message names it, the value and what is allowed."""


def optional_path(environ: Mapping[str, str], name: str) -> Path | None:
    """Return the path that a variable names; None when it is not set."""
    value = environ.get(name)
    return Path(value).expanduser() if value else None


def usual_kubeconfig(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the kubeconfig that kubectl takes: KUBECONFIG, else ~/.kube/config; None in a pod that has neither."""
    usual = Path(environ.get("HOME") or "~").expanduser() / ".kube" / "config"
    return optional_path(environ, "KUBECONFIG") or (usual if usual.is_file() else None)


def required_path(environ: Mapping[str, str], name: str, what: str) -> Path:
    """Return the path that a variable names; `what`: says what has to be there. Raises SettingsError when it is not set."""
    path = optional_path(environ, name)
    if path is None:
        raise SettingsError(f"{name} is not set; it must be {what}")
    return path


def address(environ: Mapping[str, str], name: str, default: str) -> str:
    """Return host:port. Raises SettingsError."""
    value = environ.get(name) or default
    host, separator, port = value.rpartition(":")
    if not (separator and host and port.isdecimal() and int(port) < 65536):
        raise SettingsError(f"{name} is {value!r}; it must be host:port, for example {default}")
    return value


def seconds(environ: Mapping[str, str], name: str, default: str, least: int = 60) -> int:
    """Return a span of time. Raises SettingsError."""
    value = environ.get(name) or default
    if not (value.isascii() and value.isdecimal() and least <= int(value) < 2**31):
        raise SettingsError(
            f"{name} is {value!r}; it must be a number of seconds, {least} or more, for example {default}"
        )
    return int(value)


def file_mode(environ: Mapping[str, str], name: str, default: str) -> int:
    """Return the permissions that octal digits stand for. Raises SettingsError."""
    value = environ.get(name) or default
    if not re.fullmatch(r"0?[0-7]{3}", value):
        raise SettingsError(f"{name} is {value!r}; it must be octal digits, for example {default}")
    return int(value, 8)


def switch(environ: Mapping[str, str], name: str, default: str) -> bool:
    """Return whether something is wanted. Raises SettingsError."""
    value = environ.get(name) or default
    if value not in ("true", "false"):
        raise SettingsError(f"{name} is {value!r}; it must be true or false")
    return value == "true"


def accounts(environ: Mapping[str, str], name: str, default: str) -> frozenset[tuple[str, str]]:
    """Return ServiceAccounts as (namespace, name). Raises SettingsError."""
    value = environ.get(name) or default
    found = [tuple(each.strip().split("/")) for each in value.split(",")]
    if not all(len(each) == 2 and all(each) for each in found):
        raise SettingsError(f"{name} is {value!r}; it must be namespace/name, and commas between them")
    return frozenset((namespace, account) for namespace, account in found)


def reached_at(environ: Mapping[str, str], name: str, listens_at: str) -> str:
    """Return host:port at which others reach a listener: on the address that a variable has, or as it listens."""
    host, _, port = listens_at.rpartition(":")
    other = environ.get(name) or host.strip("[]")
    return f"[{other}]:{port}" if ":" in other else f"{other}:{port}"
