"""The Secret with the keys: made once, read ever after, and never made anew over one that cannot be read."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from promptops.api.names import KEYS_SECRET
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.cluster.resources import SECRETS
from promptops.controller.publish.trust import KeysUnusable, load_or_create
from promptops.dev.plane import Plane

pytestmark = pytest.mark.cluster


@pytest.fixture
async def objects(plane: Plane) -> AsyncIterator[Objects]:
    client = Client(await Connection.open(plane.kubeconfig))
    yield Objects(client)
    await client.close()


async def test_replicas_that_start_together_have_the_same_keys(objects: Objects, namespace: str) -> None:
    made = await asyncio.gather(*(load_or_create(objects, namespace) for _ in range(5)))
    later = await load_or_create(objects, namespace)

    kids = {signer.kid for signer, _ in (*made, later)}
    assert len(kids) == 1
    assert all(verifier.kids == tuple(kids) for _, verifier in made)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        pytest.param({"active": None}, "lacks 'active'", id="no active key"),
        pytest.param(
            {"active": "abcdef0123456789"}, "lacks 'abcdef0123456789.key'", id="an active key that is not there"
        ),
        pytest.param({"trust.json": None}, "lacks 'trust.json'", id="no public keys"),
        pytest.param({"trust.json": "{"}, "cannot be read", id="public keys that are no JSON"),
        pytest.param(
            {"trust.json": '{"keys": []}'}, "not the one that trust.json names", id="an active key nobody trusts"
        ),
        pytest.param({"key": "short"}, "cannot be read", id="a key of the wrong length"),
        pytest.param({"key": "k" * 32}, "not the one that trust.json names", id="another key under the name"),
    ],
)
async def test_keys_that_cannot_be_used_stay_as_they_are(
    objects: Objects, plane: Plane, namespace: str, spoilt: dict[str, str | None], said: str
) -> None:
    signer, _ = await load_or_create(objects, namespace)
    data: dict[str, Any] = {
        f"{signer.kid}.key" if name == "key" else name: value and base64.b64encode(value.encode()).decode()
        for name, value in spoilt.items()
    }
    plane.kubectl("-n", namespace, "patch", "secret", KEYS_SECRET, "--type=merge", "-p", json.dumps({"data": data}))
    before = await objects.get(SECRETS, namespace, KEYS_SECRET)

    with pytest.raises(KeysUnusable, match="restore it from a backup") as raised:
        await load_or_create(objects, namespace)

    assert said in str(raised.value)
    assert await objects.get(SECRETS, namespace, KEYS_SECRET) == before
