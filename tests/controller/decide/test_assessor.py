"""Content is looked at once per object: small content where it is asked for, large content elsewhere, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from promptops.api import reasons
from promptops.controller.decide.assessor import Assessor, NotJudged
from promptops.controller.decide.ledger import Lane
from promptops.controller.intake.contents import AT_ONCE_BYTES, Contents, NotAssessed
from promptops.controller.keys import Key, version_key
from promptops.domain.content.assessment import MAX_JSON_BYTES, Assessment
from promptops.domain.content.resolving import assess
from promptops.domain.content.sourcing import SourceText
from promptops.domain.content.trial import Trial, Tried
from promptops.trials.process import WorkFailed
from promptops.trials.work import carry_out
from tests.controller.manifests import version
from tests.support.waiting import until

LARGE = {"text": "x" * AT_ONCE_BYTES}


def sized(number: int, content: dict[str, Any]) -> dict[str, Any]:
    """A version with this content."""
    made = version("greeting", f"1.0.{number}", number + 1)
    return {**made, "spec": {**made["spec"], "content": content}}


def with_a_test(number: int) -> dict[str, Any]:
    """A small version with a test that passes."""
    made = sized(number, {"text": "Hello"})
    return {**made, "spec": {**made["spec"], "tests": [{"name": "greets", "expect": [{"contains": "Hello"}]}]}}


class Elsewhere:
    """The worker process's part, done here and written down. It can be told to fail, and to wait."""

    def __init__(self) -> None:
        self.contents = Contents()
        self.keys: list[tuple[Key, Lane]] = []
        self.looked: list[bytes] = []
        self.failures = 0
        self.is_slow = True
        self.go = asyncio.Event()
        self.go.set()
        self.assessor = Assessor(self.contents, self.look, lambda key, lane: self.keys.append((key, lane)))

    async def look(self, sent: bytes) -> bytes:
        await self.go.wait()
        self.looked.append(sent)
        if self.failures:
            self.failures -= 1
            raise WorkFailed(took_too_long=self.is_slow)
        return carry_out(sent)


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    made = Elsewhere()
    running = asyncio.create_task(made.assessor.run())
    yield made
    running.cancel()


def test_what_is_kept_of_an_object_has_no_content_and_comes_to_the_same() -> None:
    contents, made = Contents(), sized(1, {"text": "Hello {{ name }}"})
    kept = contents.take(made)

    assert "content" not in kept["spec"]
    assert contents.assess(kept) == assess(made)


def test_small_content_is_looked_at_once_where_it_is_asked_for() -> None:
    contents = Contents()
    kept = contents.take(sized(1, {"text": "Hello"}))

    assert contents.assess(kept) is contents.assess(kept)


def test_another_generation_is_looked_at_again() -> None:
    contents, made = Contents(), sized(1, {"text": "Hello"})
    before = contents.assess(contents.take(made))
    edited = {**made, "metadata": {**made["metadata"], "generation": 2}, "spec": {**made["spec"], "lifecycle": "?"}}
    after = contents.assess(contents.take(edited))

    assert (before.findings, [each.path for each in after.findings]) == ((), ["spec.lifecycle"])


def test_an_entry_goes_with_its_object() -> None:
    contents, made = Contents(), sized(1, {"text": "Hello"})
    contents.take(made)
    contents.drop(made["metadata"]["uid"])

    assert len(contents) == 0


def test_content_beyond_every_bound_is_refused_unseen_and_not_kept() -> None:
    contents = Contents()
    made = sized(1, {"text": "x", "parameters": {"extra": [0] * MAX_JSON_BYTES}})
    kept = contents.take(made)
    uid = made["metadata"]["uid"]

    assert [each.reason for each in contents.assess(kept).findings] == [reasons.CONTENT_TOO_LARGE]
    assert (contents.spec_of(uid), contents.is_to_be_assessed(uid)) == (None, False)


async def test_large_content_is_looked_at_elsewhere_and_its_key_worked_on_then(elsewhere: Elsewhere) -> None:
    made = sized(1, LARGE)
    kept, key = elsewhere.contents.take(made), version_key("team", "greeting-1.0.1")
    with pytest.raises(NotAssessed) as missing:
        elsewhere.contents.assess(kept)
    elsewhere.assessor.want(key, Lane.FOLLOWING, (missing.value.uid,))
    await until(lambda: elsewhere.keys)

    assert elsewhere.keys == [(key, Lane.FOLLOWING)]
    assert elsewhere.contents.assess(kept) == assess(made)


async def test_a_key_waits_for_all_that_it_wants_and_each_is_looked_at_once(elsewhere: Elsewhere) -> None:
    uids = [sized(number, LARGE)["metadata"]["uid"] for number in range(3)]
    for number in range(3):
        elsewhere.contents.take(sized(number, LARGE))
    first, second = version_key("team", "first"), version_key("team", "second")
    elsewhere.assessor.want(first, Lane.CHANGED, uids)
    elsewhere.assessor.want(second, Lane.FOLLOWING, uids[:1])
    await until(lambda: len(elsewhere.keys) == 2)

    assert (elsewhere.keys[0][0], len(elsewhere.looked), len(elsewhere.assessor)) == (second, 3, 0)


