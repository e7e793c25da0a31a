"""What is answered from what is held: the same as the sidecar would answer, as long as it is known to be that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from promptops.api.content import CANONICAL_FORM
from promptops.api.feed import STALE_SECONDS, STALENESS_FEATURE, Entry, Fallback, Signed, VersionReference
from promptops.cache.index import digest_of
from promptops.cache.view import View
from promptops.client.caching import CacheConfig
from promptops.client.errors import PromptOpsError, RateLimitError, ValidationError
from promptops.client.in_process.local import Local
from promptops.client.statistics import CallCounts
from promptops.client.vocabulary import PromptVariables

NAMED = {"text": "Hello {{ name }}", "variables": [{"name": "name", "type": "string"}]}
BODY = b'{"variables": {"name": "Ada"}}'


class Held:
    """A process that holds these prompts, and a clock that is told."""

    def __init__(self, renders_per_second: int = 0, max_size: int = 2, **contents: dict[str, Any]) -> None:
        self.time = 1000.0
        self.must_understand: tuple[str, ...] = ()
        self.max_staleness_s = 0
        self.fallback: Fallback | None = None
        self.pins: dict[str, dict[str, Any]] = {}
        self.local = Local(
            "/nowhere", CallCounts(), now=lambda: self.time, cache=CacheConfig(max_size=max_size, ttl=30)
        )
        self.store = self.local._store
        self._seq = 0
        self._renders_per_second = renders_per_second
        self.put(**contents)
        self.store.confirm(self.time)

    def put(self, **contents: dict[str, Any]) -> None:
        """Hold these prompts and no other."""
        blobs = {name: CANONICAL_FORM + json.dumps(content).encode() for name, content in contents.items()}
        pinned = {number: CANONICAL_FORM + json.dumps(content).encode() for number, content in self.pins.items()}
        self._seq += 1
        entries = [
            Entry(
                name,
                f"uid-{name}",
                1,
                "active",
                VersionReference("1.0.0", digest_of(blob)),
                must_understand=self.must_understand,
                max_staleness_s=self.max_staleness_s,
                fallback=self.fallback,
                pins=tuple(VersionReference(number, digest_of(blob)) for number, blob in pinned.items()),
            )
            for name, blob in blobs.items()
        ]
        made = View.unsigned(
            entries,
            {digest_of(blob): blob for blob in (*blobs.values(), *pinned.values())},
            self._seq,
            namespace="a",
            tenant="a",
        )
        header = made.header.__class__(
            **{name: getattr(made.header, name) for name in made.header.__struct_fields__}
            | {"renders_per_second": self._renders_per_second}
        )
        self.store.swap(View.build(header, Signed("", ""), entries, made.blobs, "live", index=made.index))

    def warm(self, prompt_id: str = "p") -> None:
        """Render once the long way, which finds the short one."""
        assert self.local.current(prompt_id, BODY) is not None


def test_a_usual_call_takes_the_short_way_after_the_first() -> None:
    held = Held(p=NAMED)
    before = held.local.quick("p", {"name": "Ada"})
    held.warm()

    answer = held.local.quick("p", {"name": "Ada"})

    assert before is None
    assert answer is not None
    assert (answer.rendered_content, answer.version, answer.source, answer.age_seconds) == (
        "Hello Ada",
        "1.0.0",
        "live",
        0,
    )
    assert answer.messages == ({"role": "user", "content": "Hello Ada"},)


def test_both_ways_answer_alike() -> None:
    held = Held(p=NAMED | {"parameters": {"temperature": 0.5, "stop": ["x"]}})
    long = held.local.current("p", BODY)

    short = held.local.quick("p", {"name": "Ada"})

    assert long is not None
    assert short is not None
    apart = {"render_id": "", "processing_time_ms": 0.0}
    assert _fields(long) | apart == _fields(short) | apart
    assert short.render_id.rpartition(".")[0] == long.render_id.rpartition(".")[0]


def _fields(answer: Any) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in answer.__struct_fields__}


def test_no_two_renders_have_one_id() -> None:
    held = Held(p=NAMED)
    held.warm()

    drawn = [held.local.quick("p", {"name": "Ada"}) for _ in range(1000)]

    assert len({each.render_id for each in drawn if each is not None}) == 1000


def test_what_an_application_does_to_an_answer_is_seen_in_no_other() -> None:
    held = Held(p=NAMED | {"parameters": {"temperature": 0.5, "stop": ["x"]}})
    held.warm()
    for first in (held.local.quick("p", {"name": "Ada"}), held.local.current("p", BODY)):
        assert first is not None
        first.parameters["stop"].append("y")
        first.parameters["temperature"] = 2
        first.messages[0]["content"] = "changed"

    answer, other = held.local.quick("p", {"name": "Ada"}), held.local.current("p", BODY)

    for each in (answer, other):
        assert each is not None
        assert each.parameters == {"temperature": 0.5, "stop": ["x"]}
        assert each.messages[0]["content"] == "Hello Ada"


class Other(dict[str, Any]):
    """Finds what is not there."""

    def __missing__(self, key: str) -> str:
        return "made up"


@pytest.mark.parametrize(
    ("prompt_id", "variables"),
    [
        pytest.param("p", {"name": 7}, id="a value of another type"),
        pytest.param("p", {}, id="a variable that is missing"),
        pytest.param("p", None, id="no variables"),
        pytest.param("p", {"name": "Ada", "other": 1}, id="a variable that nobody declared"),
        pytest.param("p", {"name": "\ud800"}, id="no Unicode"),
        pytest.param("p", Other(), id="a dictionary that is not what it seems"),
        pytest.param("p", [("name", "Ada")], id="no dictionary"),
        pytest.param("q", {"name": "Ada"}, id="another prompt"),
        pytest.param(["p"], {"name": "Ada"}, id="an id that is none"),
    ],
)
def test_an_unusual_call_takes_the_long_way(prompt_id: Any, variables: Any) -> None:
    held = Held(p=NAMED)
    held.warm()

    assert held.local.quick(prompt_id, variables) is None


@pytest.mark.parametrize("variables", [{"name": "Ada"}, PromptVariables(name="Ada")])
def test_a_usual_call_may_have_variables_of_ours(variables: Mapping[str, Any]) -> None:
    held = Held(p=NAMED)
    held.warm()

    assert held.local.quick("p", variables) is not None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(NAMED, {}, id="of a tenant that limits renders"),
        pytest.param(
            NAMED | {"models": [{"match": "openai/*", "text": "Hi {{ name }}"}]}, {}, id="with variants of models"
        ),
    ],
)
def test_a_prompt_whose_renders_need_more_never_takes_the_short_way(content: dict[str, Any], told: Any) -> None:
    held = Held(renders_per_second=0 if "models" in content else 100, p=content)
    held.warm()

    assert held.local.quick("p", {"name": "Ada"}) is None
    assert held.local.current("p", BODY) is not None


def test_a_tenants_limit_holds_in_the_process() -> None:
    held = Held(renders_per_second=2, p=NAMED)
    for _ in range(2):
        held.warm()

    with pytest.raises(RateLimitError) as refused:
        held.local.current("p", BODY)

    assert refused.value.retry_after == 1


def test_the_callers_error_is_told_without_a_call() -> None:
    with pytest.raises(ValidationError, match="name must be a string"):
        Held(p=NAMED).local.current("p", b'{"variables": {"name": 7}}')


@pytest.mark.parametrize(
    ("prompt_id", "body"),
    [
        pytest.param("q", BODY, id="a prompt that is not held"),
        pytest.param("p", b'{"version": "9.9.9"}', id="a version that is not held"),
    ],
)
def test_what_is_not_held_is_asked_for(prompt_id: str, body: bytes) -> None:
    assert Held(p=NAMED).local.current(prompt_id, body) is None


def test_a_prompt_that_needs_what_this_version_does_not_know_is_asked_for() -> None:
    held = Held(p=NAMED)
    held.must_understand = ("of a later release",)
    held.put(p=NAMED)

    assert held.local.current("p", BODY) is None
    assert held.local.held("p", BODY) is None


def test_a_prompt_that_may_not_be_old_is_not_answered_when_it_is() -> None:
    held = Held(p=NAMED)
    held.must_understand = (STALENESS_FEATURE,)
    held.max_staleness_s = 30
    held.put(p=NAMED)
    held.warm()
    short = held.local.quick("p", {"name": "Ada"})
    held.time += 31

    assert short is None
    assert held.local.held("p", BODY) is None


@pytest.fixture
def numbered() -> Held:
    """A process with room for two versions by number, beside three of them and the one that is served."""
    held = Held(p=NAMED)
    held.pins = {f"0.{minor}.0": NAMED | {"text": f"{minor} {{{{ name }}}}"} for minor in (1, 2, 3)}
    held.put(p=NAMED)
    held.store.confirm(held.time)
    return held


def by_number(held: Held, number: str) -> str:
    answer = held.local.current("p", json.dumps({"variables": {"name": "Ada"}, "version": number}).encode())
    assert answer is not None
    return answer.rendered_content


def test_versions_by_number_are_ready_while_there_is_room_for_them(numbered: Held) -> None:
    said = [by_number(numbered, f"0.{minor}.0") for minor in (1, 2, 3, 1)]

    kept = numbered.local.lately
    assert said == ["1 Ada", "2 Ada", "3 Ada", "1 Ada"]
    assert (len(kept), kept.evictions, kept.expirations) == (2, 2, 0)
    assert numbered.local.view is not None
    assert len(numbered.local.view.blobs) == 4


def test_versions_by_number_that_nobody_asks_for_are_ready_no_more(numbered: Held) -> None:
    by_number(numbered, "0.1.0")
    numbered.time += 31
    numbered.store.confirm(numbered.time)

    kept = numbered.local.lately
    assert (len(kept), kept.evictions, kept.expirations) == (0, 0, 1)
    assert by_number(numbered, "0.1.0") == "1 Ada"


def test_what_a_prompt_served_before_is_not_kept_ready_for_ever() -> None:
    held, most = Held(p=NAMED, q=NAMED), 0
    for number in range(300):
        content = NAMED | {"text": f"{number} {{{{ name }}}}"}
        held.put(p=content, q=NAMED)
        held.store.confirm(held.time)
        held.warm("p")
        held.warm("q")
        held.pins[f"0.{number}.0"] = content
        most = max(most, len(held.local._answers._plans._plans))

    assert most <= 70
    assert by_number(held, "0.298.0") == "298 Ada"


def test_what_a_prompt_serves_takes_no_room_and_is_always_ready(numbered: Held) -> None:
    by_number(numbered, "1.0.0")
    numbered.warm()
    for minor in (1, 2, 3):
        by_number(numbered, f"0.{minor}.0")
    numbered.time += 31
    numbered.store.confirm(numbered.time)

    assert numbered.local.quick("p", {"name": "Ada"}) is not None
    assert len(numbered.local._answers._plans._plans) == 1


def test_another_version_is_served_from_the_next_render_on() -> None:
    held = Held(p=NAMED, q=NAMED)
    held.warm()
    held.put(p=NAMED | {"text": "Bye {{ name }}"}, q=NAMED)

    long, short = held.local.current("p", BODY), held.local.quick("p", {"name": "Ada"})

    assert [each and each.rendered_content for each in (long, short)] == ["Bye Ada", "Bye Ada"]


def test_the_age_is_that_of_the_last_confirmation() -> None:
    held = Held(p=NAMED)
    held.warm()
    held.time += 3.5

    answer = held.local.quick("p", {"name": "Ada"})

    assert answer is not None
    assert (answer.age_seconds, answer.stale) == (3.5, False)


def test_what_the_origin_has_not_confirmed_for_long_says_so() -> None:
    held = Held(p=NAMED)
    held.warm()
    for _ in range(4):
        held.time += STALE_SECONDS / 3
        held.store.confirm(1000.0)

    short, long = held.local.quick("p", {"name": "Ada"}), held.local.current("p", BODY)

    assert short is None
    assert long is not None
    assert (long.stale, long.source) == (True, "live")
    assert [warning.code for warning in long.warnings] == ["Stale"]
    assert long.age_seconds == pytest.approx(4 / 3 * STALE_SECONDS, abs=0.01)


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda held: setattr(held, "time", held.time + STALE_SECONDS + 1), id="nothing for long"),
        pytest.param(lambda held: held.local.disconnected("Unreachable", ""), id="the stream ended"),
        pytest.param(lambda held: held.local.ahead("scope"), id="the sidecar serves less"),
        pytest.param(lambda held: held.store.drop(Signed("", "")), id="the namespace is gone"),
    ],
)
def test_what_is_not_known_to_be_current_is_asked_for(happens: Any) -> None:
    held = Held(p=NAMED)
    held.warm()
    held.local.following.stop()

    happens(held)

    assert held.local.quick("p", {"name": "Ada"}) is None
    assert held.local.current("p", BODY) is None


def test_what_was_held_last_is_answered_as_a_snapshot_with_its_age() -> None:
    held = Held(p=NAMED)
    held.local.disconnected("Unreachable", "")
    held.time += 60

    answer = held.local.held("p", BODY)

    assert answer is not None
    assert (answer.source, answer.stale, answer.age_seconds) == ("snapshot", True, 60)


def test_nothing_is_current_before_it_was_confirmed() -> None:
    held = Held(p=NAMED)
    fresh = Local("/nowhere", CallCounts(), now=lambda: held.time)
    fresh.following.stop()
    assert held.local.view is not None
    fresh._store.swap(held.local.view)

    assert fresh.current("p", BODY) is None


def test_a_child_holds_what_its_parent_held_and_believes_none_of_it_to_be_current() -> None:
    parent = Held(p=NAMED)
    parent.time += 5

    child = Local("/nowhere", CallCounts(), parent.local, now=lambda: parent.time)
    child.following.stop()

    answer = child.held("p", BODY)
    assert child.current("p", BODY) is None
    assert answer is not None
    assert (answer.rendered_content, answer.age_seconds) == ("Hello Ada", 5)


def test_an_error_of_what_is_held_is_one_of_the_family() -> None:
    held = Held(p=NAMED)

    with pytest.raises(PromptOpsError):
        held.local.held("p", b'{"variables": {}}')
