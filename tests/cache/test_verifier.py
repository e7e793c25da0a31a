"""Who follows a socket it trusts needs no cryptography; who has keys can be given others while it runs."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Position, Signed
from promptops.cache.refusal import Refused
from promptops.cache.verifier import Replaceable, Trusting, to_base64url
from tests.cache.scribe import Scribe, entry

scribe = Scribe()
HEADER = scribe.header(Position(1, 1, 1), [entry("greeting", "Hello")])


def test_following_loads_no_cryptography() -> None:
    program = "import sys, promptops.feed.follow; print(*{'cryptography', 'pydantic', 'starlette'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_whoever_trusts_reads_what_others_verify() -> None:
    assert Trusting().verify(Signed(scribe.signer.sign(HEADER).payload, "")) == HEADER
    assert Trusting().verify_revocation(scribe.revocation(5)).seq == 5


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"[" * 100_000, reasons.MALFORMED, id="nested without end"),
        pytest.param(b"\xff", reasons.MALFORMED, id="not UTF-8"),
        pytest.param(msgspec.json.encode({"v": 2, "kid": ""}), reasons.UNKNOWN_PROTOCOL, id="a later protocol"),
        pytest.param(msgspec.json.encode({"v": 1, "kid": ""}), reasons.MALFORMED, id="no header"),
    ],
)
def test_whoever_trusts_still_refuses_what_makes_no_sense(payload: bytes, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        Trusting().verify(Signed(to_base64url(payload), ""))

    assert refused.value.reason == reason


def test_keys_are_replaced_while_running() -> None:
    other = Scribe(b"o" * 32)
    keys = Replaceable(scribe.verifier)
    signed = other.signer.sign(other.header(Position(1, 1, 1), []))
    with pytest.raises(Refused):
        keys.verify(signed)

    keys.replace(other.verifier)

    assert keys.verify(signed).kid == other.signer.kid
    assert keys.kids == other.verifier.kids
