"""Free ports on the loopback address, from a range the kernel does not hand out to outgoing connections.

A part that is stopped for a while must find its port free when it comes back.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable

_FIRST, _LAST = 20000, 29999
_ATTEMPTS = 500


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different ports on which nothing listens at this moment."""
    offered = random.SystemRandom().sample(range(_FIRST, _LAST + 1), _ATTEMPTS)
    found: list[int] = []
    for port in offered:
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise OSError(f"no {count} free ports between {_FIRST} and {_LAST}")


def free_or_else(wanted: Iterable[int]) -> tuple[int, ...]:
    """Return each wanted port that is free at this moment, and in the place of another one some free port."""
    ports = tuple(wanted)
    others = iter(free_ports(len(ports)))
    return tuple(port if _is_free(port) else next(others) for port in ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
