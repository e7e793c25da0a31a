"""What both clients are before they ask anybody: settings, what goes with them, and who is told of renders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from promptops.client.config import ClientConfig, settled
from promptops.client.events import Handler
from promptops.client.occasional import Occasional
from promptops.client.session import Session

if TYPE_CHECKING:
    from promptops.client.in_process.renderer import Renderer


class Closable(Protocol):
    """What makes the hot calls."""

    def close(self) -> None:
        """Close every connection that nobody waits at."""


Transport = TypeVar("Transport", bound=Closable)


class ConfiguredClient(ABC, Generic[Transport]):
    """The state of a client, whichever way it waits for answers."""

    def __init__(
        self,
        config: ClientConfig | None = None,
        /,
        *,
        socket: str | Path | None = None,
        base_url: str | None = None,
    ) -> None:
        self._closed = False
        self._here: Renderer | None = None
        self._use(Session(settled(config, socket, base_url)))

    @property
    def config(self) -> ClientConfig:
        """The settings, as they are now."""
        return self._session.config

    def subscribe(self, event_type: str, handler: Handler) -> Callable[[], None]:
        """Have a handler told of `prompt.requested`, `prompt.completed` or `prompt.failed`; return what ends that. Raises ConfigurationError.

        The events of one render have one `correlation_id`. A handler, or coroutine function, runs in a thread of its own: one that is slow
        misses some, one that fails is counted, and no render waits for it or hears of it.
        """
        end = self._session.subscriptions.subscribe(event_type, handler)
        self._here = None

        def unsubscribe() -> None:
            end()
            self._here = None if self._closed else self._session.quick

        return unsubscribe

    @abstractmethod
    def _transport(self, session: Session) -> Transport: ...

    def _use(self, session: Session) -> None:
        before, left = getattr(self, "_hot", None), getattr(self, "_session", None)
        occasional = Occasional(session.place, session.config.timeout_seconds, session.token)
        self._hot = self._transport(session)
        self._occasional, self._session, self._here = occasional, session, session.quick
        if before is not None:
            before.close()
        if left is not None:
            left.left_for(session)
