"""What is on disk is used as far as it is intact and verified; a disk that fails costs durability only."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Blob, Entry, Position, Removal, Trust
from promptops.cache.advance import Understanding, propose_index, propose_patch, settle
from promptops.cache.clock import Clock
from promptops.cache.index import digest_of
from promptops.cache.signing import KeyVerifier
from promptops.cache.store import Step
from promptops.cache.tiers import records
from promptops.cache.tiers import snapshot as disk_tier
from promptops.cache.tiers.snapshot import Snapshot
from promptops.cache.tiers.tier import Loaded
from promptops.cache.view import View
from tests.cache.scribe import SCOPE, Scribe, content, entry, held_blobs

scribe = Scribe()
HELLO, BYE = entry("a", "Hello"), entry("b", "Bye")


def whole(seq: int, *entries: Entry, texts: tuple[str, ...]) -> View:
    proposal = propose_index(None, scribe.index(seq, *entries), scribe.verifier, SCOPE)
    return settle(None, proposal, held_blobs(*texts), "live")


def stepped(
    before: View, *upserts: Entry, removes: tuple[Removal, ...] = (), texts: tuple[str, ...] = ()
) -> tuple[View, Step]:
    gone = {removal.name for removal in removes}
    after = {name: each.entry for name, each in before.index.items() if name not in gone}
    after.update((each.name, each) for each in upserts)
    message = scribe.patch(before.position.seq + 1, after.values(), upserts=upserts, removes=removes)  # type: ignore[arg-type]
    proposal = propose_patch(before, message, scribe.verifier, SCOPE)
    assert proposal.step is not None
    return settle(before, proposal, held_blobs(*texts), "live"), proposal.step


class Disk:
    """A snapshot's directory, opened anew for every act as a restarted process does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[str] = []

    def open(self, verifier: KeyVerifier = scribe.verifier) -> Snapshot:
        return Snapshot(self.path, verifier, on_error=lambda reason, _: self.errors.append(reason))

    def load(self, verifier: KeyVerifier = scribe.verifier) -> Loaded | None:
        self.errors.clear()
        opened = self.open(verifier)
        try:
            return opened.load()
        finally:
            opened.close()

    def files(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*") if path.is_file() and path.name != "lock")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "snapshot")


@pytest.fixture
def history(disk: Disk) -> list[View]:
    """A base and two steps, as written while they were served."""
    writing = disk.open()
    first = whole(1, HELLO, BYE, texts=("Hello", "Bye"))
    second, to_second = stepped(first, entry("a", "Hi", revision=2), texts=("Hi",))
    third, to_third = stepped(second, removes=(Removal("b", "uid-b"),))
    assert writing.load() is None
    assert writing.save(first, None, 1.0)
    assert writing.save(second, to_second, 2.0)
    assert writing.save(third, to_third, 3.0)
    assert writing.stamp(third.position, 4.0)
    writing.close()
    return [first, second, third]


def same(found: View, expected: View) -> bool:
    return (found.header, found.entries, found.nacks) == (expected.header, expected.entries, expected.nacks) and all(
        found.blobs.get(digest) == expected.blobs[digest]
        for kept in found.entries.values()
        for digest in kept.digests()
    )


def test_what_was_saved_is_loaded(disk: Disk, history: list[View]) -> None:
    loaded = disk.load()

    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, history[-1])
    assert loaded.view.source == "snapshot"
    assert loaded.view.blobs == history[-1].blobs
    assert loaded.confirmed_at == 4.0
    assert disk.errors == []


def test_prompts_on_disk_are_for_the_owner_alone(disk: Disk, history: list[View]) -> None:
    modes = {path.stat().st_mode & 0o077 for path in (disk.path, *disk.path.rglob("*"))}

    assert modes == {0}


def test_an_empty_directory_is_no_error(disk: Disk) -> None:
    assert disk.load() is None
    assert disk.load() is None
    assert disk.errors == []


