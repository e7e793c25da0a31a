"""One cluster has one operator: whoever comes second, in another namespace, stands still and says so."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from promptops.cluster.elector import Elector
from promptops.cluster.objects import Objects
from promptops.cluster.resources import LEASES
from promptops.cluster.rivals import Rivals
from promptops.dev.plane import Plane
from tests.cluster.test_elector import LASTING, Replica
from tests.support.waiting import until

pytestmark = pytest.mark.cluster


@pytest.fixture
def lease() -> str:
    """A Lease's name that no other test uses: rivals are looked for in the whole cluster."""
    return f"promptops-{secrets.token_hex(4)}"


@pytest.fixture
def elsewhere(kinds: Plane, namespace: str) -> str:
    """A second namespace."""
    name = f"{namespace}-two"
    kinds.kubectl("create", "namespace", name)
    return name


@asynccontextmanager
async def running(
    objects: Objects, namespace: str, lease: str, gone_seconds: float = 1.0, **options: Any
) -> AsyncIterator[Replica]:
    rivals = Rivals(objects, namespace, lease, gone_seconds=gone_seconds)
    replica = Replica(Elector(objects, namespace, lease, f"of-{namespace}", timing=LASTING, rivals=rivals, **options))
    task = asyncio.create_task(replica.elector.run(replica.started, replica.stopped))
    try:
        yield replica
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_second_stands_still_says_so_and_follows_when_the_first_goes(
    objects: Objects, namespace: str, elsewhere: str, lease: str
) -> None:
    async with running(objects, namespace, lease) as first:
        await until(lambda: first.led)
        async with running(objects, elsewhere, lease) as second:
            await until(lambda: second.elector.rival)
            said, led_meanwhile = second.elector.rival, list(second.led)
            await first.elector.release()
            await until(lambda: second.led)

    assert said is not None
    assert f"another operator leads from namespace {namespace} (of-{namespace})" in said
    assert led_meanwhile == []
    assert second.elector.rival is None
    assert first.lost == []


async def test_an_operator_that_restarts_finds_its_place_free(
    objects: Objects, namespace: str, elsewhere: str, lease: str
) -> None:
    async with AsyncExitStack() as stack:
        async with running(objects, namespace, lease) as first:
            await until(lambda: first.led)
            await asyncio.sleep(1)  # creation times are whole seconds, and the older Lease is waited for
            second = await stack.enter_async_context(running(objects, elsewhere, lease, gone_seconds=3600))
            await until(lambda: "leads from" in (second.elector.rival or ""))
            await first.elector.release()
        await until(lambda: "led a moment ago from" in (second.elector.rival or ""))
        async with running(objects, namespace, lease) as restarted:
            await until(lambda: restarted.led)
            await until(lambda: "leads from" in (second.elector.rival or ""))

        assert second.led == []
        assert restarted.elector.rival is None


async def test_of_two_that_lead_the_older_lease_stays(
    objects: Objects, namespace: str, elsewhere: str, lease: str
) -> None:
    async with running(objects, namespace, lease) as first:
        await until(lambda: first.led)
        older = await objects.get(LEASES, namespace, lease)
        ahead_of_younger = await Rivals(objects, elsewhere, lease).ahead_of(
            {"metadata": {"creationTimestamp": "2999-01-01T00:00:00Z", "uid": "z"}}, leading=True
        )
        ahead_of_older = await Rivals(objects, elsewhere, lease).ahead_of(
            {"metadata": {**older["metadata"], "creationTimestamp": "2001-01-01T00:00:00Z"}}, leading=True
        )

    assert ahead_of_younger is not None
    assert ahead_of_older is None
