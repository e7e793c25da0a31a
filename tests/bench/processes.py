"""What the processes of a plane used of the processors and how long they stood in line for one: what is ours, and what is the machine's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from promptops.dev.plane import Plane

_NANOSECONDS = 1e9


@dataclass(frozen=True)
class Used:
    """Seconds on a processor, and seconds ready to run without one."""

    ran: float = 0.0
    waited: float = 0.0

    def __add__(self, other: Used) -> Used:
        return Used(self.ran + other.ran, self.waited + other.waited)

    def __sub__(self, other: Used) -> Used:
        return Used(self.ran - other.ran, self.waited - other.waited)


@dataclass
class Usage:
    """Of every thread of every process of a plane, as last seen: a thread that ends is not forgotten."""

    plane: Plane
    _threads: dict[str, dict[int, Used]] = field(default_factory=dict)

    def look(self) -> Mapping[str, Used]:
        """Return what each process, with its children, used since it began, as far as it was looked at."""
        for name, pid in self.plane.running().items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                self._note(name, process)
                for child in process.children(recursive=True):
                    self._note(f"{name}'s worker", child)
        return {name: sum(threads.values(), Used()) for name, threads in self._threads.items()}

    def _note(self, name: str, process: psutil.Process) -> None:
        for task in Path(f"/proc/{process.pid}/task").glob("*"):
            with suppress(OSError, ValueError):
                ran, waited, _ = map(int, (task / "schedstat").read_text().split())
                self._threads.setdefault(name, {})[int(task.name)] = Used(ran / _NANOSECONDS, waited / _NANOSECONDS)


def table(before: Mapping[str, Used], after: Mapping[str, Used], seconds: float) -> list[str]:
    """Return a line per process that ran at all, the busiest first."""
    used = {name: now - before.get(name, Used()) for name, now in after.items()}
    ordered = sorted(used.items(), key=lambda each: -each[1].ran)
    return [
        f"{name:<44} {each.ran:>8.1f} s {each.waited:>8.1f} s {100 * each.ran / seconds:>8.0f} %"
        for name, each in ordered
        if each.ran >= 0.05
    ]
