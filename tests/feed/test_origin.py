"""The origin: what is published when, under which position, and what is remembered of it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from promptops.api.feed import Blob, Entry, Position
from promptops.cache.signing import KeyVerifier, Signer
from promptops.cache.store import Confirmed, Dropped, Ended, Event, Swapped
from promptops.feed.open_scope import BURST_SECONDS, COALESCE_SECONDS
from promptops.feed.origin import Origin
from tests.cache.scribe import SCOPE, Scribe, content, entry, held_blobs, reference
from tests.support.waiting import until

scribe = Scribe()


class Published:
    """An origin with one open scope, and everything its store has said."""

    def __init__(self, origin: Origin | None = None) -> None:
        self.scopes: list[tuple[str, frozenset[str]]] = []
        self.origin = origin or Origin(scribe.signer, 1, 7, on_publication=lambda *told: self.scopes.append(told))
        self.origin.open(SCOPE, "team-a", "team-a")
        self.events: list[Event] = []

    def begin(self) -> None:
        self.origin.begin()
        store = self.origin.store(SCOPE)
        assert store is not None
        store.listen(self.events.append)

    def put(self, name: str, text: str, **fields: object) -> None:
        self.origin.put(SCOPE, msgspec.structs.replace(entry(name, text), **fields), [content(text)])

    @property
    def swaps(self) -> list[Swapped]:
        return [event for event in self.events if isinstance(event, Swapped)]

    def entries(self) -> dict[str, Entry]:
        store = self.origin.store(SCOPE)
        assert store is not None
        assert store.current is not None
        return dict(store.current.entries)

    async def settled(self) -> None:
        """Return when nothing is about to be published."""
        await until(lambda: self.origin._scopes[SCOPE].timer is None)


async def test_nothing_is_published_before_begin() -> None:
    published = Published()
    published.put("a", "Hello")

    assert published.origin._scopes[SCOPE].timer is None
    assert published.origin.store(SCOPE) is None
    assert published.origin.position(SCOPE) is None
    assert published.origin.published(SCOPE, "a") is None
    assert published.origin.changed_at(SCOPE, "a") is None

    published.begin()

    assert published.origin.position(SCOPE) == Position(1, 7, 1)
    assert published.origin.published(SCOPE, "a") == entry("a", "Hello")
    assert published.origin.changed_at(SCOPE, "a") == Position(1, 7, 1)


async def test_an_admitted_scope_without_prompts_gets_a_signed_index() -> None:
    published = Published()
    published.begin()
    published.origin.open("another", "team-b", "team-b")
    published.origin.begin("another")
    await until(lambda: published.origin.store("another") is not None)

    for scope in (SCOPE, "another"):
        store = published.origin.store(scope)
        assert store is not None
        assert store.current is not None
        assert store.current.signed is not None
        assert scribe.verifier.verify(store.current.signed) == store.current.header
        assert store.current.header.count == 0


async def test_changes_close_together_are_one_position() -> None:
    published = Published()
    published.begin()

    for number in range(20):
        published.put("a", f"text {number}", revision=number)
        published.put(f"b{number}", "Bye")
    await published.settled()

    assert [swap.view.position.seq for swap in published.swaps] == [2]
    step = published.swaps[0].step
    assert step is not None
    assert step.base == Position(1, 7, 1)
    assert len(step.upserts) == 21
    assert set(step.new_blobs) == {content("text 19").digest, content("Bye").digest}
    assert published.swaps[0].view.blobs == held_blobs("text 19", "Bye")


async def test_the_first_change_after_quiet_waits_for_nothing_and_the_next_for_others() -> None:
    published = Published()
    published.begin()
    published.origin._scopes[SCOPE].published_at -= 2 * COALESCE_SECONDS

    published.put("a", "Hello")
    await asyncio.sleep(0)
    at_once = [swap.view.position.seq for swap in published.swaps]
    published.origin._scopes[SCOPE].published_at += 3600.0
    published.put("b", "Bye")
    await asyncio.sleep(0)

    assert at_once == [2]
    assert [swap.view.position.seq for swap in published.swaps] == [2]


async def test_changes_that_go_on_coming_become_fewer_positions_and_quiet_ends_that() -> None:
    published = Published()
    published.begin()
    state = published.origin._scopes[SCOPE]
    waits = []
    for number in range(8):
        state.published_at = asyncio.get_running_loop().time()
        published.put("a", f"text {number}", revision=number)
        waits.append(state.wait)
        await published.settled()
    state.published_at -= 2 * BURST_SECONDS
    published.put("a", "after quiet", revision=9)

    assert waits[:2] == [2 * COALESCE_SECONDS, 4 * COALESCE_SECONDS]
    assert waits[-1] == BURST_SECONDS
    assert state.wait == COALESCE_SECONDS


async def test_the_position_tells_where_an_entry_changed_last() -> None:
    published = Published()
    published.put("a", "Hello")
    published.put("b", "Bye")
    published.begin()

    published.put("a", "Hi", revision=2)
    while_pending = published.origin.changed_at(SCOPE, "a")
    await published.settled()

    assert while_pending is None
    assert published.origin.changed_at(SCOPE, "a") == Position(1, 7, 2)
    assert published.origin.changed_at(SCOPE, "b") == Position(1, 7, 1)
    assert published.scopes[-1] == (SCOPE, frozenset({"a"}))


async def test_an_identical_entry_publishes_nothing() -> None:
    published = Published()
    published.put("a", "Hello")
    published.begin()

    published.put("a", "Hello")
    published.put("a", "Hi")
    published.put("a", "Hello")
    published.origin.open(SCOPE, "team-a", "team-a")
    published.origin.remove(SCOPE, "never-there", "uid")
    await published.settled()

    assert published.swaps == []
    assert published.origin.changed_at(SCOPE, "a") == Position(1, 7, 1)


async def test_what_came_and_went_between_two_positions_was_never_there() -> None:
    published = Published()
    published.begin()

    published.put("a", "Hello")
    published.origin.remove(SCOPE, "a", "uid-a")
    await published.settled()

    assert published.swaps == []
    assert published.origin.changed_at(SCOPE, "a") is None


async def test_a_removal_removes_its_own_object_only() -> None:
    published = Published()
    published.put("a", "Hello")
    published.begin()

    published.put("a", "Recreated", uid="uid-new")
    published.origin.remove(SCOPE, "a", "uid-a")
    await published.settled()
    assert published.entries()["a"].uid == "uid-new"
    published.origin.remove(SCOPE, "a", "uid-new")
    await published.settled()

    assert published.entries() == {}
    step = published.swaps[-1].step
    assert step is not None
    assert [(removal.name, removal.uid) for removal in step.removes] == [("a", "uid-new")]
    assert published.origin._scopes[SCOPE].blobs == {}


async def test_another_tenant_is_signed_without_touching_an_entry() -> None:
    published = Published()
    published.put("a", "Hello")
    published.begin()

    published.origin.open(SCOPE, "team-a", "acme")
    await published.settled()

    [swap] = published.swaps
    assert swap.view.header.tenant == "acme"
    assert swap.step is not None
    assert swap.step.upserts == ()
    assert published.origin.changed_at(SCOPE, "a") == Position(1, 7, 1)


async def test_a_frozen_scope_goes_on_as_it_was() -> None:
    published = Published()
    published.put("a", "Hello")
    published.begin()

    published.origin.freeze(SCOPE)
    published.origin.remove(SCOPE, "a", "uid-a")
    await published.settled()
    published.origin.confirm(3.0)

    assert published.events == [Confirmed(Position(1, 7, 1), 3.0)]
    assert set(published.entries()) == {"a"}


async def test_a_frozen_scope_is_not_published_by_begin() -> None:
    published = Published()
    published.origin.freeze(SCOPE)
    published.origin.begin()

    assert published.origin.store(SCOPE) is None


async def test_a_revoked_scope_is_gone_above_everything_it_was() -> None:
    published = Published()
    published.begin()

    published.origin.revoke(SCOPE)

    [dropped] = published.events
    assert isinstance(dropped, Dropped)
    revocation = scribe.verifier.verify_revocation(dropped.revocation)
    assert (revocation.scope, revocation.seq, revocation.term) == (SCOPE, 2, 7)
    assert published.origin.store(SCOPE) is None


async def test_a_scope_that_is_closed_and_opened_again_goes_on_counting() -> None:
    published = Published()
    published.begin()

    published.origin.close(SCOPE)
    assert published.events == [Ended("Closed")]
    published.origin.open(SCOPE, "team-a", "team-a")
    published.put("a", "Hello")
    before = published.origin.store(SCOPE)
    published.origin.begin(SCOPE)

    assert before is None, "nobody knows yet whether that is all"
    assert published.origin.position(SCOPE) == Position(1, 7, 2)


async def test_a_raised_epoch_brings_everything_anew() -> None:
    published = Published()
    published.put("a", "Hello")
    published.begin()

    published.origin.raise_epoch(5)

    assert published.origin.position(SCOPE) == Position(5, 7, 2)
    assert published.origin.changed_at(SCOPE, "a") == Position(5, 7, 2)
    [swap] = published.swaps
    assert swap.step is not None
    assert swap.step.upserts == ()
    with pytest.raises(ValueError, match="not above"):
        published.origin.raise_epoch(5)


async def test_a_leadership_that_is_over_publishes_nothing() -> None:
    published = Published()
    published.begin()
    published.put("a", "Hello")

    published.origin.end("LeaseLost")
    published.put("b", "Bye")

    assert published.origin._scopes[SCOPE].timer is None
    assert published.events == [Ended("LeaseLost")]


async def test_a_blob_that_is_not_what_its_digest_says_is_refused() -> None:
    published = Published()

    with pytest.raises(ValueError, match="is not sha256:"):
        published.origin.put(SCOPE, entry("a", "Hello"), [Blob(content("Hello").digest, "{}")])
    with pytest.raises(ValueError, match="not there"):
        published.origin.put(SCOPE, entry("a", "Hello"))
    with pytest.raises(KeyError):
        published.origin.put("unknown", entry("a", "Hello"), [content("Hello")])


async def test_a_held_entry_may_name_what_is_lost() -> None:
    published = Published()
    published.put("a", "Hello")
    published.begin()
    gone = msgspec.structs.replace(entry("a", "Lost"), state="held")

    published.origin.put(SCOPE, gone)
    await published.settled()

    assert published.origin.published(SCOPE, "a") == gone
    assert published.swaps[-1].view.index["a"].entry == gone
    # Whoever asks for the blob that served before still gets it.
    assert published.swaps[-1].view.blobs == held_blobs("Hello")


async def test_the_same_content_in_many_scopes_is_one_piece_of_memory() -> None:
    origin = Origin(scribe.signer, 1, 1)
    for number in range(3):
        origin.open(f"scope-{number}", "team", "team")
        origin.put(f"scope-{number}", entry("a", "Hello"), [content("Hello")])
    origin.begin()

    blobs = [origin.store(f"scope-{number}").current.blobs[content("Hello").digest] for number in range(3)]  # type: ignore[union-attr]

    assert len({id(blob) for blob in blobs}) == 1
    origin.close("scope-0")
    origin.revoke("scope-1")
    assert len(origin._pool) == 1
    origin.remove("scope-2", "a", "uid-a")
    await until(lambda: len(origin._pool) == 0)


async def test_a_new_leadership_signs_what_the_old_one_had_as_its_first_position() -> None:
    signer = Signer(b"n" * 32)
    published = Published(Origin(signer, 1, 8))
    published.put("a", "Hello")
    published.begin()

    assert published.origin.position(SCOPE) == Position(1, 8, 1)
    assert published.origin.changed_at(SCOPE, "a") == Position(1, 8, 1)
    with pytest.raises(Exception, match="UnknownKey"):
        scribe.verifier.verify(published.origin.store(SCOPE).current.signed)  # type: ignore[union-attr, arg-type]
    assert isinstance(scribe.verifier, KeyVerifier)


async def test_another_version_to_ask_for_moves_no_decision() -> None:
    published = Published()
    published.put("a", "Hello", revision=1)
    published.begin()
    decided = published.origin.changed_at(SCOPE, "a")
    pin = reference("Hello", "1.1.0")

    published.put("a", "Hello", revision=1, pins=(pin,))
    while_pending = published.origin.changed_at(SCOPE, "a")
    await published.settled()

    assert published.entries()["a"].pins == (pin,)
    assert while_pending == published.origin.changed_at(SCOPE, "a") == decided
