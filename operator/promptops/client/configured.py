"""What both clients are before they ask anybody: settings, what goes with them, and who is told of renders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from promptops.client.config import ClientConfig, settled
from promptops.client.events import Handler
from promptops.client.occasional import Occasional
from promptops.client.place import Place
from promptops.client.session import Session

if TYPE_CHECKING:
    from promptops.client.in_process.renderer import Renderer


class Closable(Protocol):
    """What makes the hot calls."""

    def close(self) -> None:
        """Close every connection that nobody waits at."""


Transport = TypeVar("Transport", bound=Closable)


@dataclass(frozen=True)
class Line(Generic[Transport]):
    """What one endpoint is asked by."""

    place: Place
    hot: Transport
    occasional: Occasional


_Route = tuple[Session, tuple[Line[Transport], ...]]


class ConfiguredClient(ABC, Generic[Transport]):
    """The state of a client, whichever way it waits for answers."""

    def __init__(
        self,
        config: ClientConfig | Mapping[str, Any] | None = None,
        /,
        *,
        socket: str | Path | None = None,
        base_url: str | None = None,
    ) -> None:
        """`config`: plain data is taken as ClientConfig.of takes it."""
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
    def _transport(self, place: Place, session: Session) -> Transport: ...

    @property
    def _session(self) -> Session:
        return self._route[0]

    def _use(self, session: Session) -> None:
        before: _Route[Transport] | None = getattr(self, "_route", None)
        occasional = [Occasional(place, session.token) for place in session.places]
        lines = [Line(each.place, self._transport(each.place, session), each) for each in occasional]
        # Both at once: a call in another thread has the lines of its session.
        self._route: _Route[Transport] = (session, tuple(lines))
        self._here = session.quick
        if before is not None:
            _close(before[1])
            before[0].left_for(session)

    def _end(self) -> None:
        session, lines = self._route
        _close(lines)
        session.close()


def _close(lines: tuple[Line[Any], ...]) -> None:
    for line in lines:
        line.hot.close()
