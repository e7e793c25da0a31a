"""A directory keeps any number of scopes, and of each what is effective, whatever of it can be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Entry, Position
from promptops.cache.advance import propose_index, settle
from promptops.cache.tiers import records
from promptops.cache.tiers.disk import Disk, folder_of
from promptops.cache.tiers.sealing import Seal
from promptops.cache.tiers.tier import Loaded
from promptops.cache.view import View
from tests.cache.scribe import SCOPE, Scribe, content, entry, held_blobs

scribe = Scribe()


def taken(held: View | None, seq: int, *entries: Entry, texts: tuple[str, ...] = (), by: Scribe = scribe) -> View:
    proposal = propose_index(held, by.index(seq, *entries), by.verifier, by.scope)
    return settle(held, proposal, held_blobs(*texts), "live")


class Opened:
    """A disk that is opened anew for every act, as a restarted process does."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self.path = path
        self.errors: list[str] = []
        self.seal = Seal(key) if key is not None else None

    def do(self, *acts: Callable[[Disk], object]) -> list[object]:
        disk = Disk(self.path, scribe.verifier, on_error=lambda reason, _: self.errors.append(reason), seal=self.seal)
        try:
            return [disk.load(), *(act(disk) for act in acts)]
        finally:
            disk.close()

    def loaded(self, scope: str = SCOPE) -> Loaded | None:
        [found] = self.do()
        assert isinstance(found, tuple)
        return next((each for each in found if each.scope == scope), None)

    def served(self, name: str = "greeting", scope: str = SCOPE) -> bytes | None:
        """What a restarted process renders under a name."""
        loaded = self.loaded(scope)
        found = loaded.view.entries.get(name) if loaded is not None and loaded.view is not None else None
        return loaded.view.blobs.get(found.stable.digest) if loaded and loaded.view and found and found.stable else None

    def blob(self, text: str, scope: str = SCOPE) -> Path:
        return self.path / folder_of(scope) / "blobs" / content(text).digest.removeprefix("sha256:")


@pytest.fixture
def disk(tmp_path: Path) -> Opened:
    return Opened(tmp_path / "snapshot")


def of(text: str) -> bytes:
    return content(text).content.encode()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(lambda path: path.unlink(), None, id="gone"),
        pytest.param(lambda path: path.write_text("{}"), reasons.SNAPSHOT_CORRUPT, id="something else"),
        pytest.param(
            lambda path: (path.unlink(), path.symlink_to("/nonexistent")), reasons.SNAPSHOT_FAILED, id="a dangling link"
        ),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), reasons.SNAPSHOT_FAILED, id="a directory"),
    ],
)
def test_one_unreadable_blob_costs_what_needs_it(
    disk: Opened, damage: Callable[[Path], object], reason: str | None
) -> None:
    view = taken(None, 1, entry("greeting", "v1"), entry("other", "o"), texts=("v1", "o"))
    disk.do(lambda tier: tier.save(view, None, 1.0))

    damage(disk.blob("v1"))

    assert disk.served("other") == of("o")
    assert disk.served("greeting") is None
    assert set(disk.errors) == ({reason} if reason else set())


def test_an_unreadable_file_that_nothing_needs_costs_nothing(disk: Opened) -> None:
    disk.do(lambda tier: tier.save(taken(None, 1, entry("greeting", "v1"), texts=("v1",)), None, 1.0))
    os.symlink("/nonexistent", disk.blob("v1").with_name("f" * 64))

    assert disk.served() == of("v1")


def test_of_a_prompt_whose_newest_blob_cannot_be_read_the_older_entry_is_served(disk: Opened) -> None:
    first = taken(None, 1, entry("greeting", "v1"), texts=("v1",))
    nacked = taken(first, 2, entry("greeting", "v2", revision=2))
    disk.do(lambda tier: tier.save(first, None, 1.0), lambda tier: tier.save(nacked, None, 2.0))

    assert disk.served() == of("v1")


def test_a_new_base_forgets_no_older_entry(disk: Opened) -> None:
    """The disk is well only from the second index on: what is written then holds what is effective."""
    first = taken(None, 1, entry("greeting", "v1"), entry("other", "o"), texts=("v1", "o"))
    second = taken(first, 2, entry("greeting", "v2", revision=2), entry("other", "o"))
    third = taken(second, 3, entry("greeting", "v3", revision=3), entry("other", "p"), texts=("p",))
    disk.do(lambda tier: tier.save(third, None, 3.0))

    loaded = disk.loaded()

    assert loaded is not None
    assert loaded.view is not None
    assert loaded.view.header == third.header
    assert loaded.view.nacks == third.nacks
    assert disk.served("greeting") == of("v1")
    assert disk.served("other") == of("p")
    assert disk.errors == []
    # And once more, from what was loaded.
    fourth = taken(loaded.view, 4, entry("greeting", "v4", revision=4), entry("other", "p"))
    disk.do(lambda tier: tier.save(fourth, None, 4.0))
    assert disk.served("greeting") == of("v1")


def test_an_older_entry_that_nobody_signed_is_not_served(disk: Opened) -> None:
    first = taken(None, 1, entry("greeting", "v1"), texts=("v1",))
    second = taken(first, 2, entry("greeting", "v2", revision=2))
    disk.do(lambda tier: tier.save(second, None, 2.0))
    base = disk.path / folder_of(SCOPE) / "base"
    record = records.read(base).records[0]
    evil = bytes(record.older[0].entry).replace(content("v1").digest.encode(), content("Evil").digest.encode())
    kept = msgspec.structs.replace(record.older[0], entry=msgspec.Raw(evil))
    base.write_bytes(records.FORMAT + records.frame(msgspec.structs.replace(record, older=(kept,))))
    disk.blob("Evil").write_text(content("Evil").content)

    assert disk.served() is None
    assert reasons.BAD_DIGEST in disk.errors


def test_scopes_stand_beside_each_other(disk: Opened) -> None:
    other = Scribe(scope="../../another")
    ours = taken(None, 1, entry("greeting", "ours"), texts=("ours",))
    theirs = taken(None, 7, entry("greeting", "theirs"), texts=("theirs",), by=other)
    disk.do(lambda tier: tier.save(ours, None, 1.0), lambda tier: tier.save(theirs, None, 2.0))

    assert (disk.served(), disk.served(scope=other.scope)) == (of("ours"), of("theirs"))
    disk.do(lambda tier: tier.drop(SCOPE, scribe.revocation(5)))
    assert disk.loaded() == Loaded(SCOPE, None, None, Position(1, 1, 5))
    assert disk.served(scope=other.scope) == of("theirs")
    disk.do(lambda tier: tier.keep_only(other.scope))
    assert disk.loaded() is None
    assert disk.served(scope=other.scope) == of("theirs")