def outcome(disk: Disk, history: list[View]) -> Position | None:
    """Load, and check that what came is a state that was served, with nothing of it changed."""
    loaded = disk.load()
    view = loaded.view if loaded is not None else None
    if view is None:
        return None
    for digest, blob in view.blobs.items():
        assert digest_of(blob) == digest
    expected = next(state for state in history if state.position == view.position)
    assert view.header == expected.header
    for name, kept in view.entries.items():
        assert kept in [state.entries.get(name) for state in history]
    if not view.nacks:
        assert same(view, expected)
    assert loaded is not None
    assert loaded.confirmed_at is not None
    assert loaded.confirmed_at <= 4.0
    return view.position


def mutated(data: bytes) -> Iterator[bytes]:
    """The data with each byte changed, cut off before each byte, and with something appended."""
    for at in range(len(data)):
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        yield data[:at]
    yield data + b"\0"
    yield data + data


def test_a_snapshot_damaged_at_any_byte_is_used_as_far_as_it_is_intact(disk: Disk, history: list[View]) -> None:
    positions: dict[str, set[Position | None]] = {}
    uncounted: list[tuple[str, int]] = []
    for path in disk.files():
        original = path.read_bytes()
        for number, damaged in enumerate(mutated(original)):
            path.write_bytes(damaged)
            found = outcome(disk, history)
            positions.setdefault(path.name if path.parent == disk.path else "blob", set()).add(found)
            if found != history[-1].position and not disk.errors:
                uncounted.append((path.name, number))
        path.write_bytes(original)

    first, second, third = (state.position for state in history)
    assert positions["base"] == {third}
    assert positions["copy"] == {third}
    assert positions["journal"] == {first, second, third}
    assert positions["stamp"] == {third}
    assert positions["blob"] == {third}
    # A journal cut off exactly between two records looks like one that never had the second.
    # The copy is looked at when it is needed.
    journal = [name for name, _ in uncounted if name != "copy"]
    assert len(journal) <= 3
    assert set(journal) <= {"journal"}


@pytest.mark.parametrize("name", ["base", "journal", "stamp"])
def test_a_later_format_is_recognised_and_replaced(disk: Disk, history: list[View], name: str) -> None:
    (disk.path / name).write_bytes(b"promptops snapshot 2\n" + os.urandom(200))

    found = disk.load()
    assert reasons.SNAPSHOT_UNKNOWN_FORMAT in disk.errors
    assert found is not None
    assert found.view is not None

    writing = disk.open()
    writing.load()
    assert writing.save(history[-1], None, 5.0)
    assert writing.stamp(history[-1].position, 5.0)
    writing.close()
    loaded = disk.load()
    assert disk.errors == []
    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, history[-1])


def test_a_damaged_journal_is_not_written_behind(disk: Disk, history: list[View]) -> None:
    journal = disk.path / "journal"
    journal.write_bytes(journal.read_bytes()[:-5])
    writing = disk.open()
    loaded = writing.load()
    assert loaded is not None
    assert loaded.view is not None
    assert loaded.view.position == history[1].position
    again, step = stepped(loaded.view, entry("c", "Hey"), texts=("Hey",))
    assert writing.save(again, step, 6.0)
    writing.close()

    reloaded = disk.load()

    assert reloaded is not None
    assert reloaded.view is not None
    assert same(reloaded.view, again)
    assert disk.errors == []


def test_a_snapshot_of_another_key_is_not_used(disk: Disk, history: list[View]) -> None:
    assert disk.load(Scribe(b"s" * 32).verifier) is None
    assert disk.errors == [reasons.UNKNOWN_KEY]


def become_a_folder(base: Path) -> None:
    base.unlink()
    base.mkdir()


