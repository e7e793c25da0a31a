"""A port that was offered to one is offered to no other, before anything listens there."""

from __future__ import annotations

import random
import socket
import subprocess
import sys

import pytest

from promptops.dev import ports
from promptops.dev.ports import free_ports

FEW = 100
"""Among so few, any who choose by chance meet."""


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> int:
    """The first of a few ports, which are the only ones that are offered; nothing else on a machine is given these."""
    chosen = random.SystemRandom().randrange(10000, 20000 - FEW)
    monkeypatch.setattr(ports, "_FIRST", chosen)
    monkeypatch.setattr(ports, "_LAST", chosen + FEW - 1)
    monkeypatch.setattr(ports, "_ATTEMPTS", FEW)
    return chosen


@pytest.mark.usefixtures("first")
def test_whoever_asks_next_gets_others() -> None:
    given = [port for _ in range(10) for port in free_ports(3)]

    assert len(set(given)) == 30


def test_other_processes_get_others(first: int) -> None:
    narrow = f"ports._FIRST, ports._LAST, ports._ATTEMPTS = {first}, {first + FEW - 1}, {FEW}"
    command = (sys.executable, "-c", f"from promptops.dev import ports; {narrow}; print(*ports.free_ports(15))")

    at_once = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    given = [port for each in at_once for port in each.communicate()[0].split()]

    assert len(set(given)) == len(given) == 45


def test_who_was_given_it_listens_there() -> None:
    (port,) = free_ports(1)

    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port


@pytest.mark.usefixtures("first")
def test_that_none_is_left_is_said() -> None:
    with pytest.raises(OSError, match="no 101 free ports between"):
        free_ports(FEW + 1)
