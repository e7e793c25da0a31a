"""The keys that indexes are signed with: made once, kept in a Secret, never changed here."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import msgspec

from promptops.api.feed import Trust
from promptops.api.names import KEYS_SECRET
from promptops.api.wire import read
from promptops.cache.signing import KeyVerifier, Signer
from promptops.cluster.errors import AlreadyExists, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import SECRETS

_ACTIVE = "active"
_TRUST = "trust.json"
_KEY_BYTES = 32


class KeysUnusable(Exception):
    """The Secret is there and what is in it is no set of keys. It is never overwritten: sidecars trust what it held."""


async def load_or_create(objects: Objects, namespace: str) -> tuple[Signer, KeyVerifier]:
    """Return the active signer and the verifier of everything trusted; make the keys when there are none.

    Raises KeysUnusable, or a ClusterError.
    """
    try:
        secret = await objects.get(SECRETS, namespace, KEYS_SECRET)
    except NotFound:
        try:
            secret = await objects.create(SECRETS, _new_secret(namespace))
        except AlreadyExists:
            secret = await objects.get(SECRETS, namespace, KEYS_SECRET)
    return _read(secret.get("data") or {}, f"Secret {namespace}/{KEYS_SECRET}")


def _new_secret(namespace: str) -> dict[str, Any]:
    private = secrets.token_bytes(_KEY_BYTES)
    signer = Signer(private)
    trust = msgspec.json.encode(Trust((signer.trusted,)))
    data = {f"{signer.kid}.key": private, _ACTIVE: signer.kid.encode(), _TRUST: trust}
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "metadata": {"name": KEYS_SECRET, "namespace": namespace},
        "type": "Opaque",
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def _read(data: dict[str, str], where: str) -> tuple[Signer, KeyVerifier]:
    try:
        decoded = {key: base64.b64decode(value, validate=True) for key, value in data.items()}
        kid = decoded[_ACTIVE].decode()
        signer = Signer(decoded[f"{kid}.key"])
        verifier = KeyVerifier(read(decoded[_TRUST], Trust))
    except (KeyError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else "cannot be read"
        raise KeysUnusable(f"{where} {what}; restore it from a backup") from None
    if signer.kid != kid or kid not in verifier.kids:
        raise KeysUnusable(
            f"{where}: the active key {kid} is not the one that trust.json names; restore it from a backup"
        )
    return signer, verifier