@pytest.mark.parametrize(
    "breaking",
    [
        pytest.param(lambda base: base.unlink(), id="missing"),
        pytest.param(become_a_folder, id="unreadable"),
        pytest.param(lambda base: base.write_bytes(b""), id="empty"),
        pytest.param(lambda base: base.write_bytes(records.FORMAT), id="without a record"),
    ],
)
def test_a_base_that_cannot_be_used_costs_nothing(
    disk: Disk, history: list[View], breaking: Callable[[Path], object]
) -> None:
    breaking(disk.path / "base")

    loaded = disk.load()

    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, history[-1])
    assert disk.errors


def test_a_snapshot_whose_signed_entries_were_edited_is_not_used(disk: Disk, history: list[View]) -> None:
    base = records.read(disk.path / "base").records[0]
    assert base.index is not None
    evil = content("Evil")
    assert base.index.entries is not None
    edited = [bytes(raw).replace(content("Hello").digest.encode(), evil.digest.encode()) for raw in base.index.entries]
    index = msgspec.structs.replace(base.index, entries=tuple(map(msgspec.Raw, edited)))
    record = msgspec.structs.replace(base, index=index)
    (disk.path / "base").write_bytes(records.FORMAT + records.frame(record))
    (disk.path / "blobs" / evil.digest.removeprefix("sha256:")).write_text(evil.content)

    loaded = disk.load()

    assert reasons.BAD_DIGEST in disk.errors
    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, history[-1])


def test_a_bad_blob_costs_its_prompt_only(disk: Disk, history: list[View]) -> None:
    first = history[0]
    other = Disk(disk.path.parent / "other")
    writing = other.open()
    writing.save(first, None, 1.0)
    writing.close()
    (other.path / "blobs" / content("Hello").digest.removeprefix("sha256:")).write_text("{}")

    loaded = other.load()

    assert loaded is not None
    assert loaded.view is not None
    assert loaded.view.blobs == held_blobs("Bye")
    assert set(loaded.view.nacks) == {"a"}
    assert other.errors == [reasons.SNAPSHOT_CORRUPT]

    writing = other.open()
    assert writing.load() is not None
    assert writing.save(first, None, 1.0)
    writing.close()
    repaired = other.load()
    assert repaired is not None
    assert repaired.view is not None
    assert same(repaired.view, first)
    assert other.errors == []


def test_a_nacked_prompt_keeps_its_older_entry_across_a_restart(disk: Disk) -> None:
    writing = disk.open()
    first = whole(1, HELLO, BYE, texts=("Hello", "Bye"))
    nacked, step = stepped(first, entry("a", "Hi", revision=2), entry("b", "Farewell"), texts=("Farewell",))
    message = scribe.index(9, entry("a", "Hi", revision=2), entry("b", "Farewell"))
    later = settle(nacked, propose_index(nacked, message, scribe.verifier, SCOPE), {}, "live")
    for view, leading, at in ((first, None, 1.0), (nacked, step, 2.0), (later, None, 3.0)):
        assert writing.save(view, leading, at)
    writing.close()

    loaded = disk.load()

    assert later.nacks
    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, later)
    assert loaded.view.entries["a"] == HELLO
    assert disk.errors == []


def test_content_that_is_not_understood_is_not_served_after_a_restart_either(disk: Disk) -> None:
    def understood(blob: bytes) -> bool:
        return b"Hi" not in blob

    writing = disk.open()
    first = whole(1, HELLO, texts=("Hello",))
    proposal = propose_patch(
        first, scribe.patch(2, [new := entry("a", "Hi", revision=2)], upserts=[new]), scribe.verifier, SCOPE
    )
    nacked = settle(first, proposal, held_blobs("Hi"), "live", understanding=Understanding(understood))
    for view, leading, at in ((first, None, 1.0), (nacked, proposal.step, 2.0)):
        assert writing.save(view, leading, at)
    writing.close()

    older = Snapshot(disk.path, scribe.verifier, understanding=Understanding(understood))
    restarted = older.load()
    older.close()
    newer = disk.load()

    assert restarted is not None
    assert restarted.view is not None
    assert newer is not None
    assert newer.view is not None
    assert restarted.view.entries["a"] == HELLO
    assert newer.view.entries["a"] == new


