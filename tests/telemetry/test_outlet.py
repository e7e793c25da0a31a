"""Whoever reads the log may hang or be gone: nobody waits for it, nothing is raised, and what is lost is counted."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator

import pytest

from promptops.telemetry.outlet import LogOutlet
from tests.support.waiting import wait_until

_F_SETPIPE_SZ = 1031


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A small pipe: where to read, and where to write."""
    read, write = os.pipe()
    fcntl.fcntl(write, _F_SETPIPE_SZ, 4096)
    yield read, write
    for descriptor in (read, write):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_lines_come_in_order(pipe: tuple[int, int]) -> None:
    read, write = pipe
    outlet = LogOutlet(write)

    for number in range(20):
        outlet.write(f"{number}\n")
    outlet.close(60)

    assert os.read(read, 4096).decode().split() == [str(number) for number in range(20)]
    assert outlet.dropped == 0


def test_a_reader_that_hangs_costs_lines_and_nothing_else(pipe: tuple[int, int]) -> None:
    outlet = LogOutlet(pipe[1], most_lines=10)

    for _ in range(100):
        outlet.write("x" * 1000 + "\n")

    outlet.close(0.01)
    assert 80 <= outlet.dropped <= 90
    # What still waits to be written would go to whoever gets the descriptor's number next.
    os.close(pipe[0])
    outlet.close(60)


@pytest.mark.parametrize("end", [0, 1], ids=["the reader is gone", "the descriptor is closed"])
def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: tuple[int, int], end: int) -> None:
    os.close(pipe[end])
    outlet = LogOutlet(pipe[1])

    outlet.write("x\n")

    wait_until(lambda: outlet.dropped == 1)


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.set_blocking(write, False)
    outlet = LogOutlet(write)
    lines = [json.dumps({"number": number, "text": "x" * 500}) for number in range(100)]

    for line in lines:
        outlet.write(line + "\n")

    received = b""
    while received.count(b"\n") < len(lines):
        received += os.read(read, 65536)
    assert received.decode().splitlines() == lines
    assert outlet.dropped == 0
