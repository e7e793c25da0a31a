"""Free ports on the loopback address, from a range the kernel does not hand out to outgoing connections.

A part that is stopped for a while must find its port free when it comes back.
"""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Iterable

_LOOPBACK = "127.0.0.1"
_FIRST, _LAST = 20000, 29999
_ATTEMPTS = 500


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different ports on which nothing listens, and which nobody else is given here for a minute."""
    offered = random.SystemRandom().sample(range(_FIRST, _LAST + 1), _ATTEMPTS)
    found = tuple(itertools.islice(filter(_is_taken, offered), count))
    if len(found) < count:
        raise OSError(f"no {count} free ports between {_FIRST} and {_LAST}")
    return found


def free_or_else(wanted: Iterable[int]) -> tuple[int, ...]:
    """Return each wanted port that is free at this moment, and in the place of another one some free port."""
    ports = tuple(wanted)
    others = iter(free_ports(len(ports)))
    return tuple(port if _is_free(port) else next(others) for port in ports)


def _is_taken(port: int) -> bool:
    """Take a port, if it is free, for whoever is told of it; whatever process asks next gets another one.

    The kernel remembers it: a connection that its server was the first to close stays behind, for as long as such do (60 s on Linux).
    It keeps out who binds without SO_REUSEADDR, which is us here, and nobody who does with it, which is every server.
    """
    with socket.socket() as server:
        try:
            server.bind((_LOOPBACK, port))
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what stays behind is as its server was
            server.listen()
        except OSError:
            return False
        with socket.create_connection((_LOOPBACK, port)):
            server.accept()[0].close()
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
        return True
