"""Ed25519 signatures of headers and revocations. What verifies was made by a trusted key, and for this purpose."""

from __future__ import annotations

import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from promptops.api import reasons
from promptops.api.feed import (
    PROTOCOL,
    SIGNING_CONTEXT,
    TRUST_CONTEXT,
    Announcement,
    Header,
    Revocation,
    Signed,
    Trust,
    TrustedKey,
)
from promptops.api.wire import Unreadable, read
from promptops.cache.refusal import Refused
from promptops.cache.verifier import from_base64url, header_of, key_of, revocation_of, to_base64url

_CERTIFICATE_END = "-----END CERTIFICATE-----"


class Signer:
    """Signs with one private key (32 raw bytes)."""

    def __init__(self, private_key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        public = self._key.public_key().public_bytes_raw()
        self.kid = key_id(public)
        self.trusted = TrustedKey(self.kid, to_base64url(public))

    def sign(self, payload: Header | Revocation) -> Signed:
        """Sign a header or a revocation. Raises ValueError when it names another key."""
        if payload.kid != self.kid:
            raise ValueError(f"the payload names the key {payload.kid}, this is {self.kid}")
        message = msgspec.json.encode(payload)
        return Signed(to_base64url(message), to_base64url(self._key.sign(SIGNING_CONTEXT + message)))

    def announce(self, trust: Trust) -> Signed:
        """Sign what is to be believed from now on."""
        message = msgspec.json.encode(Announcement(PROTOCOL, self.kid, trust))
        return Signed(to_base64url(message), to_base64url(self._key.sign(TRUST_CONTEXT + message)))


class KeyVerifier:
    """Knows the public keys that are trusted. Raises ValueError when a key is not what its id says."""

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self._keys = {key.kid: _public_key(key) for key in trust.keys}

    @property
    def kids(self) -> tuple[str, ...]:
        """Ids of the keys that are trusted."""
        return tuple(self._keys)

    def verify(self, signed: Signed) -> Header:
        """Return the header. Raises Refused: Malformed, UnknownKey, BadSignature or UnknownProtocol."""
        return header_of(self._verified(signed))

    def verify_revocation(self, signed: Signed) -> Revocation:
        """Return the revocation. Raises Refused like `verify`, also for a header."""
        return revocation_of(self._verified(signed))

    def verify_announcement(self, signed: Signed) -> Trust:
        """Return what is to be believed from now on. Raises Refused like `verify`."""
        message = self._verified(signed, TRUST_CONTEXT)
        try:
            announcement = read(message, Announcement)
        except Unreadable:
            raise Refused(reasons.MALFORMED, "not an announcement") from None
        if announcement.v != PROTOCOL:
            raise Refused(reasons.UNKNOWN_PROTOCOL, f"protocol {announcement.v}, this is {PROTOCOL}")
        return announcement.trust

    def _verified(self, signed: Signed, context: bytes = SIGNING_CONTEXT) -> bytes:
        message, signature = from_base64url(signed.payload), from_base64url(signed.sig)
        kid = key_of(message)
        key = self._keys.get(kid)
        if key is None:
            raise Refused(reasons.UNKNOWN_KEY, f"signed with the key {kid[:64]!r}")
        try:
            key.verify(signature, context + message)
        except InvalidSignature:
            raise Refused(reasons.BAD_SIGNATURE, f"by the key {kid}") from None
        return message


def is_genuine(public: bytes, signature: bytes, message: bytes, /) -> bool:
    """Tell whether a signature is an Ed25519 key's over a message: also of versions, whose keys are people's."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class PersonalKey:
    """The private key of somebody who signs versions, as `openssl genpkey -algorithm ed25519` writes it.

    Raises ValueError when it is none, or is encrypted.
    """

    def __init__(self, pem: bytes) -> None:
        try:
            key = load_pem_private_key(pem, password=None)
        except (TypeError, ValueError, UnsupportedAlgorithm):
            raise ValueError("it is no private key in PEM, or it is encrypted") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("it is not a key of Ed25519: openssl genpkey -algorithm ed25519 makes one")
        self._key = key

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return 64 bytes."""
        return self._key.sign(message)


def key_id(public: bytes) -> str:
    """Return the id of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def authority_ids(certificates: str) -> tuple[str, ...]:
    """Return the id of each certificate in PEM, one after the other: `ca-` and the first 16 digits of its SHA-256."""
    parts = certificates.split(_CERTIFICATE_END)[:-1]
    return tuple("ca-" + hashlib.sha256(part.strip().encode()).hexdigest()[:16] for part in parts)


def ids_of(trust: Trust) -> tuple[str, ...]:
    """Return the ids of everything that is believed: what a report calls `kids`."""
    return (*(key.kid for key in trust.keys), *authority_ids(trust.ca))


def _public_key(key: TrustedKey) -> Ed25519PublicKey:
    try:
        public = from_base64url(key.public)
        if key_id(public) != key.kid:
            raise ValueError(f"the trusted key {key.kid} has the id {key_id(public)}")
        return Ed25519PublicKey.from_public_bytes(public)
    except Refused as refusal:
        raise ValueError(f"the trusted key {key.kid} is {refusal.detail}") from None
