"""Odd and hostile exchanges with the feed and with the webhook: refused, never a fault of ours, and the next caller is served."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from promptops.admission.application import admission_app
from promptops.admission.judges import Judges
from promptops.telemetry.admission import AdmissionMetrics
from tests.support.hop import hop
from tests.support.serving import served
from tests.support.waiting import SECONDS, until
from tests.web.exchanges import EXCHANGES, Exchange, answers


@asynccontextmanager
async def feed() -> AsyncIterator[int]:
    """Run a feed that a follower follows to the end."""
    async with hop() as running:
        yield running.port

        following = running.follow()
        await until(lambda: following.serves("Hello"))


@asynccontextmanager
async def webhook() -> AsyncIterator[int]:
    """Run a webhook that answers a review in the end."""
    judges = Judges()
    await judges.start()
    async with served(admission_app(lambda: None, judges, AdmissionMetrics())) as running:
        yield running.port

        review = {"uid": "1", "operation": "CREATE", "namespace": "team-a", "object": {"kind": "Other"}}
        asked = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": review}
        async with httpx.AsyncClient(trust_env=False) as client:
            answered = await client.post(f"{running.url}/validate", content=json.dumps(asked))
        assert answered.status_code == 200, answered.text
    await judges.close()


async def outcome(port: int, sent: bytes) -> tuple[int, ...]:
    """Send bytes and nothing more; return the statuses that come back until the server hangs up."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    return tuple(status for status, _ in answers(answer))


def is_refused_alike(exchange: Exchange, got: tuple[int, ...]) -> bool:
    return exchange.statuses not in ((400,), (415,), (417,)) or got == exchange.statuses


@pytest.mark.parametrize(
    ("listener", "path"),
    [
        pytest.param(feed, b"/v1/reports", id="the feed's reports"),
        pytest.param(feed, b"/v1/stream", id="the feed's stream"),
        pytest.param(feed, b"/v1/blobs", id="the feed's blobs"),
        pytest.param(webhook, b"/validate", id="the webhook's reviews"),
        pytest.param(webhook, b"/inject", id="the webhook's pods"),
    ],
)
async def test_an_exchange_is_the_callers_fault(listener: object, path: bytes) -> None:
    assert callable(listener)
    async with listener() as port:
        found = {each.name: await outcome(port, each.sent.replace(b"/echo", path)) for each in EXCHANGES}

        wrong = {
            each.name: found[each.name]
            for each in EXCHANGES
            if max(found[each.name], default=0) >= 500 or not is_refused_alike(each, found[each.name])
        }
        assert wrong == {}
