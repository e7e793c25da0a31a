"""Standard error as nobody has to wait for it: a bounded queue, a thread, and a count of what was dropped."""

from __future__ import annotations

import os
import queue
import select
import threading
from typing import Final

_MOST_LINES: Final = 2000
_LAST_WORDS_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 1.0


class LogOutlet:
    """Takes lines as a text file does, and never blocks or raises: whoever reads may hang, or be gone."""

    def __init__(self, descriptor: int, most_lines: int = _MOST_LINES) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes] = queue.Queue(most_lines)
        self._lost = 0
        self._unwritten = 0
        # A daemon: a reader that takes nothing must not keep the process from ending.
        threading.Thread(target=self._write_for_ever, name="log", daemon=True).start()

    @property
    def dropped(self) -> int:
        """How many lines nobody will ever read."""
        return self._lost + self._unwritten

    def write(self, text: str) -> int:
        """Queue a line, or drop it when the queue is full."""
        try:
            self._lines.put_nowait(text.encode("utf-8", "backslashreplace"))
        except queue.Full:
            self._lost += 1
        return len(text)

    def flush(self) -> None:
        """Nothing is waited for; see close."""

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        try:
            return os.isatty(self._descriptor)
        except OSError:
            return False

    def close(self, seconds: float = _LAST_WORDS_SECONDS) -> None:
        """Wait for what is queued to be written, but no longer than so many seconds."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, seconds)

    def _write_for_ever(self) -> None:
        while True:
            line = self._lines.get()
            try:
                self._write(line)
            except OSError:
                self._unwritten += 1
            finally:
                self._lines.task_done()

    def _write(self, line: bytes) -> None:
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [], _RETRY_SECONDS)
