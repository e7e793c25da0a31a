"""The log of decisions: whatever is done to it afterwards is found, and named by its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from promptops.domain.accounts import served_at
from promptops.domain.journal import SEGMENT_BYTES, SEGMENTS, Segment, appended, change, missed, verify, withdrawal
from tests.support.growth import assert_linear
from tests.support.manifests import prompt, stored

DIGEST = f"sha256:{'a' * 64}"
Lines = list[str]


def status(revision: int, number: str = "1.0.0", **serving: Any) -> dict[str, Any]:
    """A status that decides a revision at the second of that number."""
    at = f"2026-01-01T00:00:{revision:02}Z"
    entry = {"version": number, "digest": DIGEST, "at": at, "manager": "argocd", "reason": "Activated"}
    stable = {"version": number, "digest": DIGEST}
    return {"serving": {"revision": revision, "at": at, "stable": stable, **serving}, "history": [entry]}


def decisions(count: int, name: str = "greeting") -> list[dict[str, Any]]:
    """What an operator notes of a prompt whose version goes up and up."""
    statuses = [{}, *(status(each, f"1.{each}.0") for each in range(1, count + 1))]
    changes = (change(stored(prompt(name), status=before), after) for before, after in pairwise(statuses))
    return [each for each in changes if each is not None]


def log(count: int = 6) -> Segment:
    """A log of so many decisions."""
    (segment,) = appended(Segment(0), decisions(count))
    return segment


def test_a_log_that_nobody_touched_is_whole() -> None:
    found = verify([log()])

    assert found.faults == ()
    assert [each["seq"] for each in found.entries] == [1, 2, 3, 4, 5, 6]


def test_a_decision_says_what_was_served_instead_of_what_and_no_text() -> None:
    entry = json.loads(log(2).lines[1])

    assert {
        key: entry[key] for key in ("namespace", "prompt", "revision", "from", "to", "reason", "manager", "at")
    } == {
        "namespace": "team",
        "prompt": "greeting",
        "revision": 2,
        "from": f"1.1.0 {DIGEST}",
        "to": f"1.2.0 {DIGEST}",
        "reason": "Activated",
        "manager": "argocd",
        "at": "2026-01-01T00:00:02Z",
    }


def without(*places: int) -> Callable[[Lines], Lines]:
    """Remove lines."""
    return lambda lines: [line for number, line in enumerate(lines) if number not in places]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(without(2), ["segment 0, line 3: entries 3 to 3 were removed, or stand elsewhere"], id="one is removed"),
        pytest.param(without(2, 3), ["segment 0, line 3: entries 3 to 4 were removed, or stand elsewhere"], id="two are removed"),
        pytest.param(without(0), ["segment 0, line 1: entries before 2 were removed"], id="the first is removed"),
        pytest.param(
            lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
            [
                "segment 0, line 2: entries 2 to 2 were removed, or stand elsewhere",
                "segment 0, line 3: entry 2 stands after entry 3: they were put in another order",
                "segment 0, line 4: entries 3 to 3 were removed, or stand elsewhere",
            ],
            id="two change places",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[2], *lines[3:]],
            ["segment 0, line 4: entry 3 stands after entry 3: they were put in another order"],
            id="one stands there twice",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace("argocd", "kubectl"), *lines[4:]],
            ["segment 0, line 4: entry 4 was changed: it has another hash than it says"],
            id="another manager",
        ),
        pytest.param(
            lambda lines: [*lines[:3], appended(Segment(0), decisions(9, "other")[3:4])[0].lines[0].replace('"seq":1', '"seq":4'), *lines[4:]],
            [
                "segment 0, line 4: entry 4 was changed: it has another hash than it says",
                "segment 0, line 4: entry 4 does not follow the entry 3 that is there",
                "segment 0, line 5: entry 5 does not follow the entry 4 that is there",
            ],
            id="an entry of another log",
        ),
        pytest.param(lambda lines: [*lines, "{}"], ["segment 0, line 7: this is no entry as the operator writes it"], id="no entry"),
        pytest.param(lambda lines: [*lines[:5], lines[5].replace(",", ", ")], ["segment 0, line 6: this is no entry as the operator writes it"], id="spaces"),
        pytest.param(lambda lines: [*lines, "[" * 100_000], ["segment 0, line 7: this is no entry as the operator writes it"], id="deep"),
    ],
)  # fmt: skip
def test_damage_is_named_by_its_place(damage: Callable[[Lines], Lines], said: Lines) -> None:
    damaged = Segment(0, "".join(f"{line}\n" for line in damage([*log().lines])))

    assert list(verify([damaged]).faults) == said


def test_every_byte_that_is_flipped_is_found() -> None:
    written = log(3).written

    unnoticed = [
        place
        for place in range(len(written))
        if not verify([Segment(0, f"{written[:place]}{chr(ord(written[place]) ^ 1)}{written[place + 1 :]}")]).faults
    ]

    assert unnoticed == []


def test_an_end_that_is_cut_off_is_told_by_what_prompts_say() -> None:
    cut = Segment(0, "".join(f"{line}\n" for line in log().lines[:4]))
    there = stored(prompt("greeting"), status=status(6, "1.6.0"))

    found = verify([cut], [there], before="2026-01-01T00:01:00Z")

    assert found.faults == (
        "after entry 4: Prompt team/greeting decided revision 6 at 2026-01-01T00:00:06Z, and no entry says so: the end was cut off",
    )


@pytest.mark.parametrize(
    ("said", "before"),
    [
        pytest.param(status(6, "1.6.0"), "2026-01-01T00:01:00Z", id="it says what the log says"),
        pytest.param(status(9, "1.9.0"), "2026-01-01T00:00:09Z", id="it was decided just now"),
        pytest.param({}, "2026-01-01T00:01:00Z", id="nothing was decided"),
    ],
)
def test_what_a_prompt_says_is_no_fault(said: dict[str, Any], before: str) -> None:
    assert verify([log()], [stored(prompt("greeting"), status=said)], before).faults == ()


def ring(segments: int) -> list[Segment]:
    """So many full segments."""
    facts = decisions(9)
    written: tuple[Segment, ...] = (Segment(0),)
    while len(written) < segments:
        written = (*written[:-1], *appended(written[-1], facts * 20))
    return list(written)


def test_segments_go_round_and_the_oldest_are_forgotten() -> None:
    kept = ring(SEGMENTS + 2)[-SEGMENTS:]

    found = verify(kept)

    assert found.faults == ()
    assert max(len(each.written) for each in kept) < SEGMENT_BYTES + 1024


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        pytest.param(1, "segments 1 to 1 are missing", id="one between"),
        pytest.param(0, f"the segments before 1 are missing: there are 2, not {SEGMENTS}", id="the first"),
    ],
)
def test_a_segment_that_is_missing_is_named(gone: int, said: str) -> None:
    segments = ring(3)
    del segments[gone]

    assert said in verify(segments).faults


def test_what_a_leader_could_not_write_any_more_its_successor_reads_from_statuses() -> None:
    entries = verify([log()]).entries
    prompts = [
        stored(prompt("greeting"), status=status(7, "1.7.0")),
        stored(prompt("older"), status=status(2)),
        stored(prompt("idle"), status={}),
    ]

    assert [(each["prompt"], each["revision"], each["late"]) for each in missed(prompts, entries)] == [
        ("greeting", 7, True)
    ]


@pytest.mark.parametrize(
    ("at", "to"),
    [
        pytest.param("2026-01-01T00:00:00Z", None, id="before the log begins"),
        pytest.param("2026-01-01T00:00:03Z", f"1.3.0 {DIGEST}", id="in the second of a decision"),
        pytest.param("2026-01-01T00:00:59Z", f"1.6.0 {DIGEST}", id="after the last"),
        pytest.param("2026-01-01T00:02:00Z", "", id="after it was deleted"),
    ],
)
def test_what_was_served_at_a_time(at: str, to: str | None) -> None:
    segments = appended(log(), [withdrawal("team", "greeting", "2026-01-01T00:01:00Z"), *decisions(3, "other")])
    entries = verify(segments).entries

    decision = served_at(entries, "team", "greeting", at)

    assert (decision and decision["to"]) == to


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        pytest.param(status(1), status(1), None, id="nothing moved"),
        pytest.param({}, {}, None, id="nothing is served"),
        pytest.param(status(1), status(2, disabled=True), f"1.0.0 {DIGEST} disabled", id="switched off"),
    ],
)
def test_what_is_a_decision(before: dict[str, Any], after: dict[str, Any], moved: str | None) -> None:
    facts = change(stored(prompt("greeting"), status=before), after)

    assert (facts and facts["to"]) == moved


def test_a_log_is_written_and_verified_in_proportion_to_its_length() -> None:
    facts = decisions(9) * 30

    assert_linear(lambda size: lambda: verify(appended(Segment(0), facts * size)), 2)
