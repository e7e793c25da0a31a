"""The node's network namespace and the wire to it. The host gets one address and one route, nothing else."""

from __future__ import annotations

from tests.e2e.cluster.commands import run
from tests.e2e.cluster.layout import HOST_ADDRESS, HOST_LINK, NAME, NODE_ADDRESS
from tests.e2e.cluster.machine import program


def create() -> None:
    """Make the namespace and connect it."""
    _ip("netns", "add", NAME)
    _ip("link", "add", HOST_LINK, "type", "veth", "peer", "name", "eth0", "netns", NAME)
    _ip("addr", "add", f"{HOST_ADDRESS}/30", "dev", HOST_LINK)
    _ip("link", "set", HOST_LINK, "up")
    _ip("-n", NAME, "addr", "add", f"{NODE_ADDRESS}/30", "dev", "eth0")
    _ip("-n", NAME, "link", "set", "eth0", "up")
    _ip("-n", NAME, "link", "set", "lo", "up")
    _ip("-n", NAME, "route", "add", "default", "via", HOST_ADDRESS)


def processes() -> tuple[int, ...]:
    """Return the processes that live in the namespace."""
    return tuple(int(line) for line in _ip("netns", "pids", NAME, check=False).split())


def remove() -> None:
    """Remove wire and namespace; either may be gone already."""
    _ip("link", "del", HOST_LINK, check=False)
    _ip("netns", "del", NAME, check=False)


def _ip(*arguments: str, check: bool = True) -> str:
    return run(program("ip") or "ip", *arguments, check=check).stdout
