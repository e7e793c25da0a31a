"""What verifies was signed by a trusted key, for this purpose, in exactly these bytes."""

from __future__ import annotations

import base64

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Position, Revocation, Signed, Trust, TrustedKey
from promptops.cache import verifier
from promptops.cache.refusal import Refused
from promptops.cache.signing import KeyVerifier, Signer, key_id
from tests.cache.scribe import Scribe, entry

POSITION = Position(1, 2, 3)


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


def signed_bytes(scribe: Scribe, data: bytes) -> Signed:
    """Sign any bytes as if they were a header."""
    signature = scribe.signer._key.sign(b"promptops/index/1\n" + data)
    return Signed(verifier.to_base64url(data), verifier.to_base64url(signature))


def test_what_was_signed_verifies(scribe: Scribe) -> None:
    header = scribe.header(POSITION, [entry("greeting", "Hello")])

    assert scribe.verifier.verify(scribe.signer.sign(header)) == header


def test_the_key_id_is_the_beginning_of_the_public_keys_digest(scribe: Scribe) -> None:
    assert len(scribe.signer.kid) == 16
    assert scribe.verifier.kids == (scribe.signer.kid,)
    assert scribe.signer.trusted.kid == scribe.signer.kid


def test_any_flipped_bit_is_refused(scribe: Scribe) -> None:
    signed = scribe.signer.sign(scribe.header(POSITION, [entry("greeting", "Hello")]))
    accepted = []

    for part in ("payload", "sig"):
        text = getattr(signed, part)
        for at in range(len(text)):
            for bit in range(7):
                flipped = text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :]
                try:
                    scribe.verifier.verify(msgspec.structs.replace(signed, **{part: flipped}))
                except Refused:
                    continue
                accepted.append((part, at, bit))

    assert accepted == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"v": 2}, reasons.UNKNOWN_PROTOCOL, id="another protocol"),
        pytest.param({"seq": 2**53}, reasons.MALFORMED, id="a number that JSON parsers round"),
        pytest.param({"epoch": -1}, reasons.MALFORMED, id="a negative number"),
    ],
)
def test_a_signature_does_not_make_a_header_right(scribe: Scribe, changes: dict[str, int], reason: str) -> None:
    signed = scribe.signer.sign(scribe.header(POSITION, [], **changes))

    with pytest.raises(Refused) as refused:
        scribe.verifier.verify(signed)

    assert refused.value.reason == reason


def test_a_later_protocol_is_recognised_whatever_else_it_says(scribe: Scribe) -> None:
    later = msgspec.json.encode({"v": 9, "kid": scribe.signer.kid, "root": "sha256:0"})

    with pytest.raises(Refused) as refused:
        scribe.verifier.verify(signed_bytes(scribe, later))

    assert refused.value.reason == reasons.UNKNOWN_PROTOCOL


def test_an_unknown_key_is_told_from_a_bad_signature(scribe: Scribe) -> None:
    stranger = Scribe(key=b"s" * 32)
    by_a_stranger = stranger.signer.sign(stranger.header(POSITION, []))
    claimed = stranger.header(POSITION, [], kid=scribe.signer.kid)
    forged = signed_bytes(stranger, msgspec.json.encode(claimed))

    found = []
    for signed in (by_a_stranger, forged):
        with pytest.raises(Refused) as refused:
            scribe.verifier.verify(signed)
        found.append(refused.value.reason)

    assert found == [reasons.UNKNOWN_KEY, reasons.BAD_SIGNATURE]


def test_a_signature_for_another_purpose_is_worthless(scribe: Scribe) -> None:
    data = msgspec.json.encode(scribe.header(POSITION, []))
    elsewhere = Signed(verifier.to_base64url(data), verifier.to_base64url(scribe.signer._key.sign(data)))

    with pytest.raises(Refused, match=reasons.BAD_SIGNATURE):
        scribe.verifier.verify(elsewhere)


def test_a_header_is_no_revocation_and_a_revocation_no_header(scribe: Scribe) -> None:
    header = scribe.signer.sign(scribe.header(POSITION, []))
    revocation = scribe.revocation(4)
    hollow = scribe.signer.sign(Revocation(1, scribe.scope, False, 1, 1, 4, scribe.signer.kid))

    with pytest.raises(Refused, match=reasons.MALFORMED):
        scribe.verifier.verify_revocation(header)
    with pytest.raises(Refused, match=reasons.MALFORMED):
        scribe.verifier.verify_revocation(hollow)
    with pytest.raises(Refused, match=reasons.MALFORMED):
        scribe.verifier.verify(revocation)
    assert scribe.verifier.verify_revocation(revocation).revoked


def test_one_spelling_of_the_bytes_is_accepted(scribe: Scribe) -> None:
    signed = scribe.signer.sign(scribe.header(POSITION, []))
    padded = signed.payload + "=" * (-len(signed.payload) % 4)
    standard = base64.b64encode(verifier.from_base64url(signed.payload)).decode().rstrip("=")
    spellings = {padded, f"{signed.payload}\n", f" {signed.payload}", standard} - {signed.payload}

    for spelling in spellings:
        with pytest.raises(Refused):
            scribe.verifier.verify(Signed(spelling, signed.sig))


def test_a_signed_header_travels_as_one_word(scribe: Scribe) -> None:
    signed = scribe.signer.sign(scribe.header(POSITION, []))

    assert verifier.from_token(verifier.to_token(signed)) == signed
    with pytest.raises(Refused, match=reasons.MALFORMED):
        verifier.from_token("nothing")


def test_a_signer_signs_in_its_own_name_only(scribe: Scribe) -> None:
    with pytest.raises(ValueError, match="names the key"):
        Signer(b"s" * 32).sign(scribe.header(POSITION, []))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(lambda signer: TrustedKey("0" * 16, signer.trusted.public), id="a key under another id"),
        pytest.param(lambda signer: TrustedKey(signer.kid, "!"), id="not base64url"),
        pytest.param(lambda _: TrustedKey(key_id(b"short"), verifier.to_base64url(b"short")), id="not a key"),
    ],
)
def test_a_wrong_trust_file_is_named(scribe: Scribe, key: object) -> None:
    with pytest.raises(ValueError, match=r"key|32"):
        KeyVerifier(Trust((key(scribe.signer),)))  # type: ignore[operator]
