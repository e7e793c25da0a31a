"""A snapshot where others may read: sealed whole, used by its key alone, and as good as any other by it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from promptops.api import reasons
from promptops.cache.tiers.disk import folder_of
from tests.cache.scribe import SCOPE, content, entry
from tests.cache.tiers.test_disk import Opened, of
from tests.cache.tiers.test_snapshot import stepped, whole

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
SECRETS = ("Hello, a secret", "Bye, a secret")


@pytest.fixture
def sealed(tmp_path: Path) -> Opened:
    """A sealed disk with a base, a journal that goes beyond it, and a stamp."""
    disk = Opened(tmp_path / "snapshot", KEY)
    fill(disk)
    return disk


def fill(disk: Opened) -> None:
    """Serve one text, then another beside it."""
    first = whole(1, entry("greeting", SECRETS[0]), texts=SECRETS[:1])
    both, step = stepped(first, entry("bye", SECRETS[1]), texts=SECRETS)
    disk.do(
        lambda tier: tier.save(first, None, 1.0),
        lambda tier: tier.save(both, step, 2.0),
        lambda tier: tier.stamp(SCOPE, both.position, 3.0),
    )


def files(disk: Opened) -> list[Path]:
    """Every file with something in it."""
    return sorted(path for path in disk.path.rglob("*") if path.is_file() and path.stat().st_size)


def test_what_was_saved_is_loaded_with_the_key(sealed: Opened) -> None:
    assert (sealed.served("greeting"), sealed.served("bye")) == (of(SECRETS[0]), of(SECRETS[1]))
    assert sealed.errors == []


def test_nothing_of_it_can_be_read(sealed: Opened) -> None:
    found = files(sealed)

    assert {path.name for path in found} >= {"base", "copy", "journal", "stamp"}
    assert len(found) == 6
    told = [SCOPE, "greeting", "secret", *(content(text).digest.removeprefix("sha256:") for text in SECRETS)]
    for path in found:
        written = path.read_bytes() + str(path.relative_to(sealed.path)).encode()
        assert [each for each in told if each.encode() in written] == [], path


@pytest.mark.parametrize("key", [pytest.param(OTHER_KEY, id="another key"), pytest.param(None, id="no key")])
def test_nobody_else_uses_it(sealed: Opened, key: bytes | None) -> None:
    other = Opened(sealed.path, key)

    assert other.served("greeting") is None
    assert {reasons.SNAPSHOT_CORRUPT, reasons.SNAPSHOT_UNKNOWN_FORMAT} >= set(other.errors) != set()


@pytest.mark.parametrize(("before", "after"), [(None, KEY), (KEY, None), (KEY, OTHER_KEY)])
def test_a_key_that_comes_goes_or_changes_leaves_nothing_of_before(
    tmp_path: Path, before: bytes | None, after: bytes | None
) -> None:
    """What lay there in the clear is gone with the first index that is taken."""
    fill(Opened(tmp_path / "snapshot", before))
    left = {path.name: path.read_bytes() for path in files(Opened(tmp_path / "snapshot"))}
    now = Opened(tmp_path / "snapshot", after)

    fill(now)

    assert (now.served("greeting"), now.served("bye")) == (of(SECRETS[0]), of(SECRETS[1]))
    assert [path for path in files(now) if left.get(path.name) == path.read_bytes()] == []
    assert len(files(now)) == 6


def test_a_flipped_bit_anywhere_costs_what_it_is_in_and_shows_nothing_else(sealed: Opened, tmp_path: Path) -> None:
    served = {of(SECRETS[0]), of(SECRETS[1]), None}

    for path in files(sealed):
        # The copy is looked at when the base cannot be used.
        for place in range(0, path.stat().st_size, 11) if path.name != "copy" else ():
            copy = Opened(tmp_path / "copy", KEY)
            shutil.copytree(sealed.path, copy.path)
            flip(copy.path / path.relative_to(sealed.path), place)
            assert {copy.served("greeting"), copy.served("bye")} <= served, (path, place)
            assert copy.errors, (path, place)
            shutil.rmtree(copy.path)


def flip(path: Path, place: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_file_cannot_stand_for_another(sealed: Opened) -> None:
    """Neither within a folder, nor from the folder of another scope with the same key."""
    one, other = sorted((sealed.path / folder_of(SCOPE) / "blobs").iterdir())
    one_data, other_data = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_data)
    other.write_bytes(one_data)

    assert (sealed.served("greeting"), sealed.served("bye")) == (None, None)
    assert set(sealed.errors) == {reasons.SNAPSHOT_CORRUPT}


def test_a_folder_cannot_stand_for_another(sealed: Opened) -> None:
    elsewhere = sealed.path / folder_of("another-scope")
    (sealed.path / folder_of(SCOPE)).rename(elsewhere)

    assert sealed.loaded() is None
    assert sealed.errors


def test_what_is_sealed_twice_differs(sealed: Opened, tmp_path: Path) -> None:
    again = Opened(tmp_path / "again", KEY)
    fill(again)

    both = [{path.name: path.read_bytes() for path in files(each)} for each in (sealed, again)]

    assert both[0].keys() == both[1].keys()
    assert [name for name in both[0] if both[0][name] == both[1][name]] == []


def test_a_sealed_disk_is_for_its_owner_alone_too(sealed: Opened) -> None:
    assert {oct(os.stat(path).st_mode & 0o777) for path in files(sealed)} == {"0o600"}
