"""What a render costs does not grow with what else is held."""

from __future__ import annotations

import time

import msgspec
import pytest

from promptops.api.content import CANONICAL_FORM
from promptops.api.feed import Entry, VersionReference
from promptops.cache.index import digest_of
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.answers import Answers
from tests.support.answering import counting
from tests.support.growth import Work, least_seconds

BLOB = CANONICAL_FORM + msgspec.json.encode({"text": "Hi {{ x }}", "variables": [{"name": "x", "type": "string"}]})
STABLE = VersionReference("1.0.0", digest_of(BLOB))
BODY = msgspec.json.encode({"variables": {"x": "Ada"}})


def answers(prompts: int, pins: int) -> Answers:
    """Answers from so many prompts with so many versions each."""
    versions = tuple(VersionReference(f"1.0.{number}", STABLE.digest) for number in range(pins))
    entries = [Entry(f"p{each}", f"u{each}", 1, "active", stable=STABLE, pins=versions) for each in range(prompts)]
    store = Store()
    store.swap(View.unsigned(entries, {STABLE.digest: BLOB}, 1, namespace="team", tenant="team"))
    return Answers(store, counting(), time.monotonic)


@pytest.mark.parametrize(
    ("prompts", "pins"), [pytest.param(5000, 1, id="prompts"), pytest.param(1, 50, id="versions of the prompt")]
)
def test_a_render_costs_the_same_beside_many(prompts: int, pins: int) -> None:
    def rendering(held: Answers) -> Work:
        return lambda: [held.render("p0", BODY) for _ in range(300)]

    few, many = rendering(answers(1, 1)), rendering(answers(prompts, pins))

    assert least_seconds(many) < 3 * least_seconds(few)
