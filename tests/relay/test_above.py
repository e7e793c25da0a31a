"""What a relay believes of the hop above: what it is told there goes on to those below, and nothing older or unsigned does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from promptops.api.feed import Signed, Trust
from promptops.cache.signing import Signer
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.dev import kubeconfig
from promptops.relay.above import Above
from promptops.settings.relay import RelaySettings
from promptops.telemetry.relay import RelayMetrics
from tests.relay.test_process import AUTHORITY
from tests.support.hop import OTHER_SCOPE, SCOPE, Hop
from tests.support.waiting import until


@dataclass
class Watched:
    """A relay's part above, and what it hands on."""

    above: Above
    metrics: RelayMetrics
    announced: list[Signed] = field(default_factory=list)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def watched(running: Hop, tmp_path: Path) -> AsyncIterator[Watched]:
    (tmp_path / "token").write_text("relay\n")
    (tmp_path / "trust.json").write_bytes(msgspec.json.encode(Trust((running.signer.trusted,), serial=1)))
    (tmp_path / "kubeconfig").write_text(kubeconfig.for_token("https://127.0.0.1:1", AUTHORITY.certificate, "none"))
    settings = RelaySettings(
        namespace="promptops-system",
        kubeconfig=tmp_path / "kubeconfig",
        feed_url=running.url,
        token_file=tmp_path / "token",
        trust_file=tmp_path / "trust.json",
        certificate_directory=tmp_path,
        address="127.0.0.1:0",
        operations_address="127.0.0.1:0",
        mirror=None,
    )
    client, metrics = Client(await Connection.open(settings.kubeconfig)), RelayMetrics()
    made = Watched(Above(settings, client, metrics), metrics)
    made.above.announced = made.announced.append
    tasks = [asyncio.create_task(_run(run)) for _, run in made.above.lasting()]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()


async def _run(run: object) -> None:
    await run()  # type: ignore[operator]


async def test_it_is_ready_with_the_first_stream_and_stays_so(running: Hop, watched: Watched) -> None:
    assert "not connected yet" in (watched.above.not_ready or "")
    await until(lambda: watched.above.not_ready is None)

    await running.stop()
    await until(lambda: not watched.above.relay.connected)

    assert watched.above.not_ready is None
    watched.above.observe()
    assert watched.counted("promptops_feed_connected") == 0.0
    assert watched.counted("promptops_relay_scopes") == 2.0
    await running.start()


async def test_whom_to_believe_is_believed_and_passed_on_as_it_was_signed(running: Hop, watched: Watched) -> None:
    following = Signer(b"n" * 32)
    both = (running.signer.trusted, following.trusted)
    announcement = running.signer.announce(Trust(both, serial=2))

    running.streams.announce(announcement)

    await until(lambda: announcement in watched.announced)
    assert following.kid in watched.above.kids
    running.renew(term=2, signer=following)
    running.put(("greeting", "signed by the next key"))
    running.origin.begin()
    await until(lambda: _holds(watched, "signed by the next key"))


def _holds(watched: Watched, text: str) -> bool:
    store = watched.above.relay.store(SCOPE)
    return (
        store is not None
        and store.current is not None
        and any(text in blob.decode() for blob in store.current.blobs.values())
    )


@pytest.mark.parametrize("who", ["a stranger", "somebody earlier"])
async def test_what_is_not_to_be_believed_is_not_passed_on(running: Hop, watched: Watched, who: str) -> None:
    await until(lambda: set(watched.above.relay.scopes()) == {SCOPE, OTHER_SCOPE})
    stranger = Signer(b"s" * 32)
    wrong = stranger.announce(Trust((stranger.trusted,), serial=9))
    older = running.signer.announce(Trust((running.signer.trusted, stranger.trusted), serial=0))

    running.streams.announce(wrong if who == "a stranger" else older)
    right = running.signer.announce(Trust((running.signer.trusted,), serial=3))
    running.streams.announce(right)

    await until(lambda: right in watched.announced)
    assert set(watched.announced) == {right}
    assert stranger.kid not in watched.above.kids
