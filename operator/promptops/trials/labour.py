"""What a worker process does, whatever its work is: one piece after the other from its input, with bounds on memory and time."""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 10
"""Of the processor's time for one piece of work. What the wall clock allows is more, for a machine that is busy."""
NICE = 5
HEAD = struct.Struct(">I")


def work(carry_out: Callable[[bytes], bytes], memory_bytes: int = MEMORY_BYTES, nice: int = NICE) -> None:
    """Work until the input ends, which it also does when whoever started us dies."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    os.nice(nice)
    # Who presses Ctrl-C means the process that started us; our input ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _say_where
    while (request := _read(sys.stdin.buffer)) is not None:
        _bound_time()
        answer = carry_out(request)
        sys.stdout.buffer.write(HEAD.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()


def _bound_time() -> None:
    """Allow so much more than was used until now; whoever takes it all is ended by the system (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + CPU_SECONDS, most))


def _say_where(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say what went wrong without the message, which may quote a prompt."""
    sys.stderr.write(f"worker process: {kind.__name__}\n{''.join(traceback.format_tb(trace))}")


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    return source.read(HEAD.unpack(head)[0])
