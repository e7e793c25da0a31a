"""Progress on standard error: a living line on a terminal, plain lines when piped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Says what takes long, before and after."""

    def __init__(
        self,
        console: Console | None = None,
        sign_of_life_seconds: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._sign_of_life_seconds = sign_of_life_seconds
        self._clock = clock

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, what: str, seconds: int = 0, where: str = "on two cores") -> Iterator[Callable[[str], None]]:
        """Announce a step, and how long it takes and `where`, when that is long; yield a function that shows what it is at."""
        begun = self._clock()
        announced = f"{what} (about {seconds} s {where})…" if seconds else f"{what}…"
        if not self._console.is_terminal:
            self.say(announced)
            yield self._sign_of_life(begun)
        else:
            with self._console.status(announced) as status:
                yield lambda detail: status.update(f"{announced} [dim]{_escaped(detail)}[/dim]")
        self.say(f"{what}… done in {self._clock() - begun:.1f} s")

    def _sign_of_life(self, begun: float) -> Callable[[str], None]:
        """Return what prints a detail now and then, for those who watch a log."""
        last = begun

        def show(detail: str) -> None:
            nonlocal last
            now = self._clock()
            if now - last >= self._sign_of_life_seconds:
                last = now
                self.say(f"  {now - begun:.0f} s: {detail}")

        return show


def _escaped(detail: str) -> str:
    return detail.replace("[", r"\[")[:60]
