"""Sockets: bound before anything is served, nothing left behind."""

import contextlib
import errno
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from promptops.api.limits import MAX_BOUND_PATH_BYTES

SOCKET_MODE: Final = 0o660
"""Its owner and group may connect."""


class ListenError(Exception):
    """An address or path cannot be listened on; the message says why and what to do."""


def is_loopback(address: str) -> bool:
    """Whether host:port is reached from this machine, or this pod, alone."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bound_to(address: str) -> socket.socket:
    """Return a socket bound to host:port. Raises ListenError."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, int(port)))
    except OSError as error:
        bound.close()
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from None
    return bound


@contextlib.contextmanager
def bind_path(path: Path, mode: int = SOCKET_MODE) -> Iterator[socket.socket]:
    """Bind a Unix socket to which those may connect whom `mode` lets, in the place of one that a dead process left, and remove it in the end. Raises ListenError."""
    if len(os.fsencode(path)) > MAX_BOUND_PATH_BYTES:
        raise ListenError(f"the path of the socket is longer than {MAX_BOUND_PATH_BYTES} bytes: {path}")
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _bind_privately(bound, path, mode)
            inode = path.lstat().st_ino
        except OSError as error:
            raise ListenError(f"cannot listen on {path}: {error.strerror or error}") from None
        try:
            yield bound
        finally:
            _remove_own(path, inode)


def _bind_privately(bound: socket.socket, path: Path, mode: int) -> None:
    before = os.umask(0o777 & ~mode)  # nobody else may connect, not even at first
    try:
        bound.bind(os.fspath(path))
    finally:
        os.umask(before)


def _remove_own(path: Path, inode: int) -> None:
    with contextlib.suppress(OSError):
        if path.lstat().st_ino == inode:
            path.unlink()


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{path} is there and is not a socket; remove it, or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                path.unlink(missing_ok=True)
                return
            raise ListenError(f"cannot tell whether {path} is in use: {error.strerror or error}") from None
    raise ListenError(f"another process listens on {path}")
