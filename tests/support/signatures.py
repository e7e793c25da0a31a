"""Somebody who signs versions."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from promptops.cache.signing import PersonalKey
from promptops.domain.signatures import key_id, key_text, statement


class Person:
    """A key of their own."""

    def __init__(self) -> None:
        self.pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._key = PersonalKey(self.pem)
        self.public = key_text(self._key.public)
        """As a Tenant has it."""

    def sign(self, prompt: str, number: str, digest: str) -> dict[str, str]:
        """Return what stands in spec.signatures."""
        made = self._key.sign(statement(prompt, number, digest))
        return {key_id(self._key.public): base64.b64encode(made).decode()}
