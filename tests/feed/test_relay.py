"""A relay between an origin and followers: the same bytes in every scope, honest ages, reports that arrive, and nothing that steps back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from promptops.api import reasons
from promptops.api.feed import Header, RenderCounters, Report, Trust
from promptops.cache.clock import Clock
from promptops.cache.signing import KeyVerifier, Signer
from promptops.dev.ports import free_ports
from promptops.feed import follow, gathering
from promptops.feed import relay as relay_module
from promptops.feed.connection import Upstream
from promptops.feed.relay import Relay
from promptops.feed.serve import FeedApp
from promptops.web.server import Listener, Server
from tests.support.hop import OTHER_SCOPE, SCOPE, Following, Hop
from tests.support.plain import NO_TLS
from tests.support.serving import Counted, loopback
from tests.support.waiting import until


@dataclass
class Relaying:
    """A relay under a hop, and its own server."""

    relay: Relay
    app: FeedApp
    server: Server
    url: str
    task: asyncio.Task[None]
    hop: Hop

    def holds(self, text: str, scope: str = SCOPE) -> bool:
        store = self.relay.store(scope)
        view = store.current if store is not None else None
        return view is not None and any(text in blob.decode() for blob in view.blobs.values())

    def follow(self, token: str = "token-a", instance: str = "sidecar-1") -> Following:  # noqa: S107
        return self.hop.follow(token, url=self.url, instance=instance)


@asynccontextmanager
async def relay_of(above: Hop, url: str | None = None) -> AsyncIterator[Relaying]:
    relay = Relay(Upstream(url or above.url, lambda: "relay", wide=True), above.verifier)
    app = FeedApp(
        relay.store, above.authenticate, relay.reported, relay.shown, verifier=above.verifier, scopes=relay.scopes
    )
    bound = loopback()
    made = Server(Listener("feed", bound, app), Counted(), 2)
    port = bound.getsockname()[1]
    await made.start()
    task = asyncio.create_task(relay.run())
    try:
        yield Relaying(relay, app, made, f"http://127.0.0.1:{port}", task, above)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        app.streams.close("Stopping")
        await made.stop()


@pytest.fixture
async def relaying(running: Hop) -> AsyncIterator[Relaying]:
    async with relay_of(running) as made:
        await until(lambda: made.holds("Hello"))
        yield made


def client(relaying: Relaying, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=relaying.hop.url, headers=headers, verify=NO_TLS, trust_env=False)


async def test_every_scope_is_held_and_served_as_it_was_signed(running: Hop, relaying: Relaying) -> None:
    running.put(("farewell", "Goodbye"), scope=OTHER_SCOPE)
    below, direct = relaying.follow("token-b"), running.follow("token-b", instance="direct")

    await until(lambda: below.serves("Goodbye", "farewell") and direct.serves("Goodbye", "farewell"))

    assert below.store.current is not None
    assert direct.store.current is not None
    assert below.store.current.signed == direct.store.current.signed


async def test_a_report_that_is_refused_above_silences_nobody_else(running: Hop, relaying: Relaying) -> None:
    """A hop above of another version may have other bounds than this relay."""
    refused: list[str] = []
    relaying.relay.gathering._refused = lambda reason, _: refused.append(reason)
    said = [Report(f"one-{number}", kids=("k" * (257 if number == 13 else 3),)) for number in range(30)]

    for report in said:
        relaying.relay.reported(running.tokens["token-a"], report, 0.0)

    names = {report.instance for report in said if report.instance != "one-13"}
    await until(lambda: {row.instance for row in running.reports.instances(SCOPE)} == names)
    assert refused == [reasons.INVALID_REQUEST]
    relaying.relay.reported(running.tokens["token-a"], Report("one-13"), 0.0)
    await until(lambda: len(running.reports.instances(SCOPE)) == 30)


async def test_what_an_instance_rendered_is_passed_on_as_far_as_there_is_room(running: Hop, relaying: Relaying) -> None:
    """Each of its reports was small; a relay keeps what it acknowledged."""
    caller, base = running.tokens["token-a"], 0
    for number in range(1, 6):
        renders = tuple(RenderCounters(f"{number}-{each}-" + "\x01" * 240, 1) for each in range(150))
        report = Report("one", renders=renders, number=number, base=base, incarnation="a")
        base = relaying.relay.reported(caller, report, 0.0)

    await until(lambda: [row.number for row in running.reports.instances(SCOPE)] == [5])
    (row,) = relaying.relay.gathering._rows.values()
    assert len(msgspec.json.encode(row.report)) <= gathering.MAX_BATCH_BYTES
    assert row.report.renders[-1].digest.startswith("5-149-")


async def test_an_activation_goes_through_as_a_patch(running: Hop, relaying: Relaying) -> None:
    below = relaying.follow()
    await until(lambda: below.serves("Hello"))

    running.put(("greeting", "Bonjour"), revision=2)

    await until(lambda: below.serves("Bonjour"))
    assert below.observed.refusals == []
    assert below.observed.connections == 1


async def test_another_hop_above_is_called_at_once(running: Hop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIN_BACKOFF_SECONDS", "MAX_BACKOFF_SECONDS"):
        monkeypatch.setattr(follow, name, 600.0)
    async with relay_of(running, f"http://127.0.0.1:{free_ports(1)[0]}") as relaying:
        await until(lambda: "not connected" not in (relaying.relay.problem or "not connected"))
        relaying.relay.move(running.url)

        await until(lambda: relaying.holds("Hello"))


async def test_a_namespace_that_comes_later_is_relayed(running: Hop, relaying: Relaying) -> None:
    running.origin.open("later", "team-c", "team-c")
    running.put(("greeting", "Late"), scope="later")
    running.origin.begin("later")

    await until(lambda: relaying.holds("Late", "later"))


async def test_a_namespace_that_is_gone_is_dropped_everywhere(running: Hop, relaying: Relaying) -> None:
    below = relaying.follow()
    await until(lambda: below.serves("Hello"))

    running.origin.revoke(SCOPE)

    await until(lambda: below.store.current is None)
    assert relaying.holds("Hello") is False


async def test_a_namespace_that_is_admitted_no_longer_ends_its_streams_alone(running: Hop, relaying: Relaying) -> None:
    below, other = relaying.follow(), relaying.follow("token-b", instance="other")
    await until(lambda: below.serves("Hello") and other.position is not None)

    running.origin.close(SCOPE)

    await until(lambda: relaying.relay.store(SCOPE) is None and not below.follower.connected)
    assert below.serves("Hello"), "what is held stays"
    assert other.observed.disconnections == []


async def test_a_relay_adds_its_own_age_and_makes_nothing_younger(running: Hop, relaying: Relaying) -> None:
    below = relaying.follow()
    await until(lambda: below.serves("Hello"))
    clock = Clock()

    running.confirm()
    await until(lambda: below.store.confirmed_at is not None)
    late = relaying.follow(instance="late")
    await until(lambda: late.store.confirmed_at is not None)

    assert late.store.confirmed_at is not None
    assert late.store.confirmed_at <= running.confirmed_at <= clock.now()


async def test_what_is_held_goes_on_being_served_without_the_hop_above(running: Hop, relaying: Relaying) -> None:
    await running.stop(goodbye=False)
    below = relaying.follow()

    await until(lambda: below.serves("Hello"))

    await running.start()


async def test_a_new_leader_takes_over_under_the_same_streams(running: Hop, relaying: Relaying) -> None:
    below = relaying.follow()
    await until(lambda: below.serves("Hello"))

    running.renew(term=2)
    running.put(("greeting", "Bonjour"), revision=2)
    running.origin.begin()

    await until(lambda: below.serves("Bonjour"))
    assert below.observed.positions == sorted(below.observed.positions)
    assert below.observed.connections == 1


async def test_reports_go_up_with_whom_they_are_from(running: Hop, relaying: Relaying) -> None:
    for number in range(5):
        relaying.follow(instance=f"sidecar-{number}")

    await until(lambda: len(running.reports.instances(SCOPE)) == 5)
    running.put(("greeting", "Bonjour"), revision=2)

    published = running.origin.position
    await until(lambda: {each.position for each in running.reports.instances(SCOPE)} == {published(SCOPE)})
    assert running.reports.instances(OTHER_SCOPE) == ()


async def test_a_goodbye_goes_up(running: Hop, relaying: Relaying) -> None:
    below = relaying.follow()
    await until(lambda: len(running.reports.instances(SCOPE)) == 1)

    await below.stop()

    await until(lambda: all(each.goodbye for each in running.reports.instances(SCOPE)))


async def test_who_follows_a_relay_and_holds_more_is_heard_by_the_origin(running: Hop, relaying: Relaying) -> None:
    held = running.origin.store(SCOPE)
    assert held is not None
    assert held.current is not None
    ahead = running.signer.sign(replace(held.current.header, epoch=7))
    token = f"{ahead.payload}.{ahead.sig}"

    async with (
        httpx.AsyncClient(base_url=relaying.url) as below,
        below.stream("GET", "/v1/stream", headers={"Authorization": "Bearer token-a", "Promptops-Held": token}),
    ):
        await until(lambda: _epochs(running.higher) == {7})


async def test_a_relay_that_holds_more_than_a_restored_origin_says_so(running: Hop, relaying: Relaying) -> None:
    running.renew(term=0)
    running.put(("greeting", "Older"))
    running.origin.begin()

    await until(lambda: bool(running.higher))

    assert _epochs(running.higher) == {1}
    assert relaying.holds("Hello")


def _epochs(headers: list[Header]) -> set[int]:
    return {header.epoch for header in headers}


async def test_a_relay_of_a_relay(running: Hop, relaying: Relaying) -> None:
    async with relay_of(running, relaying.url) as second:
        below = second.follow()
        await until(lambda: below.serves("Hello"))

        running.put(("greeting", "Bonjour"), revision=2)

        await until(lambda: below.serves("Bonjour"))
        await until(lambda: len(running.reports.instances(SCOPE)) == 1)


async def test_what_is_to_be_believed_goes_through(running: Hop) -> None:
    heard: list[object] = []
    relay = Relay(Upstream(running.url, lambda: "relay", wide=True), running.verifier, on_trust=heard.append)
    task = asyncio.create_task(relay.run())

    announcement = running.signer.announce(Trust((running.signer.trusted,), serial=4))
    running.streams.announce(announcement)

    await until(lambda: announcement in heard)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/stream"), ("POST", "/v1/blobs"), ("POST", "/v1/reports")])
async def test_who_is_no_relay_gets_no_scope_but_its_own(relaying: Relaying, method: str, path: str) -> None:
    async with client(relaying, "token-a") as asking:
        answered = await asking.request(method, f"{path}?scopes=*", content=b"{}")

    assert (answered.status_code, answered.json()["code"]) == (403, "NotARelay")


@pytest.mark.parametrize("query", ["scopes=a", "scopes=*&scopes=*", "scope=*", "scopes=%2A", "", "*"])
async def test_no_other_query_is_taken(relaying: Relaying, query: str) -> None:
    async with client(relaying, "relay") as asking:
        answered = await asking.get(f"{relaying.hop.url}/v1/stream?{query}")

    assert answered.status_code == 400


async def test_a_proof_that_nobody_signed_proves_nothing(running: Hop, relaying: Relaying) -> None:
    store = running.origin.store(SCOPE)
    assert store is not None
    assert store.current is not None
    stranger = Signer(b"s" * 32)
    forged = stranger.sign(replace(store.current.header, epoch=9, kid=stranger.kid))

    relaying.relay.gathering.prove(SCOPE, forged)
    running.put(("greeting", "Bonjour"), revision=2)
    below = relaying.follow()
    await until(lambda: below.serves("Bonjour") and len(running.reports.instances(SCOPE)) == 1)

    assert running.higher == []
    assert isinstance(running.verifier, KeyVerifier)


async def test_a_namespace_that_was_closed_unheard_is_not_served_for_ever(
    running: Hop, relaying: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of two namespaces the confirmations come one after the other.
    monkeypatch.setattr(relay_module, "SILENT_SECONDS", 0.5)
    before = running.confirmed_at
    await running.stop(goodbye=False)
    relaying.relay.leave_silent()
    assert set(relaying.relay.scopes()) == {SCOPE, OTHER_SCOPE}, "nobody is confirmed: what is held is served"
    running.origin.close(OTHER_SCOPE)
    await running.start()

    await until(lambda: _confirmed_at(relaying) > before + 1.0, meanwhile=running.confirm)
    relaying.relay.leave_silent()

    assert relaying.relay.scopes() == (SCOPE,)


def _confirmed_at(relaying: Relaying) -> float:
    store = relaying.relay.store(SCOPE)
    return (store.confirmed_at if store is not None else None) or 0.0


async def test_reports_are_as_old_above_as_they_are(running: Hop, relaying: Relaying) -> None:
    heard_at = time.monotonic() - 100.0

    relaying.relay.reported(running.tokens["token-a"], Report("silent", number=1), 100.0)

    await until(lambda: bool(running.reports.instances(SCOPE)))
    [row] = running.reports.instances(SCOPE)
    assert heard_at - 1.0 < row.last_seen < heard_at + 50.0
