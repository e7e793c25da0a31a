"""Has contents looked at that take long: elsewhere, once each, in turns between namespaces. Keys wait without holding a worker."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import msgspec
import structlog

from promptops.api import reasons
from promptops.api.wire import read_value
from promptops.controller.decide.ledger import Lane, Turns
from promptops.controller.intake.contents import AT_ONCE_BYTES, Contents
from promptops.controller.keys import Key
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.sourcing import SourceText, judge
from promptops.domain.findings import Finding
from promptops.trials.process import WORK_SECONDS, WorkFailed
from promptops.trials.work import SourceWork, VersionWork, answer_of, request

MOST_SOURCES = 4096
MOST_CHARACTERS = 16 * 1024 * 1024
"""What sources were looked at is remembered up to these bounds, the latest first."""

Subject: TypeAlias = "str | tuple[str, str, bytes]"
"""uid of a PromptVersion, or what a source says."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class NotJudged(Exception):
    """A source has to be looked at elsewhere first."""

    def __init__(self, subject: Subject) -> None:
        super().__init__("a source was not looked at yet")
        self.subject = subject


class Assessor:
    """Knows what was looked at, and has the rest looked at. Belongs to one event loop."""

    def __init__(
        self,
        contents: Contents,
        carry_out: Callable[[bytes], Awaitable[bytes]],
        enqueue: Callable[[Key, Lane], None],
    ) -> None:
        self._contents = contents
        self._carry_out = carry_out
        self._enqueue = enqueue
        self._turns: Turns[Subject] = Turns()
        self._waiting: dict[Subject, dict[Key, Lane]] = {}
        self._missing: dict[Key, set[Subject]] = {}
        self._sources: OrderedDict[Subject, Assessment] = OrderedDict()
        self._characters = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def judge(self, source: SourceText) -> Assessment:
        """Return what a source comes to. Raises NotJudged when looking at it takes too long here."""
        subject = _subject(source)
        if subject is None:
            return judge(source)
        known = self._sources.get(subject)
        if known is None:
            if _size(subject) > AT_ONCE_BYTES:
                raise NotJudged(subject)
            known = judge(source)
            self._remember(subject, known)
        self._sources.move_to_end(subject)
        return known

    def want(self, key: Key, lane: Lane, subjects: Iterable[Subject]) -> None:
        """Work on the key once all of these were looked at."""
        wanted = dict.fromkeys(subjects)
        self._missing[key] = set(wanted)
        for subject in wanted:
            if subject not in self._waiting:
                self._turns.add(key.namespace, subject)
            self._waiting.setdefault(subject, {})[key] = lane
        self._wake.set()

    async def run(self) -> None:
        """Look at what is wanted, forever."""
        while True:
            taken = self._turns.take()
            if taken is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            namespace, subject = taken
            try:
                await self._look(subject)
            except WorkFailed as failure:
                log.warning("content cannot be checked", namespace=namespace, error=str(failure))
                self._give_up(subject)
            self._tell(subject)

    async def _look(self, subject: Subject) -> None:
        for attempt in (1, 2):
            try:
                await self._look_once(subject)
                return
            except WorkFailed:
                if attempt == 2:
                    raise

    async def _look_once(self, subject: Subject) -> None:
        if isinstance(subject, str):
            spec = self._contents.spec_of(subject)
            if spec is not None:
                found = answer_of(await self._carry_out(request(VersionWork(spec))))
                self._contents.settle(subject, spec, found)
            return
        how, value, inline = subject
        asked = SourceWork(how, value, read_value(inline))
        self._remember(subject, answer_of(await self._carry_out(request(asked))))

    def _give_up(self, subject: Subject) -> None:
        message = f"could not be checked within {WORK_SECONDS:.0f} s: shorten it, or make it simpler"
        if isinstance(subject, str):
            spec = self._contents.spec_of(subject)
            if spec is not None:
                refused = Finding(reasons.CONTENT_UNCHECKABLE, message, "spec.content")
                self._contents.settle(subject, spec, Assessment(None, (refused,)))
        else:
            self._remember(subject, Assessment(None, (Finding(reasons.CONTENT_UNCHECKABLE, message),)))

    def _tell(self, subject: Subject) -> None:
        for key, lane in self._waiting.pop(subject, {}).items():
            missing = self._missing.get(key)
            if missing is not None:
                missing.discard(subject)
                if not missing:
                    del self._missing[key]
                    self._enqueue(key, lane)

    def _remember(self, subject: Subject, found: Assessment) -> None:
        if subject not in self._sources:
            self._characters += _size(subject)
        self._sources[subject] = found
        while len(self._sources) > MOST_SOURCES or (self._characters > MOST_CHARACTERS and len(self._sources) > 1):
            oldest, _ = self._sources.popitem(last=False)
            self._characters -= _size(oldest)


def _subject(source: SourceText) -> Subject | None:
    """What a source says is what it is known by; None when it is no JSON, so that a short look says where."""
    try:
        return source.format, source.value, msgspec.json.encode(source.inline)
    except (TypeError, ValueError, RecursionError):
        return None


def _size(subject: Subject) -> int:
    return 0 if isinstance(subject, str) else len(subject[1]) + len(subject[2])