def test_the_journal_is_compacted_and_what_nothing_names_is_deleted(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_tier, "COMPACT_RECORDS", 8)
    writing = disk.open()
    view = whole(1, HELLO, texts=("Hello",))
    writing.save(view, None, 1.0)
    longest = 0
    for number in range(30):
        view, step = stepped(view, entry("a", f"text {number}", revision=number), texts=(f"text {number}",))
        assert writing.save(view, step, 2.0)
        longest = max(longest, len(records.read(disk.path / "journal").records))
    writing.close()

    loaded = disk.load()

    assert longest == 8
    assert len(list((disk.path / "blobs").iterdir())) <= 9
    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, view)


def test_a_base_written_before_the_journal_was_emptied_is_enough(disk: Disk, history: list[View]) -> None:
    old_journal = (disk.path / "journal").read_bytes()
    fourth, _ = stepped(history[-1], entry("c", "Hey"), texts=("Hey",))
    writing = disk.open()
    writing.load()
    assert writing.save(fourth, None, 5.0)
    writing.close()
    (disk.path / "journal").write_bytes(old_journal)

    loaded = disk.load()

    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, fourth)
    assert disk.errors == []


def test_a_revocation_outlives_a_restart(disk: Disk, history: list[View]) -> None:
    writing = disk.open()
    writing.load()
    assert writing.drop(scribe.revocation(9))
    writing.close()

    loaded = disk.load()

    assert loaded == Loaded(SCOPE, None, None, Position(1, 1, 9))
    assert list((disk.path / "blobs").iterdir()) == []


def test_another_scope_replaces_everything(disk: Disk, history: list[View]) -> None:
    other = Scribe(scope="another")
    proposal = propose_index(None, other.index(1, entry("a", "Hey")), scribe.verifier, "another")
    writing = disk.open()
    writing.load()
    assert writing.save(settle(None, proposal, held_blobs("Hey"), "live"), None, 5.0)
    writing.close()

    loaded = disk.load()

    assert loaded is not None
    assert loaded.view is not None
    assert loaded.view.header.scope == "another"
    assert loaded.view.blobs == held_blobs("Hey")


