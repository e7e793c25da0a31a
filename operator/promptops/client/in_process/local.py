"""What one process holds of its sidecar's prompts, and answers from it: the same reader and the same plans as the sidecar's own.

A usual call of a usual prompt takes the short way: a function that checks and renders, found by the prompt's id. Everything else
is read from the very bytes that would be sent, by what would read them there.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from promptops.api.feed import STALE_SECONDS
from promptops.api.http import BatchItem, RenderResponse, Source
from promptops.api.wire import read
from promptops.cache.clock import now_of_boot
from promptops.cache.store import Confirmed, Dropped, Event, Store, Swapped
from promptops.cache.view import View
from promptops.client.caching import CacheConfig
from promptops.client.codec import Call
from promptops.client.errors import PromptOpsError, error_of_problem
from promptops.client.exchange import Response
from promptops.client.in_process.following import Following
from promptops.client.in_process.ledger import RenderLedger
from promptops.client.in_process.looking_up import BATCH, batched, looked_up
from promptops.client.statistics import CallCounts, QuickCount
from promptops.client.vocabulary import PromptVariables
from promptops.feed.observer import FollowerObserver
from promptops.reader.answers import Answers, Attempt
from promptops.reader.lately import Lately
from promptops.reader.plans import UNDERSTANDING
from promptops.reader.render_ids import render_id
from promptops.rendering.errors import PromptError, PromptNotFound, Unavailable
from promptops.rendering.execute.plan import Plan
from promptops.rendering.execute.quick import Quick
from promptops.web.problems import problem_of

if TYPE_CHECKING:
    from promptops.client.in_process.mirrored import MirrorSource, OwnMirror

_FEATURES: Final = UNDERSTANDING.features or frozenset()
_ELSEWHERE: Final = (PromptNotFound, Unavailable)
"""What is not held here may have come to the sidecar in between."""
_PLAIN: Final = frozenset({dict, PromptVariables, type(None)})
"""Dictionaries that have what they seem to have."""
_ENCODER: Final = msgspec.json.Encoder()
_USUAL: Final = CacheConfig()


@dataclass(slots=True)
class Hot:
    """All that a usual render of one prompt needs."""

    name: str
    version: str
    digest: str
    quick: Quick
    parameters: Callable[[], dict[str, Any]]
    """Makes them anew: what an application does to its answer is seen in no other."""
    source: Source
    render_id: str
    """Its beginning."""
    count: QuickCount


class Local(FollowerObserver):
    """Holds and answers, in one process. Safe for threads; `now` is CLOCK_BOOTTIME."""

    def __init__(
        self,
        path: str | None,
        counts: CallCounts,
        inherited: Local | None = None,
        now: Callable[[], float] | None = None,
        cache: CacheConfig = _USUAL,
        mirror: MirrorSource | None = None,
    ) -> None:
        """`path`: the sidecar's socket; None: it is not followed. `inherited`: what the parent of a forked child held; it is held here
        too, and nothing of it is believed to be current. `mirror`: what is read by itself where the sidecar is away."""
        self._now = now or now_of_boot
        self._counts = counts
        self._ledger = RenderLedger()
        self._store = Store()
        self._hot: dict[str, Hot] = {}
        self._numbers = itertools.count()
        self._drawn = secrets.token_hex(6)
        self._fresh_until = 0.0
        """Until when what is held may be called the sidecar's, unless it says something before."""
        if inherited is not None and (view := inherited._store.current) is not None:
            self._store.swap(view)
            self._store.confirmed_at = inherited._store.confirmed_at
        self._confirmed_at = self._store.confirmed_at or 0.0
        self.knows = self._store.current is not None
        """Whether something is held that was confirmed, or that a parent had, and everything that follows from it was noted."""
        self._usual_until = 0.0
        """As `_fresh_until`, or until it is stale if that comes before."""
        self._answers = Answers(self._store, _Uncounted(), self._now, cache.max_size, cache.ttl)
        self._store.listen(self._heard)
        self.following = Following(
            path,
            self._store,
            self,
            self._ledger,
            lambda: self.view if self.is_current else None,
            self._reading(mirror) if mirror is not None else None,
        )
        self.following.scope = inherited.following.scope if inherited is not None else None

    @property
    def is_current(self) -> bool:
        """Whether the sidecar is followed, and was heard of lately."""
        return self._now() < self._fresh_until

    @property
    def age_seconds(self) -> float:
        """Since the origin confirmed what is held."""
        return round(self._store.age_seconds(self._now()), 3)

    @property
    def lately(self) -> Lately[Any]:
        """What is kept ready of versions that were asked for by number."""
        return self._answers.lately

    @property
    def view(self) -> View | None:
        """What is held."""
        return self._store.current

    def quick(self, prompt_id: str, variables: Mapping[str, Any] | None) -> RenderResponse | None:
        """Answer a usual call. None: it is not one, or nothing is known to be current."""
        if type(prompt_id) is not str or (hot := self._hot.get(prompt_id)) is None:
            return None
        if type(variables) is not dict:
            if type(variables) not in _PLAIN:
                return None
            variables = dict(variables or ())
        now = self._now
        began = now()
        if began >= self._usual_until or (rendered := hot.quick(variables)) is None:
            return None
        messages, count = rendered.messages, hot.count
        seconds = now() - began
        count.answered += 1
        count.seconds += seconds
        return RenderResponse(
            prompt_id,
            hot.version,
            hot.digest,
            messages[0]["content"] if len(messages) == 1 else rendered.text,
            messages,
            hot.parameters(),
            rendered.variables_used,
            True,
            hot.source,
            began - self._confirmed_at,
            False,
            seconds * 1000,
            (),
            f"{hot.render_id}{next(self._numbers)}",
        )

    def current(self, prompt_id: str, body: bytes) -> RenderResponse | None:
        """Answer any call, given the bytes that would be sent. None: the sidecar has to be asked. Raises PromptOpsError."""
        if not self.is_current:
            self.following.ensure()
            return None
        return self._answered(prompt_id, body)

    def held(self, prompt_id: str, body: bytes) -> RenderResponse | None:
        """Answer from what was held last, while the sidecar does not answer. Raises PromptOpsError.

        None: there may be more than is held. What a mirror keeps current is all there is.
        """
        answer = self._answered(prompt_id, body, is_all=self._is_all)
        if answer is None or answer.source == "fallback":
            return answer
        source: Source = "redis" if answer.source == "redis" else "snapshot"
        return msgspec.structs.replace(answer, source=source, cache_hit=True)

    def told(self, call: Call[Any]) -> Response | None:
        """Answer a call for more than one render, or for none, in the sidecar's place, from what the mirror said last. Raises PromptOpsError.

        None: nobody but a sidecar can, or there may be more than is held.
        """
        if self.following.mirror is None or self._store.current is None:
            return None
        try:
            if call.path == BATCH:
                found: Any = batched(call.body or b"", self._of_batch)
            else:
                found = looked_up(self._answers, call)
        except PromptError as error:
            if isinstance(error, _ELSEWHERE) and not self._is_all:
                return None
            raise _error_of(error) from None
        return Response(200, _ENCODER.encode(found)) if found is not None else None

    @property
    def _is_all(self) -> bool:
        """Whether what is held is all there is: a mirror keeps it current."""
        return self.following.is_mirrored and self.is_current

    def _of_batch(self, item: BatchItem) -> RenderResponse | PromptError:
        return self._noted(self._answers.attempt_read(item.prompt_id, item))

    def holds(self, prompt_id: str) -> bool:
        """Whether anything of a prompt is held, however old."""
        view = self._store.current
        return view is not None and prompt_id in view.names

    def disconnected(self, reason: str, detail: str) -> None:
        """Nothing is known to be current any more, unless the mirror keeps it so."""
        if self.following.is_mirrored:
            return
        self._fresh_until = self._usual_until = 0.0
        self.following.reporting.changed()

    def ahead(self, scope: str) -> None:
        """The sidecar serves less than is held, so what is held is not what it serves."""
        self._fresh_until = self._usual_until = 0.0
        self.following.reporting.changed()

    def _reading(self, source: MirrorSource) -> OwnMirror:
        from promptops.client.in_process.mirrored import OwnMirror

        return OwnMirror(source, self._store, lambda: self.following.scope)

    def _answered(self, prompt_id: str, body: bytes, *, is_all: bool = False) -> RenderResponse | None:
        """`is_all`: nobody can be asked for what is not held."""
        hot, view = self._hot, self._store.current
        name = view.names.get(prompt_id, "") if view is not None else ""
        if view is None or not (is_all or _is_whole(view, name)):
            return None
        attempt = self._answers.attempt(prompt_id, body)
        if isinstance(attempt.outcome, _ELSEWHERE) and not is_all:
            return None
        outcome = self._noted(attempt)
        if isinstance(outcome, PromptError):
            raise _error_of(outcome)
        if prompt_id not in hot and (made := self._made(view, name)) is not None:
            hot[prompt_id] = made
            # Another thread may have begun anew with others in between: then nobody counts there.
            made.count.closed = hot is not self._hot
        return read(_ENCODER.encode(outcome), RenderResponse)

    def _noted(self, attempt: Attempt) -> RenderResponse | PromptError:
        """Note what came of a render, and return it."""
        outcome, digest = attempt.outcome, attempt.digest or ""
        if isinstance(outcome, PromptError):
            self._ledger.failed(attempt.prompt, digest, outcome.reason)
        elif attempt.instead_of is not None:
            self._ledger.fell_back(attempt.prompt, digest, attempt.instead_of.reason)
        else:
            self._ledger.succeeded(attempt.prompt, digest, outcome.processing_time_ms / 1000)
        return outcome

    def _made(self, view: View, name: str) -> Hot | None:
        """Return the short way to a prompt; None when its calls need more than that."""
        entry = view.entries[name]
        if not _is_whole(view, name):
            return None
        if entry.stable is None or entry.must_understand or entry.values or view.header.renders_per_second:
            return None
        try:
            plan = self._answers.plan(view, entry.stable.digest)
        except PromptError:
            return None
        if plan.variants:
            return None
        count = QuickCount()
        self._counts.count_at(count)
        self._ledger.open(entry.name, entry.stable.digest, count)
        return Hot(
            entry.name,
            entry.stable.version,
            entry.stable.digest,
            plan.quick,
            _maker(plan),
            view.source,
            render_id(entry.name, entry.stable.digest, self._drawn),
            count,
        )

    def _heard(self, event: Event) -> None:
        """Take note, in the thread that follows."""
        if isinstance(event, Swapped):
            self._go_on_with({} if event.step is None else _untouched(dict(self._hot), event))
        elif isinstance(event, Confirmed):
            self._confirmed_at = self._store.confirmed_at or 0.0
            self._answers.tidy()
        elif isinstance(event, Dropped):
            self._go_on_with({})
        is_known = self._store.current is not None and self._store.confirmed_at is not None
        self._fresh_until = self._now() + STALE_SECONDS if is_known else 0.0
        self._usual_until = min(self._fresh_until, self._confirmed_at + STALE_SECONDS)
        self.knows = is_known
        self.following.reporting.changed()

    def _go_on_with(self, hot: dict[str, Hot]) -> None:
        before, self._hot = self._hot, hot
        for prompt_id, each in before.items():
            if prompt_id not in hot:
                each.count.closed = True


