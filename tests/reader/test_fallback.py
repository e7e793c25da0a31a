"""What a prompt declares to stand in for it: when it does, what the answer says, and that it hides nothing."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import msgspec
import pytest

from promptops.api.feed import Entry, Fallback, VersionReference
from promptops.api.http import RenderResponse
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.answers import Answers, Attempt
from promptops.reader.tally import Tally
from promptops.rendering.errors import PromptError
from tests.cache.scribe import content, held_blobs, reference
from tests.support.answering import counting

WORDS = Fallback(text="We answer by hand today.")
OLD = Fallback(version="1.0.0")


class Reading:
    """The reader over one prompt that serves 2.0.0, beside 1.0.0, which says `old`."""

    def __init__(
        self, fallback: Fallback | None, *, held: tuple[str, ...] = ("old", "new"), age: float = 0.0, **changes: Any
    ) -> None:
        pins = (reference("new", "2.0.0"), reference("old"))
        entry = Entry("greeting", "uid", 1, "active", stable=pins[0], pins=pins, fallback=fallback)
        view = View.unsigned(
            [msgspec.structs.replace(entry, **changes)], held_blobs(*held), 1, namespace="a", tenant="a"
        )
        store = Store()
        store.swap(dataclasses.replace(view, source="live"))
        store.confirmed_at = 0.0
        self.tally = Tally()
        self.counts = counting(self.tally)
        self.answers = Answers(store, self.counts, lambda: age)

    def attempt(self, **request: Any) -> Attempt:
        """Render, and count it."""
        attempt = self.answers.attempt("greeting", msgspec.json.encode(request))
        with contextlib.suppress(PromptError):
            self.answers.settle(attempt)
        return attempt

    def said(self, **request: Any) -> str:
        """What is answered, or the code of what is refused."""
        outcome = self.attempt(**request).outcome
        return outcome.rendered_content if isinstance(outcome, RenderResponse) else outcome.reason


@pytest.mark.parametrize(
    ("fallback", "changes", "request_", "said"),
    [
        pytest.param(WORDS, {}, {}, "new", id="what is served is held: nothing stands in"),
        pytest.param(WORDS, {"held": ("old",)}, {}, WORDS.text, id="it is not held: a text"),
        pytest.param(OLD, {"held": ("old",)}, {}, "old", id="it is not held: a version"),
        pytest.param(None, {"held": ("old",)}, {}, "PromptUnavailable", id="it is not held, and nothing stands in"),
        pytest.param(OLD, {"held": ()}, {}, "PromptUnavailable", id="what stands in is not held either"),
        pytest.param(Fallback(version="0.9.0"), {"held": ()}, {}, "PromptUnavailable", id="what stands in is no version of it"),
        pytest.param(Fallback(text="{{ x }}"), {"held": ()}, {}, "PromptUnavailable", id="what stands in is not understood"),
        pytest.param(WORDS, {"held": (), "state": "held"}, {}, WORDS.text, id="nobody can have it any more"),
        pytest.param(WORDS, {"age": 60.0, "max_staleness_s": 30}, {}, WORDS.text, id="it is too stale"),
        pytest.param(OLD, {"age": 60.0, "max_staleness_s": 30}, {}, "old", id="it is too stale: a version"),
        pytest.param(WORDS, {"age": 20.0, "max_staleness_s": 30}, {}, "new", id="it is stale, and not too stale"),
        pytest.param(WORDS, {"state": "disabled"}, {}, "PromptDisabled", id="the kill switch is no outage"),
        pytest.param(WORDS, {"held": ()}, {"version": "2.0.0"}, "PromptUnavailable", id="who asks for a number gets no other"),
        pytest.param(WORDS, {"age": 60.0, "max_staleness_s": 30}, {"version": "1.0.0"}, "TooStale", id="who asks for a number gets nothing stale"),
        pytest.param(WORDS, {"held": ()}, {"version": "3.0.0"}, "VersionNotFound", id="a number that is none"),
        pytest.param(WORDS, {}, {"variables": {"x": 1}, "strict": True}, "InvalidVariables", id="a caller's mistake"),
        pytest.param(WORDS, {"held": ()}, {"variables": 7}, "InvalidRequest", id="a caller's mistake while it is not held"),
        pytest.param(OLD, {"held": ("old",)}, {"variables": {"x": 1}, "strict": True}, "PromptUnavailable", id="a call that what stands in refuses"),
    ],
)  # fmt: skip
def test_when_it_stands_in(fallback: Any, changes: dict[str, Any], request_: dict[str, Any], said: str) -> None:
    assert Reading(fallback, **changes).said(**request_) == said


@pytest.mark.parametrize(
    ("fallback", "version", "digest"),
    [pytest.param(WORDS, "", "", id="a text"), pytest.param(OLD, "1.0.0", content("old").digest, id="a version")],
)
def test_the_answer_says_that_it_is_not_what_is_served(fallback: Fallback, version: str, digest: str) -> None:
    answer = Reading(fallback, held=("old",), age=3.0).attempt().outcome

    assert isinstance(answer, RenderResponse)
    assert (answer.source, answer.stale, answer.cache_hit, answer.age_seconds) == ("fallback", True, False, 3.0)
    assert (answer.version, answer.digest, bool(answer.render_id)) == (version, digest, bool(version))
    assert [each.code for each in answer.warnings] == ["Fallback"]
    assert "is not held here" in answer.warnings[0].detail


def test_a_text_stands_in_in_a_providers_form() -> None:
    answer = Reading(WORDS, held=()).attempt(format="openai", model_name="m").outcome

    assert isinstance(answer, RenderResponse)
    assert answer.payload == {"model": "m", "messages": [{"role": "user", "content": WORDS.text}]}


def test_a_render_that_fell_back_is_a_failure_and_counted_as_a_fallback() -> None:
    sidecar = Reading(WORDS, held=())
    for _ in range(3):
        sidecar.attempt()
    (counted,) = sidecar.counts.statistics.summary().prompts

    assert (counted.succeeded, counted.failed, counted.fallbacks) == (0, 3, 3)
    assert (counted.failures, counted.cache_hit_rate) == ({"PromptUnavailable": 3}, 0.0)


def test_the_origin_hears_of_it_as_failures_of_what_is_served() -> None:
    sidecar = Reading(OLD, held=("old",))
    sidecar.attempt()
    (reported,) = sidecar.tally.changes()

    assert (reported.digest, reported.succeeded, reported.failed) == (content("new").digest, 0, 1)


def test_other_faces_are_told_what_the_stand_in_declares() -> None:
    _, found, declared = Reading(OLD, held=("old",)).answers.declared("greeting")

    assert (found, declared.text) == (reference("old"), "old")
    assert Reading(WORDS, held=()).answers.declared("greeting")[1] == VersionReference("", "")
