"""Renders in this process, whichever that is by now: a child that was forked goes on with what its parent held, and follows anew."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from promptops.api.http import RenderResponse
from promptops.client.caching import CacheConfig
from promptops.client.codec import Call
from promptops.client.errors import (
    UNEXPECTED_ANSWER,
    CircuitOpenError,
    NetworkError,
    PromptOpsError,
    ServerError,
    TimeoutError,
)
from promptops.client.exchange import Response
from promptops.client.in_process.local import Local
from promptops.client.statistics import CallCounts

if TYPE_CHECKING:
    from promptops.client.in_process.mirrored import MirrorSource

AWAY_SECONDS: Final = 1.0
"""A sidecar that did not answer is not asked again so soon, by who holds what to answer with."""
Quick = Callable[[str, Mapping[str, Any] | None], RenderResponse | None]
_DID_NOT_ANSWER: Final = (NetworkError, TimeoutError, CircuitOpenError)


class Renderer:
    """Answers from what this process holds. Safe for threads and over forks."""

    def __init__(
        self, path: str | None, counts: Callable[[], CallCounts], cache: CacheConfig, mirror: MirrorSource | None = None
    ) -> None:
        """`path`: the sidecar's socket; None: it is asked first, each time. `counts`: returns those of this process."""
        self.cache = cache
        self.mirror = mirror
        """What is read where the sidecar is away."""
        self._path = path
        self._counts = counts
        self._locals: dict[int, Local] = {}
        self._away_until = 0.0
        self._closed = False
        self._end = weakref.finalize(self, _end, self._locals)
        self.quick: Quick = _takes_more
        """Answers a usual call with what is known to be current. None: it takes more than that."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def current(self, prompt_id: str, body: bytes) -> RenderResponse | None:
        """Answer any call, given the bytes that would be sent, with what is known to be current; or with what is held, while the sidecar is away.

        None: the sidecar has to be asked. Raises PromptOpsError.
        """
        local, follows = self.local(), self._path is not None
        answer = local.current(prompt_id, body) if follows else None
        if answer is None and monotonic() < self._away_until and not (follows and local.is_current):
            return local.held(prompt_id, body)
        return answer

    def holds(self, prompt_id: str) -> bool:
        """Whether there is something to answer with if the sidecar does not, or will be in a moment."""
        return self.local().holds(prompt_id) or self.is_starting

    @property
    def is_starting(self) -> bool:
        """Whether nothing is held yet, and the mirror may still say what."""
        local = self.local()
        return not local.knows and local.following.mirror is not None and local.following.mirror.is_starting

    def may_still_answer(self, error: PromptOpsError) -> bool:
        """Whether what asking ended with was no answer, and the mirror may have one in a moment."""
        return is_away(error) and self.is_starting

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to wait for before the first render."""
        local = self.local()
        mirror = local.following.mirror
        return (self._path is None or local.is_current) and (mirror is None or not mirror.is_starting)

    def instead(self, prompt_id: str, body: bytes, error: PromptOpsError) -> RenderResponse:
        """Answer with what is held where asking ended with an error. Raises that error when it was an answer, or nothing is held."""
        if not is_away(error) or (answer := self.local().held(prompt_id, body)) is None:
            raise error
        self._away_until = monotonic() + AWAY_SECONDS
        return answer

    def told(self, call: Call[Any], error: PromptOpsError) -> Response:
        """Answer another call than a render from what the mirror said. Raises the error that asking ended with when there is nothing."""
        if not is_away(error) or (answer := self.local().told(call)) is None:
            raise error
        return answer

    def local(self) -> Local:
        """Return what this process holds, and have it followed."""
        local = self._locals.get(getpid())
        if local is None:
            local = self._begin(getpid())
        if not self._closed:
            local.following.ensure()
        return local

    def clear(self) -> None:
        """Forget everything that this process holds; it is fetched anew with the next render."""
        left = self._locals.pop(getpid(), None)
        self.quick = _takes_more
        if left is not None:
            left.following.stop()

    def close(self) -> None:
        """End the thread of this process. What is held stays, for calls on their way."""
        self._closed = True
        self._end()

    def _begin(self, process: int) -> Local:
        inherited = next((local for of, local in list(self._locals.items()) if of != process), None)
        local = self._locals.setdefault(process, self._made(inherited))
        for other in [of for of in list(self._locals) if of != process]:
            if (left := self._locals.pop(other, None)) is not None:
                left.following.abandon()
        if self._path is not None:
            self.quick = local.quick
        return local

    def _made(self, inherited: Local | None) -> Local:
        return Local(self._path, self._counts(), inherited, cache=self.cache, mirror=self.mirror)


def is_away(error: PromptOpsError) -> bool:
    """Whether a call that ended so was not answered. What a sidecar has decided, as that a prompt is disabled, is an answer."""
    if isinstance(error, ServerError):
        return error.retryable or error.error_code == UNEXPECTED_ANSWER
    return isinstance(error, _DID_NOT_ANSWER)


def _takes_more(prompt_id: str, variables: Mapping[str, Any] | None) -> RenderResponse | None:
    return None


def _forked(of: weakref.ref[Renderer]) -> None:
    """A child answers nothing from what nobody keeps current in it, and keeps no stream of its parent's open."""
    renderer = of()
    if renderer is not None:
        renderer.quick = _takes_more
        for inherited in list(renderer._locals.values()):
            inherited.following.abandon()


def _end(locals_of: dict[int, Local]) -> None:
    local = locals_of.get(getpid())
    if local is not None:
        local.following.stop()
