"""Bytes that lie where others can read: sealed for one scope and one place, opened by whoever has the scope's key, there alone."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from promptops.api import reasons
from promptops.cache.refusal import Refused
from promptops.settings.keys import KEY_BYTES

_FORMAT: Final = b"promptops sealed 1\n"
_NONCE_BYTES: Final = 12
_NAME_DIGITS: Final = 32


class Seal:
    """One scope's key. Raises ValueError when it does not have 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, this has {len(key)}")
        self._cipher = AESGCM(_derived(key, b"seal"))
        self._names = _derived(key, b"names")

    def name(self, of: str) -> str:
        """Return what something is called where others can read: the same always, and no key no guess."""
        return hmac.digest(self._names, of.encode(), hashlib.sha256).hex()[:_NAME_DIGITS]

    def seal(self, data: bytes, scope: str, place: str) -> bytes:
        """Return the bytes as they may lie in that place."""
        nonce = os.urandom(_NONCE_BYTES)
        return b"%s%s\n%s%s" % (
            _FORMAT,
            scope.encode(),
            nonce,
            self._cipher.encrypt(nonce, data, _bound(scope.encode(), place)),
        )

    def open(self, sealed: bytes, place: str) -> tuple[str, bytes]:
        """Return whose the bytes are, and the bytes. Raises Refused(SealBroken) unless this key sealed them for that place."""
        scope, separator, rest = sealed.removeprefix(_FORMAT).partition(b"\n")
        if not sealed.startswith(_FORMAT) or not separator:
            raise Refused(reasons.SEAL_BROKEN, "not sealed bytes")
        nonce, encrypted = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return scope.decode(), self._cipher.decrypt(nonce, encrypted, _bound(scope, place))
        except (InvalidTag, ValueError):
            raise Refused(reasons.SEAL_BROKEN, "sealed by another key, or for another place") from None


class Seals(Protocol):
    """Knows the seal of a scope."""

    def of(self, scope: str) -> Seal:
        """Return it."""


class Sole:
    """The seal of the one scope that a sidecar serves."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key)

    def of(self, scope: str) -> Seal:
        """Return it, whatever the scope is called."""
        return self._seal


class Derived:
    """The seals of every scope, from one master key: who has a scope's own can open no other."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._seals: dict[str, Seal] = {}

    def of(self, scope: str) -> Seal:
        """Return it."""
        if scope not in self._seals:
            self._seals[scope] = Seal(scope_key(self._master, scope))
        return self._seals[scope]


def scope_key(master: bytes, scope: str) -> bytes:
    """Return the key of a scope. Raises ValueError when the master key does not have 32 bytes."""
    if len(master) != KEY_BYTES:
        raise ValueError(f"a master key has {KEY_BYTES} bytes, this has {len(master)}")
    return _derived(master, b"scope\n" + scope.encode())


def _derived(key: bytes, purpose: bytes) -> bytes:
    # HKDF's expansion (RFC 5869) to one block: the key is random already.
    return hmac.digest(key, b"promptops/mirror/1\n" + purpose + b"\x01", hashlib.sha256)


def _bound(scope: bytes, place: str) -> bytes:
    return b"%s%s\n%s" % (_FORMAT, scope, place.encode())
