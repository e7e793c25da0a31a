"""The API server as a process that can be killed, and what it writes down of who asked for what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.cluster.commands import wait_until


@dataclass(frozen=True)
class ApiServer:
    """It comes back by itself, as on every node."""

    processes: Callable[[], tuple[int, ...]]
    """Numbers of its processes, wherever they count."""
    kill: Callable[[int], None]
    read_audit_log: Callable[[], str]

    def crash(self) -> None:
        """Kill it without a word, and wait until another process has taken its place. That one is not ready yet."""
        before = self.processes()
        for process in before:
            self.kill(process)
        wait_until(lambda: bool(set(self.processes()) - set(before)), "the API server is started again")

    def audited(self) -> list[dict[str, Any]]:
        """Return the requests of service accounts and of strangers, with their outcome."""
        # What stands behind the last end of a line is still being written.
        return [json.loads(line) for line in self.read_audit_log().split("\n")[:-1]]