class _Uncounted:
    """The client counts, whoever answered."""

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """Nothing."""

    def failed(self, prompt: str, digest: str | None, reason: str, *, missed: bool) -> None:
        """Nothing."""

    def fell_back(self, prompt: str, reason: str) -> None:
        """Nothing."""


def _is_whole(view: View, name: str) -> bool:
    """Whether what is held of a prompt is what was published last, and nothing of it is beyond this version."""
    entry = view.entries.get(name)
    return entry is not None and name not in view.nacks and _FEATURES.issuperset(entry.must_understand)


def _untouched(hot: dict[str, Hot], event: Swapped) -> dict[str, Hot]:
    step = event.step
    touched = {entry.name for entry in step.upserts} | {gone.name for gone in step.removes} if step else set()
    return {prompt_id: each for prompt_id, each in hot.items() if each.name not in touched}


def _maker(plan: Plan) -> Callable[[], dict[str, Any]]:
    if not plan.parameters:
        return dict
    if all(isinstance(value, str | int | float | None) for value in plan.parameters.values()):
        return plan.parameters.copy
    encoded = _ENCODER.encode(plan.parameters)
    return lambda: read(encoded, dict[str, Any])


def _error_of(error: PromptError) -> PromptOpsError:
    later = str(error.retry_after) if error.retry_after is not None else None
    return error_of_problem(problem_of(error), retry_after=later)
