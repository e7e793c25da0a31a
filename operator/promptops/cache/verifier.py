"""Who says that an index is genuine: a protocol, so that whoever follows a trusted socket needs no cryptography."""

from __future__ import annotations

import base64
import binascii
from typing import Protocol, TypeVar

import msgspec

from promptops.api import reasons
from promptops.api.feed import PROTOCOL, Header, Revocation, Signed
from promptops.api.wire import Unreadable, read
from promptops.cache.refusal import Refused

MAX_INTEGER = 2**53
"""Integers stay below it, so that every JSON parser reads them exactly."""

Payload = TypeVar("Payload", Header, Revocation)


class Verifier(Protocol):
    """Knows what may be believed."""

    @property
    def kids(self) -> tuple[str, ...]:
        """Ids of the keys that are trusted."""

    def verify(self, signed: Signed) -> Header:
        """Return the header. Raises Refused: Malformed, UnknownKey, BadSignature or UnknownProtocol."""

    def verify_revocation(self, signed: Signed) -> Revocation:
        """Return the revocation. Raises Refused like `verify`, also for a header."""


class Trusting:
    """Believes who sent it: for a process that follows a socket in a directory it trusts."""

    kids: tuple[str, ...] = ()

    def verify(self, signed: Signed) -> Header:
        """Return the header. Raises Refused: Malformed or UnknownProtocol."""
        return header_of(from_base64url(signed.payload))

    def verify_revocation(self, signed: Signed) -> Revocation:
        """Return the revocation. Raises Refused: Malformed or UnknownProtocol."""
        return revocation_of(from_base64url(signed.payload))


class Replaceable:
    """Stands for a verifier that another takes the place of while everything runs: keys are renewed."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def replace(self, verifier: Verifier) -> None:
        """Believe what this one believes, from now on."""
        self._verifier = verifier

    @property
    def kids(self) -> tuple[str, ...]:
        """Ids of the keys that are trusted now."""
        return self._verifier.kids

    def verify(self, signed: Signed) -> Header:
        """Return the header. Raises Refused."""
        return self._verifier.verify(signed)

    def verify_revocation(self, signed: Signed) -> Revocation:
        """Return the revocation. Raises Refused."""
        return self._verifier.verify_revocation(signed)


def header_of(message: bytes) -> Header:
    """Return the header that the bytes are. Raises Refused: Malformed or UnknownProtocol."""
    return _checked(message, Header)


def revocation_of(message: bytes) -> Revocation:
    """Return the revocation that the bytes are. Raises Refused: Malformed or UnknownProtocol."""
    revocation = _checked(message, Revocation)
    if not revocation.revoked:
        raise Refused(reasons.MALFORMED, "a revocation that revokes nothing")
    return revocation


def key_of(message: bytes) -> str:
    """Return the id of the key that the bytes say they are signed with. Raises Refused(Malformed)."""
    return _decoded(message, _Envelope, "signed").kid


def to_base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Return the bytes of canonical base64url without padding. Raises Refused(Malformed)."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused(reasons.MALFORMED, "not base64url") from None
    # Python reads several spellings as the same bytes; only one is the one that was sent.
    if to_base64url(data) != text:
        raise Refused(reasons.MALFORMED, "not canonical base64url")
    return data


def to_token(signed: Signed) -> str:
    """Return a signed header as one word, for the Promptops-Held header."""
    return f"{signed.payload}.{signed.sig}"


def from_token(token: str) -> Signed:
    """Return what `to_token` was given. Raises Refused(Malformed)."""
    payload, separator, signature = token.partition(".")
    if not separator:
        raise Refused(reasons.MALFORMED, "not a signed header")
    return Signed(payload, signature)


class _Envelope(msgspec.Struct, frozen=True):
    """What is needed before anything else can be said."""

    v: int
    kid: str


_Anything = TypeVar("_Anything")


def _checked(message: bytes, form: type[Payload]) -> Payload:
    version = _decoded(message, _Envelope, "signed").v
    if version != PROTOCOL:
        raise Refused(reasons.UNKNOWN_PROTOCOL, f"protocol {version}, this is {PROTOCOL}")
    payload = _decoded(message, form, "a header or a revocation")
    if not all(0 <= number < MAX_INTEGER for number in (payload.epoch, payload.term, payload.seq)):
        raise Refused(reasons.MALFORMED, "a position out of range")
    return payload


def _decoded(message: bytes, form: type[_Anything], what: str) -> _Anything:
    try:
        return read(message, form)
    except Unreadable:
        raise Refused(reasons.MALFORMED, f"not {what}") from None