async def test_namespaces_take_turns(elsewhere: Elsewhere) -> None:
    elsewhere.go.clear()
    for number in range(4):
        elsewhere.contents.take(sized(number, LARGE))
    uids = [sized(number, LARGE)["metadata"]["uid"] for number in range(4)]
    for number in range(3):
        elsewhere.assessor.want(version_key("busy", str(number)), Lane.FOLLOWING, (uids[number],))
    elsewhere.assessor.want(version_key("quiet", "only"), Lane.FOLLOWING, (uids[3],))
    elsewhere.go.set()
    await until(lambda: len(elsewhere.keys) == 4)

    assert [key.namespace for key, _ in elsewhere.keys].index("quiet") == 1


async def test_what_cannot_be_checked_is_said_and_stops_nobody(elsewhere: Elsewhere) -> None:
    elsewhere.failures = 2
    kept = elsewhere.contents.take(sized(1, LARGE))
    other = elsewhere.contents.take(sized(2, LARGE))
    for each in (kept, other):
        elsewhere.assessor.want(
            version_key("team", each["metadata"]["name"]), Lane.FOLLOWING, (each["metadata"]["uid"],)
        )
    await until(lambda: len(elsewhere.keys) == 2)

    assert [each.reason for each in elsewhere.contents.assess(kept).findings] == [reasons.CONTENT_UNCHECKABLE]
    assert elsewhere.contents.assess(other).findings == ()


async def wait_for(elsewhere: Elsewhere, made: dict[str, Any]) -> Assessment:
    """Have a version looked at elsewhere."""
    kept = elsewhere.contents.take(made)
    elsewhere.assessor.want(version_key("team", "x"), Lane.FOLLOWING, (made["metadata"]["uid"],))
    await until(lambda: elsewhere.keys)
    return elsewhere.contents.assess(kept)


async def test_what_has_tests_is_looked_at_elsewhere_however_small(elsewhere: Elsewhere) -> None:
    made = with_a_test(1)
    kept = elsewhere.contents.take(made)
    with pytest.raises(NotAssessed):
        elsewhere.contents.assess(kept)

    assert "tests" not in kept["spec"]
    assert (await wait_for(elsewhere, made)).trial == Trial((Tried("greets"),))


@pytest.mark.parametrize(
    ("is_slow", "reason"),
    [(False, reasons.ENGINE_CRASHED), (True, reasons.TESTS_FAILED)],
    ids=["it dies", "it is slow"],
)
async def test_what_the_process_is_ended_over_twice_is_not_tried_again(
    elsewhere: Elsewhere, is_slow: bool, reason: str
) -> None:
    elsewhere.failures, elsewhere.is_slow = 2, is_slow
    found = await wait_for(elsewhere, with_a_test(1))

    assert (found.failure and found.failure.reason, found.findings, len(elsewhere.looked)) == (reason, (), 3)
    assert found.digest == assess(with_a_test(1)).digest


async def test_a_process_that_dies_once_is_no_reason(elsewhere: Elsewhere) -> None:
    elsewhere.failures, elsewhere.is_slow = 1, False

    assert (await wait_for(elsewhere, with_a_test(1))).failure is None


async def test_content_that_even_a_look_kills_is_said_to_have_done_so(elsewhere: Elsewhere) -> None:
    elsewhere.failures, elsewhere.is_slow = 3, False
    found = await wait_for(elsewhere, with_a_test(1))

    assert [each.reason for each in found.findings] == [reasons.ENGINE_CRASHED]


async def test_a_source_with_tests_is_looked_at_elsewhere(elsewhere: Elsewhere) -> None:
    source = SourceText("", "", {"text": "Hello"}, [{"name": "says", "expect": [{"contains": "Bye"}]}])
    with pytest.raises(NotJudged) as missing:
        elsewhere.assessor.judge(source)
    elsewhere.assessor.want(Key("Prompt", "team", "p"), Lane.CHANGED, (missing.value.subject,))
    await until(lambda: elsewhere.keys)

    failure = elsewhere.assessor.judge(source).failure
    assert failure is not None
    assert failure.reason == reasons.TESTS_FAILED


async def test_forty_prompts_that_read_one_key_have_it_looked_at_once(elsewhere: Elsewhere) -> None:
    value = "text: " + "x" * AT_ONCE_BYTES
    for number in range(40):
        with pytest.raises(NotJudged) as missing:
            elsewhere.assessor.judge(SourceText("yaml", value, None))
        elsewhere.assessor.want(Key("Prompt", "team", f"p{number}"), Lane.CHANGED, (missing.value.subject,))
    await until(lambda: len(elsewhere.keys) == 40)

    assert len(elsewhere.looked) == 1
    assert elsewhere.assessor.judge(SourceText("yaml", value, None)).findings == ()


async def test_what_sources_came_to_is_remembered_within_bounds(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptops.controller.decide.assessor.MOST_SOURCES", 3)
    found = [elsewhere.assessor.judge(SourceText("", "", {"text": str(number)})) for number in range(5)]

    latest, oldest = (elsewhere.assessor.judge(SourceText("", "", {"text": str(number)})) for number in (4, 0))

    assert latest is found[4]
    assert oldest is not found[0]