def with_file_limit(size: int, act: Callable[[], bool]) -> bool:
    """Run with a kernel that refuses to let any file grow beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        return act()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_costs_durability_until_there_is_room_again(disk: Disk, history: list[View]) -> None:
    writing = disk.open()
    writing.load()
    disk.errors.clear()
    room = (disk.path / "journal").stat().st_size + 40
    fourth, to_fourth = stepped(history[-1], entry("c", "Hey"), texts=("Hey",))
    fifth, to_fifth = stepped(fourth, entry("c", "Hey there"), texts=("Hey there",))

    assert not with_file_limit(room, lambda: writing.save(fourth, to_fourth, 5.0))
    assert disk.errors == [reasons.SNAPSHOT_DISK_FULL]
    meanwhile = records.read(disk.path / "journal")
    assert (len(meanwhile.records), meanwhile.damage) == (2, None)

    assert writing.save(fifth, to_fifth, 6.0)
    writing.close()
    loaded = disk.load()
    assert loaded is not None
    assert loaded.view is not None
    assert same(loaded.view, fifth)
    assert disk.errors == []


def test_a_disk_without_any_room_is_no_error_to_a_follower(disk: Disk) -> None:
    writing = disk.open()
    view = whole(1, HELLO, texts=("Hello",))

    assert not with_file_limit(0, lambda: writing.save(view, None, 1.0))
    assert not with_file_limit(0, lambda: writing.stamp(view.position, 1.0))
    assert set(disk.errors) == {reasons.SNAPSHOT_DISK_FULL}
    assert list(disk.path.rglob("*.tmp")) == []
    assert writing.save(view, None, 1.0)
    writing.close()


def test_a_directory_that_cannot_be_written_is_counted_and_survived() -> None:
    # Nobody, root included, makes directories there.
    unwritable = Disk(Path("/sys/promptops"))
    view = whole(1, HELLO, texts=("Hello",))
    writing = unwritable.open()

    assert writing.load() is None
    assert not writing.save(view, None, 1.0)
    assert set(unwritable.errors) == {reasons.SNAPSHOT_READ_ONLY}


def test_a_file_in_the_way_is_counted_and_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = Disk(tmp_path / "file" / "snapshot")
    writing = blocked.open()

    assert writing.load() is None
    assert not writing.save(whole(1, HELLO, texts=("Hello",)), None, 1.0)
    assert set(blocked.errors) == {reasons.SNAPSHOT_FAILED}


def test_two_processes_do_not_write_to_one_snapshot(disk: Disk, history: list[View]) -> None:
    first, second = disk.open(), disk.open()
    assert first.load() is not None
    disk.errors.clear()

    loaded = second.load()
    saved = second.save(history[-1], None, 9.0)

    assert loaded is not None
    assert not saved
    assert set(disk.errors) == {reasons.SNAPSHOT_LOCKED}
    first.close()
    assert second.save(history[-1], None, 9.0)
    second.close()


def test_a_kill_between_any_two_writes_leaves_a_state_that_was_served(
    disk: Disk, history: list[View], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer dies at its n-th call to the disk, for every n; what it wrote before stays."""

    class Killed(BaseException):
        pass

    fourth, to_fourth = stepped(history[-1], entry("c", "Hey"), texts=("Hey",))
    fifth = settle(
        fourth, propose_index(fourth, scribe.index(9, HELLO), scribe.verifier, SCOPE), held_blobs("Hello"), "live"
    )
    states = [*history, fourth, fifth]
    real = {name: getattr(os, name) for name in ("write", "fsync", "replace", "ftruncate", "open")}
    for limit in range(200):
        left = limit
        copy = Disk(disk.path.parent / f"copy-{limit}")
        shutil.copytree(disk.path, copy.path)

        def dying(call: Callable[..., object]) -> Callable[..., object]:
            def act(*args: object, **options: object) -> object:
                nonlocal left
                if left == 0:
                    raise Killed
                left -= 1
                return call(*args, **options)

            return act

        writing = copy.open()
        writing.load()
        finished = False
        with monkeypatch.context() as patched:
            for name, call in real.items():
                patched.setattr(os, name, dying(call))
            try:
                writing.save(fourth, to_fourth, 5.0)
                writing.save(fifth, None, 6.0)
                finished = True
            except Killed:
                pass
        writing.close()
        loaded = copy.load()
        assert loaded is not None
        assert loaded.view is not None
        assert any(same(loaded.view, state) for state in states), limit
        assert not loaded.view.nacks
        assert not copy.errors
        shutil.rmtree(copy.path)
        if finished:
            assert same(loaded.view, fifth)
            assert limit > 10
            return
    raise AssertionError("the writer never finished")


def test_a_clock_of_another_boot_makes_it_older_not_younger(disk: Disk, history: list[View]) -> None:
    class LaterBoot(Clock):
        def __init__(self) -> None:
            self.boot_id = "another boot"

        def now(self) -> float:
            return 12.0

    opened = Snapshot(disk.path, scribe.verifier, LaterBoot())
    loaded = opened.load()
    opened.close()

    assert loaded is not None
    assert loaded.confirmed_at is not None
    assert loaded.confirmed_at <= 0.0


def test_a_blob_of_foreign_origin_in_the_directory_is_not_served(disk: Disk, history: list[View]) -> None:
    foreign = Blob(content("Foreign").digest, content("Foreign").content)
    (disk.path / "blobs" / foreign.digest.removeprefix("sha256:")).write_text(foreign.content)

    loaded = disk.load()

    assert loaded is not None
    assert loaded.view is not None
    assert foreign.digest not in loaded.view.blobs


def test_a_trust_file_without_keys_uses_nothing(disk: Disk, history: list[View]) -> None:
    assert disk.load(KeyVerifier(Trust(()))) is None
