"""When a file that changes has come to rest: each for itself, so that one that is written for ever keeps nobody else waiting.

What goes waits until everything has come to rest: an object that moves from one file to another is never away.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from promptops.workspace.folder import FileState

QUIET_SECONDS: Final = 0.1
"""A file that did not change for so long is written to its end."""
PATIENCE_SECONDS: Final = 2.0
"""After this a file is taken as it is."""


@dataclass
class _Unrest:
    state: FileState | None
    began: float
    last: float


@dataclass(frozen=True)
class Settled:
    """What can be taken now."""

    present: frozenset[str]
    gone: frozenset[str]
    is_calm: bool
    """Whether nothing else is changing."""


class Settling:
    """Follows the files that are not yet taken. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._unrest: dict[str, _Unrest] = {}

    @property
    def is_calm(self) -> bool:
        """Whether nothing is changing."""
        return not self._unrest

    def see(self, names: Iterable[str], states: dict[str, FileState], touched: frozenset[str], now: float) -> Settled:
        """Note every file that differs from what was taken, and which of them were `touched` since the last look."""
        before, self._unrest = self._unrest, {}
        for name in names:
            held, state = before.get(name), states.get(name)
            moved = held is None or held.state != state or name in touched
            self._unrest[name] = _Unrest(state, held.began if held else now, now if moved or not held else held.last)
        ripe = {
            name for name, each in self._unrest.items() if now - each.last >= QUIET_SECONDS or self._overdue(each, now)
        }
        is_calm = len(ripe) == len(self._unrest)
        gone = {name for name in ripe if self._unrest[name].state is None}
        gone_now = {name for name in gone if is_calm or self._overdue(self._unrest[name], now)}
        return Settled(frozenset(ripe - gone), frozenset(gone_now), is_calm)

    def is_overdue(self, name: str, now: float) -> bool:
        """Whether a file has kept us waiting long enough."""
        return name not in self._unrest or self._overdue(self._unrest[name], now)

    def _overdue(self, unrest: _Unrest, now: float) -> bool:
        return now - unrest.began >= PATIENCE_SECONDS
