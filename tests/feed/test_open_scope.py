"""What leads from one position of a scope to the next costs what it changes, however much there is."""

from __future__ import annotations

from promptops.api.feed import Entry
from promptops.cache.index import encode_entry
from promptops.cache.view import View
from promptops.feed.open_scope import OpenScope, step_between
from tests.support.growth import least_seconds


def view(size: int, revision: int) -> View:
    """So many prompts, the first of them in a revision."""
    entries = [Entry(f"p{number}", f"uid-{number}", 1 if number else revision, "disabled") for number in range(size)]
    return View.unsigned(entries, {}, revision, namespace="team", tenant="team")


def seconds(size: int) -> float:
    """How long a thousand steps take that change one prompt of so many."""
    before, after = view(size, 1), view(size, 2)
    return least_seconds(lambda: [step_between(before, after, frozenset({"p0"})) for _ in range(1000)])


def test_an_entry_that_changes_nothing_is_kept_once() -> None:
    scope = OpenScope("scope-1", "team", "team")
    scope.store.swap(view(1, 1))
    scope.wanted["p0"] = encode_entry(Entry("p0", "uid-0", 1, "disabled"))
    scope.note("p0")

    assert scope.store.current is not None
    assert scope.wanted["p0"] is scope.store.current.index["p0"]


def test_a_step_costs_no_more_when_there_are_thirty_times_as_many_prompts() -> None:
    assert seconds(3000) < 5 * seconds(100)
