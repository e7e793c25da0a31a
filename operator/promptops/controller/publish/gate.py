"""Which namespaces wait to be published: a whole index without a prompt takes that prompt from everybody who renders it."""

from __future__ import annotations

from collections.abc import Callable, Iterable


class Gate:
    """Opens for a namespace once each prompt that was there at its beginning is decided on. Pure: time is an argument."""

    def __init__(self, begin: Callable[[str], None]) -> None:
        self._begin = begin
        self._undecided: dict[str, set[str]] = {}
        """Namespace → prompts that nothing was decided about yet in this term."""
        self._since: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._undecided)

    @property
    def undecided(self) -> int:
        """How many prompts are waited for."""
        return sum(map(len, self._undecided.values()))

    def close(self, namespace: str, prompts: Iterable[str], now: float) -> None:
        """Wait for these prompts before the namespace is published; for none, it is at once."""
        self._undecided[namespace] = set(prompts)
        self._since[namespace] = now
        self._open_if_decided(namespace)

    def decided(self, namespace: str, prompt: str) -> None:
        """A prompt was decided on, or stands by its status."""
        waiting = self._undecided.get(namespace)
        if waiting is not None:
            waiting.discard(prompt)
            self._open_if_decided(namespace)

    def waits_for(self, namespace: str, prompt: str) -> bool:
        """Tell whether a namespace is not published because of this prompt."""
        return prompt in self._undecided.get(namespace, ())

    def overdue(self, now: float, seconds: float) -> tuple[tuple[str, str], ...]:
        """Return (namespace, prompt) of those who have kept their namespaces waiting for longer than that."""
        late = [namespace for namespace, since in self._since.items() if now - since >= seconds]
        return tuple((namespace, prompt) for namespace in late for prompt in sorted(self._undecided[namespace]))

    def clear(self) -> None:
        """The term is over: publish nothing any more."""
        self._undecided.clear()
        self._since.clear()

    def _open_if_decided(self, namespace: str) -> None:
        if not self._undecided[namespace]:
            del self._undecided[namespace], self._since[namespace]
            self._begin(namespace)
