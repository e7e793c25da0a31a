"""The data listener's calls: guard, route, answer. Routing is ours, on the path as it was sent."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from promptops.api.http import MAX_REQUEST_BYTES, Health
from promptops.api.observed import FeedbackAnswer, FeedbackRequest
from promptops.feed.blobs import one_of
from promptops.reader.answers import Answers
from promptops.reader.render_ids import rendered
from promptops.reader.requests import read_strictly
from promptops.sidecar.clients import MAX_REPORT_BYTES
from promptops.sidecar.counting import Counting
from promptops.sidecar.downstream import MAX_BLOBS_REQUEST_BYTES, Downstream
from promptops.sidecar.events import EventHub
from promptops.sidecar.guard import Guard
from promptops.sidecar.lookups import LookUps
from promptops.sidecar.mcp.face import McpFace
from promptops.sidecar.ofrep import OfrepFace
from promptops.sidecar.renders import JSON, NO_STORE, Renders
from promptops.sidecar.routes import OF_THE_FEED, Action, Route, route_of
from promptops.web.answers import Answer, Lasting, TakenRequest
from promptops.web.problems import no_such_route, read_query, refuse_query, wrong_method
from promptops.web.requests import Head

_ENCODER = msgspec.json.Encoder()
_MAX_FEEDBACK: Final = 4096
_LASTING: Final = frozenset({Action.EVENTS, Action.FLAG_CHANGES})
_FLAGS_QUERY: Final = frozenset({"sseEtag", "sseLastModified", "flagConfigEtag", "flagConfigLastModified"})
"""What a provider repeats of an event when it evaluates again. Everything is current here, so it means nothing."""
_ANSWERED_AT_ONCE: Final = frozenset({Action.HEALTH, Action.STATISTICS})


class DataApp:
    """Renders, lists, versions, health, and what is told of them."""

    def __init__(
        self,
        answers: Answers,
        health: Callable[[], Health],
        guard: Guard,
        worker: ThreadPoolExecutor,
        counting: Counting,
        hub: EventHub,
        downstream: Downstream | None = None,
    ) -> None:
        """`worker` has one thread, which may be shared. `downstream`: who is asked for the feed; None: nobody may follow here."""
        self._answers = answers
        self._health = health
        self._guard = guard
        self._worker = worker
        self._counting = counting
        self._hub = hub
        self._downstream = downstream
        self._renders = Renders(answers, hub, worker, counting.traces)
        self._look_ups = LookUps(answers, worker)
        self._mcp = McpFace(answers, self._renders, hub, worker)
        self._ofrep = OfrepFace(answers, self._renders, hub, worker)

    def __call__(self, head: Head) -> TakenRequest:
        """Say who answers a request. Raises HttpRefusal and PromptError."""
        self._guard.admit(head)
        route = route_of(head.path)
        is_followed = route.action in OF_THE_FEED
        if is_followed and self._downstream is None:
            raise no_such_route(head.path)
        if head.method not in route.action.methods:
            raise wrong_method(route.action.methods)
        if is_followed and self._downstream is not None:
            return self._followed(route.action, head, self._downstream)
        if head.method == "POST":
            return self._posted(route, head)
        if route.action in _LASTING:
            lasting = self._listened(route.action, head)
            return TakenRequest(lambda _: lasting)
        if route.action in _ANSWERED_AT_ONCE:
            refuse_query(head.query)
            return TakenRequest(lambda _: self._told(route.action))
        return TakenRequest(lambda _: self._look_ups.answer(route, head))

    def _followed(self, action: Action, head: Head, downstream: Downstream) -> TakenRequest:
        refuse_query(head.query)
        if action is Action.BLOBS:
            return TakenRequest(downstream.blobs, MAX_BLOBS_REQUEST_BYTES)
        if action is Action.REPORTS:
            return TakenRequest(downstream.clients.take, MAX_REPORT_BYTES)
        if action is Action.BLOB:
            blob = one_of(self._answers.view().blobs, head)
            return TakenRequest(lambda _: blob)
        stream = downstream.stream(head)
        return TakenRequest(lambda _: stream)

    def _posted(self, route: Route, head: Head) -> TakenRequest:
        if route.action is Action.FLAGS:
            read_query(head.query, _FLAGS_QUERY)
            return TakenRequest(lambda body: self._ofrep.all(body, head), MAX_REQUEST_BYTES)
        refuse_query(head.query)
        if route.action is Action.FEEDBACK:
            return TakenRequest(self._judge, _MAX_FEEDBACK)
        return TakenRequest(self._answering(route, head), MAX_REQUEST_BYTES, is_repeatable=True)

    def _answering(self, route: Route, head: Head) -> Callable[[bytes], Answer | Lasting | Awaitable[Answer | Lasting]]:
        prompt_id = route.prompt_id
        if route.action is Action.RENDER:
            return lambda body: self._renders.one(prompt_id, body, head)
        if route.action is Action.BATCH:
            return lambda body: self._renders.batch(body, head)
        if route.action is Action.FLAG:
            return lambda body: self._ofrep.one(prompt_id, body, head)
        return lambda body: self._mcp.answer(body, head)

    def _listened(self, action: Action, head: Head) -> Lasting:
        if action is Action.EVENTS:
            return self._hub.open(head.query)
        refuse_query(head.query)
        return self._ofrep.changes()

    def _told(self, action: Action) -> Answer | Awaitable[Answer]:
        if action is Action.STATISTICS:
            return self._statistics()
        health = self._health()
        return Answer(503 if health.status == "unhealthy" else 200, _ENCODER.encode(health), JSON, NO_STORE)

    async def _statistics(self) -> Answer:
        summary = self._counting.statistics.summary()
        loop = asyncio.get_running_loop()
        return Answer(200, await loop.run_in_executor(self._worker, _ENCODER.encode, summary), JSON, NO_STORE)

    def _judge(self, body: bytes) -> Answer:
        feedback = read_strictly(body, FeedbackRequest)
        entry, reference = rendered(self._answers.view(), feedback.render_id)
        counted = self._counting.judged(entry.name, feedback)
        answer = FeedbackAnswer(entry.name, reference.version, reference.digest, counted)
        return Answer(200, _ENCODER.encode(answer), JSON, NO_STORE)
