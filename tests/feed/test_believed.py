"""What a follower believes: renewed by what it believed before, never taken back, and kept over a restart."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from promptops.api.feed import Trust
from promptops.cache.refusal import Refused
from promptops.cache.signing import Signer
from promptops.feed.anchors import Anchors
from promptops.feed.believed import Believed

A, B, C, STRANGER = (Signer(letter * 32) for letter in (b"a", b"b", b"c", b"s"))


def trust(*signers: Signer, serial: int) -> Trust:
    return Trust(tuple(signer.trusted for signer in signers), serial=serial)


def believed(tmp_path: Path, first: Trust) -> Believed:
    return Believed(Anchors(msgspec.json.encode(first).decode()), tmp_path)


def kids(*signers: Signer) -> tuple[str, ...]:
    return tuple(signer.kid for signer in signers)


async def test_a_sidecar_that_lives_through_two_renewals_still_knows_after_a_restart(tmp_path: Path) -> None:
    first = trust(A, B, serial=1)
    running = believed(tmp_path, first)
    running.hear(B.announce(trust(B, C, serial=2)))
    running.hear(C.announce(trust(C, serial=3)))
    await running.look()

    restarted = believed(tmp_path, first)

    assert running.ids == restarted.ids == kids(C)


async def test_what_was_given_anew_wins_over_what_was_kept(tmp_path: Path) -> None:
    running = believed(tmp_path, trust(A, B, serial=1))
    running.hear(A.announce(trust(A, C, serial=2)))
    await running.look()

    assert believed(tmp_path, trust(B, serial=5)).ids == kids(B)


def test_a_forged_chain_is_not_believed(tmp_path: Path) -> None:
    forged = [STRANGER.announce(trust(STRANGER, serial=9))]
    (tmp_path / "trust-chain.json").write_bytes(msgspec.json.encode(forged))

    assert believed(tmp_path, trust(A, serial=1)).ids == kids(A)


def test_an_older_announcement_changes_nothing(tmp_path: Path) -> None:
    running = believed(tmp_path, trust(A, B, serial=5))

    running.hear(A.announce(trust(A, C, serial=4)))

    assert running.ids == kids(A, B)


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    running = believed(tmp_path, trust(A, serial=1))

    with pytest.raises(Refused, match="UnknownKey"):
        running.hear(STRANGER.announce(trust(STRANGER, serial=9)))
    assert running.ids == kids(A)


def test_announced_nonsense_is_not_believed(tmp_path: Path) -> None:
    running = believed(tmp_path, trust(A, serial=1))

    running.hear(A.announce(msgspec.structs.replace(trust(B, serial=9), ca="no certificate")))

    assert running.ids == kids(A)


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        pytest.param(trust(B, serial=0), kids(B), id="by hand, without a serial"),
        pytest.param(trust(B, serial=3), kids(B), id="a newer one"),
        pytest.param(trust(B, serial=1), kids(C), id="one that is older than what the feed said"),
    ],
)
async def test_a_file_that_is_mounted_anew(tmp_path: Path, written: Trust, ids: tuple[str, ...]) -> None:
    file = tmp_path / "trust.json"
    file.write_bytes(msgspec.json.encode(trust(A, serial=1)))
    running = Believed(Anchors(file), tmp_path / "snapshots")
    running.hear(A.announce(trust(C, serial=2)))
    file.write_bytes(msgspec.json.encode(written))

    await running.look()

    assert running.ids == ids
