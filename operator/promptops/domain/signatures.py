"""Who stands for a version: a signature over its prompt's name, its number and the digest of its content, by a key that is believed."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Final, Protocol

from promptops.domain.manifests import Manifest, mapping, spec_of, text
from promptops.domain.ownership import number_of, prompt_of

_CONTEXT: Final = "promptops.io/signature/v1"
"""What is signed for another purpose is no signature of a version."""
_KEY_BYTES: Final = 32
_ALGORITHM: Final = bytes.fromhex("302a300506032b6570032100")
"""How a public key of Ed25519 begins in the form that OpenSSL writes (RFC 8410)."""


class Verify(Protocol):
    """Tells whether a signature (64 bytes) was made of a message by the owner of an Ed25519 key (32 bytes)."""

    def __call__(self, public: bytes, signature: bytes, message: bytes, /) -> bool:
        """Return it; False also for what is no key or no signature."""


def believes_nobody(public: bytes, signature: bytes, message: bytes, /) -> bool:
    """Stand for a verifier where there is none."""
    return False


def statement(prompt: str, number: str, digest: str) -> bytes:
    """Return what is signed. The name and the number are in it: content that was good as 1.0.0 may not come back as 9.0.0."""
    return "\n".join((_CONTEXT, prompt, number, digest)).encode()


def signer(
    version: Manifest, digest: str | None, believed: Mapping[str, str], verifies: Verify = believes_nobody
) -> str | None:
    """Return whose signature a version carries, of those who are believed: name → public key as a Tenant has it. None: nobody's."""
    said = mapping(spec_of(version).get("signatures"))
    message = statement(prompt_of(version), number_of(version), digest or "")
    for name, written in believed.items():
        public = key_bytes(written)
        signature = _decoded(text(said.get(key_id(public)))) if public else b""
        if digest and public and signature and verifies(public, signature, message):
            return name
    return None


def key_bytes(written: str) -> bytes:
    """Return the 32 bytes of a public key as a Tenant has it; nothing when it is none."""
    data = _decoded(written)
    is_key = data.startswith(_ALGORITHM) and len(data) == len(_ALGORITHM) + _KEY_BYTES
    return data.removeprefix(_ALGORITHM) if is_key else b""


def key_text(public: bytes) -> str:
    """Return a public key as a Tenant has it."""
    return base64.b64encode(_ALGORITHM + public).decode()


def key_id(public: bytes) -> str:
    """Return under which name a signature by a key stands: the first 16 hexadecimal digits of the key's SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def _decoded(written: str) -> bytes:
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return b""
