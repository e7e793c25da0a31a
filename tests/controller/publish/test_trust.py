"""The Secret with the keys: made once, read ever after, and never made anew over one that cannot be read."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest

from promptops.api.feed import Trust
from promptops.api.names import KEYS_SECRET, TRUST_CONFIG_MAP, TRUST_KEY
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS, SECRETS
from promptops.controller.publish.keyring import Keyring, Lives, new_keyring, written
from promptops.controller.publish.trust import KEYRING, Keys, KeysUnusable, load_or_create
from promptops.dev.plane import Plane

pytestmark = pytest.mark.cluster

LIVES = Lives()
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
async def objects(plane: Plane) -> AsyncIterator[Objects]:
    client = Client(await Connection.open(plane.kubeconfig))
    yield Objects(client)
    await client.close()


async def test_replicas_that_start_together_have_the_same_keys(objects: Objects, namespace: str) -> None:
    made = await asyncio.gather(*(load_or_create(objects, namespace, LIVES, NOW) for _ in range(5)))
    later = await load_or_create(objects, namespace, LIVES, NOW)

    assert set(map(written, (*made, later))) == {written(later)}


def without(ring: Keyring, part: str) -> bytes:
    return msgspec.json.encode({**msgspec.to_builtins(ring), part: []})


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        pytest.param(None, f"lacks {KEYRING}", id="nothing of ours"),
        pytest.param(b"{", "cannot be used", id="no JSON"),
        pytest.param(b"{}", "cannot be used", id="no keyring"),
        pytest.param(without(new_keyring(LIVES, NOW), "signing"), "not one active key", id="no signing key"),
        pytest.param(without(new_keyring(LIVES, NOW), "roots"), "not one active key", id="no authority"),
        pytest.param(
            written(new_keyring(LIVES, NOW))
            .replace(b"BEGIN PRIVATE", b"BEGIN PUBLIC")
            .replace(b"BEGIN EC", b"BEGIN E"),
            "cannot be used",
            id="a spoilt key",
        ),
    ],
)
async def test_keys_that_cannot_be_used_stay_as_they_are(
    objects: Objects, plane: Plane, namespace: str, spoilt: bytes | None, said: str
) -> None:
    await load_or_create(objects, namespace, LIVES, NOW)
    data = {KEYRING: None if spoilt is None else base64.b64encode(spoilt).decode()}
    plane.kubectl("-n", namespace, "patch", "secret", KEYS_SECRET, "--type=merge", "-p", json.dumps({"data": data}))
    before = await objects.get(SECRETS, namespace, KEYS_SECRET)

    with pytest.raises(KeysUnusable, match="restore it from a backup") as raised:
        await load_or_create(objects, namespace, LIVES, NOW)

    assert said in str(raised.value)
    assert await objects.get(SECRETS, namespace, KEYS_SECRET) == before


async def test_what_sidecars_are_to_believe_is_told_by_the_leader_alone(objects: Objects, namespace: str) -> None:
    ring = await load_or_create(objects, namespace, LIVES, NOW)
    keys = Keys(objects, namespace, ring, LIVES, lambda: NOW)

    await keys.look(leading=False)
    untold = not await _is_there(objects, namespace)
    await keys.look(leading=True)
    told = await objects.get(CONFIG_MAPS, namespace, TRUST_CONFIG_MAP)
    await keys.look(leading=True)

    assert untold
    assert msgspec.json.decode(told["data"][TRUST_KEY], type=Trust) == ring.trust
    assert await objects.get(CONFIG_MAPS, namespace, TRUST_CONFIG_MAP) == told, "nothing is written twice"
    assert "PRIVATE" not in json.dumps(told)


async def _is_there(objects: Objects, namespace: str) -> bool:
    listed = await objects.named(CONFIG_MAPS, TRUST_CONFIG_MAP)
    return any(each["metadata"]["namespace"] == namespace for each in listed)
