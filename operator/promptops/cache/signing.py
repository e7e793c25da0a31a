"""Ed25519 signatures of headers and revocations. What verifies was made by a trusted key, and for this purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from promptops.api import reasons
from promptops.api.feed import PROTOCOL, SIGNING_CONTEXT, Header, Revocation, Signed, Trust, TrustedKey
from promptops.cache.refusal import Refused

MAX_INTEGER = 2**53
"""Integers stay below it, so that every JSON parser reads them exactly."""

Payload = TypeVar("Payload", Header, Revocation)


class Signer:
    """Signs with one private key (32 raw bytes)."""

    def __init__(self, private_key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        public = self._key.public_key().public_bytes_raw()
        self.kid = key_id(public)
        self.trusted = TrustedKey(self.kid, encode(public))

    def sign(self, payload: Header | Revocation) -> Signed:
        """Sign a header or a revocation. Raises ValueError when it names another key."""
        if payload.kid != self.kid:
            raise ValueError(f"the payload names the key {payload.kid}, this is {self.kid}")
        message = msgspec.json.encode(payload)
        return Signed(encode(message), encode(self._key.sign(SIGNING_CONTEXT + message)))


class Verifier:
    """Knows the public keys that are trusted. Raises ValueError when a key is not what its id says."""

    def __init__(self, trust: Trust) -> None:
        self._keys = {key.kid: _public_key(key) for key in trust.keys}

    @property
    def kids(self) -> tuple[str, ...]:
        """Ids of the keys that are trusted."""
        return tuple(self._keys)

    def verify(self, signed: Signed) -> Header:
        """Return the header. Raises Refused: Malformed, UnknownKey, BadSignature or UnknownProtocol."""
        return self._verified(signed, Header)

    def verify_revocation(self, signed: Signed) -> Revocation:
        """Return the revocation. Raises Refused like `verify`, also for a header."""
        revocation = self._verified(signed, Revocation)
        if not revocation.revoked:
            raise Refused(reasons.MALFORMED, "a revocation that revokes nothing")
        return revocation

    def _verified(self, signed: Signed, kind: type[Payload]) -> Payload:
        message, signature = decode(signed.payload), decode(signed.sig)
        envelope = _decoded(message, _Envelope)
        key = self._keys.get(envelope.kid)
        if key is None:
            raise Refused(reasons.UNKNOWN_KEY, f"signed with the key {envelope.kid[:64]!r}")
        try:
            key.verify(signature, SIGNING_CONTEXT + message)
        except InvalidSignature:
            raise Refused(reasons.BAD_SIGNATURE, f"by the key {envelope.kid}") from None
        if envelope.v != PROTOCOL:
            raise Refused(reasons.UNKNOWN_PROTOCOL, f"protocol {envelope.v}, this is {PROTOCOL}")
        payload = _decoded(message, kind)
        if not all(0 <= number < MAX_INTEGER for number in (payload.epoch, payload.term, payload.seq)):
            raise Refused(reasons.MALFORMED, "a position out of range")
        return payload


class _Envelope(msgspec.Struct, frozen=True):
    """What is needed before a signature can be checked."""

    v: int
    kid: str


def key_id(public: bytes) -> str:
    """Return the id of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of canonical base64url without padding. Raises Refused(Malformed)."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused(reasons.MALFORMED, "not base64url") from None
    # Python reads several spellings as the same bytes; only one is the one that was sent.
    if encode(data) != text:
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


_Decoded = TypeVar("_Decoded", Header, Revocation, _Envelope)


def _decoded(message: bytes, kind: type[_Decoded]) -> _Decoded:
    try:
        return msgspec.json.decode(message, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(reasons.MALFORMED, f"not a {kind.__name__.strip('_').lower()}") from None


def _public_key(key: TrustedKey) -> Ed25519PublicKey:
    try:
        public = decode(key.public)
        if key_id(public) != key.kid:
            raise ValueError(f"the trusted key {key.kid} has the id {key_id(public)}")
        return Ed25519PublicKey.from_public_bytes(public)
    except Refused as refusal:
        raise ValueError(f"the trusted key {key.kid} is {refusal.detail}") from None
