"""The keys of an installation over the years: two at a time, none used before it is believed, none gone before its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from promptops.api.feed import Header, Trust
from promptops.cache.refusal import Refused
from promptops.cache.signing import KeyVerifier, ids_of
from promptops.controller.publish.keyring import Keyring, Knows, Lives, advanced, new_keyring, read_keyring, written

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LIVES = Lives(key=timedelta(days=30), authority=timedelta(days=100), certificate=timedelta(days=1))
STEP = timedelta(hours=12)


def everybody(_kid: str) -> bool:
    return True


def nobody(_kid: str) -> bool:
    return False


def years(knows: Knows = everybody, days: int = 400) -> Iterator[tuple[Keyring, datetime]]:
    ring, now = new_keyring(LIVES, NOW), NOW
    while now < NOW + timedelta(days=days):
        yield ring, now
        now += STEP
        ring = advanced(ring, LIVES, knows, now)


def test_a_keyring_survives_being_written() -> None:
    ring = new_keyring(LIVES, NOW)

    assert read_keyring(written(ring)) == ring


def test_what_is_to_be_believed_has_no_private_part() -> None:
    ring = new_keyring(LIVES, NOW)

    said = str(ring.trust)
    assert "PRIVATE" not in said
    assert not any(key.private in said for key in ring.signing)


def test_two_of_each_kind_at_a_time_and_all_change_in_time() -> None:
    rings = list(years())

    assert {(len(ring.signing), len(ring.roots)) for ring, _ in rings} == {(2, 2)}
    assert len({ring.signer.kid for ring, _ in rings}) >= 10
    assert len({ring.roots[0].id for ring, _ in rings}) >= 5


def test_whoever_missed_no_more_than_one_step_believes_the_next() -> None:
    believed: Trust | None = None
    for ring, now in years():
        if believed is not None and ring.trust != believed:
            verifier = KeyVerifier(believed)
            assert verifier.verify_announcement(ring.signer.announce(ring.trust)) == ring.trust
            assert ring.trust.serial > believed.serial
        if believed is not None:
            active = next(root for root in ring.roots if root.state == "active")
            assert active.id in ids_of(believed), "a certificate that nobody would believe"
            assert active.valid_until > now
        believed = ring.trust


def test_a_key_waits_for_those_who_do_not_believe_it_yet() -> None:
    rings = [ring for ring, now in years(nobody) if now < NOW + 2 * LIVES.key]

    assert {ring.signer.kid for ring in rings} == {rings[0].signer.kid}


@pytest.mark.parametrize("life", [timedelta(seconds=60), timedelta(days=30)], ids=["brief", "long"])
def test_it_waits_for_a_day_or_its_own_life_and_not_for_ever(life: timedelta) -> None:
    lives = Lives(key=life)
    ring, end = new_keyring(lives, NOW), NOW + life + max(life, timedelta(days=1))

    before, after = (advanced(ring, lives, nobody, moment) for moment in (end - timedelta(seconds=1), end))

    assert before == ring
    assert [key.private for key in after.signing] == [key.private for key in reversed(ring.signing)]


def test_an_authority_waits_until_shortly_before_its_end() -> None:
    late = NOW + LIVES.authority * (7 / 8) + STEP
    ring = new_keyring(LIVES, NOW)

    before = advanced(ring, LIVES, nobody, late - 2 * STEP)
    after = advanced(ring, LIVES, nobody, late)

    assert before.roots == ring.roots
    assert [root.id for root in after.roots] == [root.id for root in reversed(ring.roots)]


def test_after_years_away_everything_expired_is_made_anew() -> None:
    ring = new_keyring(LIVES, NOW)

    after = advanced(ring, LIVES, everybody, NOW + timedelta(days=1000))

    assert not {root.id for root in after.roots} & {root.id for root in ring.roots}
    assert all(root.valid_until > NOW + timedelta(days=1000) for root in after.roots)


def test_a_signature_for_one_purpose_is_worthless_for_the_other() -> None:
    ring = new_keyring(LIVES, NOW)
    verifier = KeyVerifier(ring.trust)
    header = ring.signer.sign(Header(1, "scope", "team", "team", 1, 1, 1, "sha256:0", 0, ring.signer.kid))

    with pytest.raises(Refused, match="BadSignature"):
        verifier.verify(ring.signer.announce(ring.trust))
    with pytest.raises(Refused, match="BadSignature"):
        verifier.verify_announcement(header)
