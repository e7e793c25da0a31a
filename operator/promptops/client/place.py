"""Where a sidecar is asked: a Unix socket or an address, made out once and checked before anything is sent there."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket as socket_module
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from promptops.api.limits import MAX_SOCKET_PATH_BYTES
from promptops.client.errors import ConfigurationError, NetworkError

_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_PREFIX: Final = re.compile(r"[!$%&'()*+,\-./0-9:;=@A-Z_a-z~]*")
_PLAIN: Final = re.compile(r"[!$->@-~]*")
"""Printable and without blank, query or fragment. Asked first: what splits a URL drops line breaks without a word."""
_SET_IT: Final = "set PROMPTOPS_URL or PROMPTOPS_SOCKET, or give the client base_url or socket"

Endpoint = tuple[socket_module.AddressFamily, Any]
"""A family and an address of it, as the socket library takes them."""


@dataclass(frozen=True)
class Place:
    """A sidecar's address."""

    name: str
    """As messages call it: the path or the URL."""
    socket: str | None
    host: str
    """What stands in the Host header."""
    address: tuple[str, int]
    """Host and port to connect to when there is no socket."""
    prefix: str = ""
    """What every path begins with."""
    tls: bool = False

    @property
    def endpoint(self) -> Endpoint | None:
        """Return what to connect to; None when the host is a name that has to be looked up first."""
        if self.socket is not None:
            return socket_module.AF_UNIX, self.socket
        family = _address_family(self.address[0])
        return None if family is None else (family, self.address)

    @property
    def url(self) -> str:
        """What the URL of every call begins with."""
        return f"{'https' if self.tls else 'http'}://{self.host}{self.prefix}"

    def unreachable(self, error: OSError) -> NetworkError:
        """Return the error for a connection that could not be made: why, and what to do."""
        if isinstance(error, ConnectionRefusedError) or (self.socket and error.errno in (errno.ENOENT, errno.ENOTDIR)):
            return NetworkError(
                f"nothing listens at {self.name}: start a sidecar (promptops sidecar --directory DIR, or "
                f"promptops dev up), or say where it is: {_SET_IT}"
            )
        why = error.strerror or type(error).__name__
        if isinstance(error, PermissionError) and self.socket:
            why += "; the application must run as a user or in a group that may open the socket"
        return NetworkError(f"the sidecar at {self.name} cannot be reached: {why}")


def at_socket(path: object, given_as: str) -> Place:
    """Return the place of a Unix socket. Raises ConfigurationError that names `given_as`."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(name := os.fspath(path), str):
        raise ConfigurationError(f"{given_as} must be the path of a Unix socket, not {type(path).__name__}")
    if not name or "\0" in name:
        raise ConfigurationError(f"{given_as} is {name!a}; it must be the path of a Unix socket")
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:
        raise ConfigurationError(f"{given_as} is {ascii(name)[:200]}, which no file can be named") from None
    if not hasattr(socket_module, "AF_UNIX"):
        raise ConfigurationError(f"{given_as} is set, and this system has no Unix sockets: use a URL")
    if length > MAX_SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f"{given_as} is longer than the {MAX_SOCKET_PATH_BYTES} bytes that a Unix socket can have: {name}"
        )
    return Place(name, name, "localhost", ("", 0))


def at_url(url: object, given_as: str) -> Place:
    """Return the place of an http or https URL. Raises ConfigurationError that names `given_as`."""
    if not isinstance(url, str):
        raise ConfigurationError(f"{given_as} must be a string, not {type(url).__name__}")
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{given_as} is {ascii(url)[:200]}; it must begin with http:// or https://")
    if not _PLAIN.fullmatch(url):
        raise _unlike_a_url(url, given_as)
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise ConfigurationError(f"{given_as} is {ascii(url)[:200]}: {error}") from None
    if "@" in parts.netloc:
        # Not quoted: it may be a password.
        raise ConfigurationError(f"{given_as} must not hold a user or a password")
    host = parts.netloc.rpartition(":")[0] if re.search(r":[0-9]*$", parts.netloc) else parts.netloc
    if not (_is_host(host) and _PREFIX.fullmatch(parts.path)):
        raise _unlike_a_url(url, given_as)
    return Place(url, None, parts.netloc, (host.strip("[]"), port), parts.path.rstrip("/"), parts.scheme == "https")


def _unlike_a_url(url: str, given_as: str) -> ConfigurationError:
    return ConfigurationError(f"{given_as} is {ascii(url)[:200]}; it must be like http://127.0.0.1:8181")


def _is_host(host: str) -> bool:
    if host.startswith("["):
        return host.endswith("]") and _address_family(host.strip("[]")) is socket_module.AF_INET6
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def _address_family(host: str) -> socket_module.AddressFamily | None:
    """Return the family of an IP address; None when it is a name."""
    try:
        return socket_module.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket_module.AF_INET
    except ValueError:
        return None
