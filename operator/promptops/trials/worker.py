"""The process itself: takes one piece of work after the other from its input, with bounds on memory and a low priority."""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from typing import BinaryIO

from promptops.trials.work import carry_out

MEMORY_BYTES = 1024 * 1024 * 1024
NICE = 5
HEAD = struct.Struct(">I")


def main() -> None:
    """Work until the input ends, which it also does when whoever started us dies."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.nice(NICE)
    # Who presses Ctrl-C means the process that started us; our input ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while (request := _read(sys.stdin.buffer)) is not None:
        answer = carry_out(request)
        sys.stdout.buffer.write(HEAD.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    return source.read(HEAD.unpack(head)[0])


if __name__ == "__main__":
    main()
