"""Has contents looked at that take long: elsewhere, once each, in turns between namespaces. Keys wait without holding a worker."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

import msgspec
import structlog

from promptops.api import reasons
from promptops.api.wire import read_value
from promptops.controller.decide.ledger import Lane, Turns
from promptops.controller.intake.contents import AT_ONCE_BYTES, Contents
from promptops.controller.keys import Key
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.composition import Mixture, mix
from promptops.domain.content.sourcing import SourceText, judge
from promptops.domain.findings import Finding
from promptops.trials.labour import CPU_SECONDS
from promptops.trials.process import WORK_SECONDS, WorkFailed
from promptops.trials.work import MixWork, SourceWork, VersionWork, Work, answer_of, request

MOST_SOURCES = 8192
MOST_CHARACTERS = 16 * 1024 * 1024
"""What sources and mixtures were looked at is remembered up to these bounds, the latest first."""

Subject: TypeAlias = "str | tuple[str, str, bytes, bytes]"
"""uid of a PromptVersion, or what a source says, or the digest of a content with all that it includes."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class NotJudged(Exception):
    """A source, or a content with what it includes, has to be looked at elsewhere first."""

    def __init__(self, subject: Subject) -> None:
        super().__init__("a content was not looked at yet")
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
        self._mixtures: dict[Subject, Mixture] = {}
        """What is to be mixed."""
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
            if _size(subject) > AT_ONCE_BYTES or source.tests is not None:
                raise NotJudged(subject)
            known = judge(source)
            self._remember(subject, known)
        self._sources.move_to_end(subject)
        return known

    def mix(self, mixture: Mixture) -> Assessment:
        """Return what a content comes to with what it includes. Raises NotJudged when that takes too long here."""
        subject = _subject_of(mixture)
        known = self._sources.get(subject)
        if known is None:
            size = len(mixture.written) + sum(len(each.data) for each in mixture.ingredients)
            if size > AT_ONCE_BYTES or mixture.tests:
                self._mixtures[subject] = mixture
                raise NotJudged(subject)
            known = mix(mixture)
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
            await self._look(namespace, subject)
            self._tell(subject)

    async def _look(self, namespace: Hashable, subject: Subject) -> None:
        asked = self._work_on(subject)
        if asked is None:
            return
        try:
            found = await self._answer(asked)
        except WorkFailed as failure:
            log.warning("content cannot be checked", namespace=namespace, error=str(failure))
            found = await self._without_answer(asked, failure)
        self._settle(subject, asked, found)

    async def _without_answer(self, asked: Work, failure: WorkFailed) -> Assessment:
        """Return what may be said of content that the process was ended over twice: perhaps its tests are to blame."""
        if _has_tests(asked):
            with suppress(WorkFailed):
                looked = answer_of(await self._carry_out(request(_without_tests(asked))))
                return replace(looked, crashed=_untested(failure))
        return Assessment(None, (_unchecked(failure, "spec.content" if isinstance(asked, VersionWork) else ""),))

    async def _answer(self, asked: Work) -> Assessment:
        try:
            return answer_of(await self._carry_out(request(asked)))
        except WorkFailed:
            return answer_of(await self._carry_out(request(asked)))

    def _work_on(self, subject: Subject) -> Work | None:
        if isinstance(subject, str):
            spec = self._contents.spec_of(subject)
            return None if spec is None else VersionWork(spec, self._contents.has_tests(subject))
        if (mixture := self._mixtures.get(subject)) is not None:
            ingredients = tuple((each.alias, each.name, each.data) for each in mixture.ingredients)
            return MixWork(mixture.written, ingredients, mixture.tests)
        how, value, inline, tests = subject
        return SourceWork(how, value, read_value(inline), read_value(tests))

    def _settle(self, subject: Subject, asked: Work, found: Assessment) -> None:
        if not isinstance(subject, str):
            self._remember(subject, found)
        elif isinstance(asked, VersionWork):
            self._contents.settle(subject, asked.spec, found)

    def _tell(self, subject: Subject) -> None:
        for key, lane in self._waiting.pop(subject, {}).items():
            missing = self._missing.get(key)
            if missing is not None:
                missing.discard(subject)
                if not missing:
                    del self._missing[key]
                    self._enqueue(key, lane)

    def _remember(self, subject: Subject, found: Assessment) -> None:
        self._mixtures.pop(subject, None)
        if subject not in self._sources:
            self._characters += _size(subject)
        self._sources[subject] = found
        while len(self._sources) > MOST_SOURCES or (self._characters > MOST_CHARACTERS and len(self._sources) > 1):
            oldest, _ = self._sources.popitem(last=False)
            self._characters -= _size(oldest)


def _subject(source: SourceText) -> Subject | None:
    """What a source says is what it is known by; None when it is no JSON, so that a short look says where."""
    try:
        return source.format, source.value, msgspec.json.encode(source.inline), msgspec.json.encode(source.tests)
    except (TypeError, ValueError, RecursionError):
        return None


def _subject_of(mixture: Mixture) -> Subject:
    told = hashlib.sha256(mixture.written)
    for alias, name, data in mixture.ingredients:
        told.update(f"\0{alias} {name} {len(data)}\0".encode() + data)
    return "mix", told.hexdigest(), b"", mixture.tests


def _size(subject: Subject) -> int:
    return 0 if isinstance(subject, str) else len(subject[1]) + len(subject[2]) + len(subject[3])


def _has_tests(asked: Work) -> bool:
    return asked.with_tests if isinstance(asked, VersionWork) else bool(asked.tests)


def _without_tests(asked: Work) -> Work:
    if isinstance(asked, VersionWork):
        return VersionWork(asked.spec, with_tests=False)
    if isinstance(asked, MixWork):
        return MixWork(asked.written, asked.ingredients)
    return SourceWork(asked.format, asked.value, asked.inline)


def _unchecked(failure: WorkFailed, path: str) -> Finding:
    """What is said of content that cannot be looked at."""
    if failure.took_too_long:
        message = f"could not be checked within {WORK_SECONDS:.0f} s: shorten it, or make it simpler"
        return Finding(reasons.CONTENT_UNCHECKABLE, message, path)
    return Finding(reasons.ENGINE_CRASHED, _CRASHED, path)


def _untested(failure: WorkFailed) -> Finding:
    """What is said of content that is sound as far as looking at it tells, and whose tests do not come to an end."""
    if failure.took_too_long:
        message = (
            f"its tests did not come to an end within {CPU_SECONDS} s: test with less, or make the template simpler"
        )
        return Finding(reasons.TESTS_FAILED, message)
    return Finding(reasons.ENGINE_CRASHED, _CRASHED)


_CRASHED = "the process that tried it was ended twice: make the template or its tests simpler, and report this"
