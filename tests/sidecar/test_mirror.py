"""Sidecars beside a real Redis: it is never in the way of what is held, and serves what it holds when the feed is away."""

from __future__ import annotations

import asyncio
import base64
import shutil
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
from redis.exceptions import AuthenticationError

from promptops.api import reasons
from promptops.api.feed import Trust
from promptops.cache.clock import Clock
from promptops.cache.tiers.mirror import MirrorPlaces
from promptops.cache.tiers.mirror_reader import MirrorReader
from promptops.cache.tiers.redis_server import RedisServer
from promptops.cache.tiers.sealing import Seal
from promptops.client import CacheConfig, CacheLevel, ClientConfig, RedisConfig, RenderResponse, SyncPromptOpsClient
from tests.sidecar.test_feed import Following
from tests.support.fault_proxy import FaultProxy
from tests.support.hop import hop
from tests.support.redis import ADMIN, KEY, OTHER_KEY, NewServer, Server
from tests.support.sidecar import Sidecar, Start
from tests.support.waiting import until

PLACES = MirrorPlaces(Seal(base64.b64decode(KEY)))
CLOCK = Clock()
PER_SECOND = 200
LATENCY_SECONDS = 5.0
"""Of a Redis that is slow."""
NO_FEED = {"PROMPTOPS_FEED_URL": "", "PROMPTOPS_TOKEN_FILE": ""}


class Load:
    """Renders at a steady rate in a thread, and keeps what did not come back right."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.failures: list[str] = []
        self.answers = 0
        self._sidecar = sidecar
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        transport = httpx.HTTPTransport(uds=str(self._sidecar.socket))
        due = time.monotonic()
        with httpx.Client(transport=transport, base_url="http://sidecar", timeout=10) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post("/v1/prompts/greeting/render", content=b"")
                    right = answer.is_success and answer.json()["source"] == "live"
                    self.failures += [] if right else [answer.text]
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.answers += 1
                due += 1 / PER_SECOND
                self._stop.wait(max(0.0, due - time.monotonic()))


def failures(sidecar: Sidecar, reason: str) -> float:
    """How often Redis failed for a reason."""
    line = f'promptops_redis_errors_total{{reason="{reason}"}} '
    found = [each for each in sidecar.operations("/metrics").text.splitlines() if each.startswith(line)]
    return float(found[0].removeprefix(line)) if found else 0.0


def fails_more_than(before: float, sidecar: Sidecar, reason: str) -> bool:
    return failures(sidecar, reason) > before


class World:
    """A feed, a Redis behind a proxy, and sidecars between them."""

    def __init__(self, following: Following, server: Server, proxy: FaultProxy) -> None:
        self.following = following
        self.server = server
        self.proxy = proxy

    async def start(self, *, writes: bool = False, feed: bool = True) -> Sidecar:
        """Start a sidecar that writes, or one of a new pod that reads."""
        settings = self.server.settings(port=self.proxy.port, writes=writes)
        where = {} if writes else {"PROMPTOPS_SNAPSHOT_DIRECTORY": ""}
        await self.following.start(**self.server.environment(settings), **where, **({} if feed else NO_FEED))
        return self.following.sidecar

    async def filled(self) -> None:
        """Wait until the mirror holds what the feed says."""
        seq = self.following.hop.origin.position
        await until(lambda: self.server.client.exists(PLACES.head, PLACES.index) == 2, lambda: f"filled: {seq}")

    async def dependency(self, name: str) -> str:
        return str((await self.following.get("/v1/health")).json()["dependencies"].get(name))


@asynccontextmanager
async def worlds(new_redis: NewServer, start: Start, home: Path) -> AsyncIterator[World]:
    server = await asyncio.to_thread(new_redis)
    async with hop(leads=True) as running, FaultProxy("127.0.0.1", server.port) as proxy:
        yield World(Following(running, start, home), server, proxy)


@pytest.fixture
async def world(new_redis: NewServer, start_sidecar: Start, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(new_redis, start_sidecar, tmp_path) as made:
        yield made


async def test_a_new_pod_renders_from_redis_while_the_feed_is_away(world: World) -> None:
    await world.start(writes=True)
    await world.following.answers("Hello")
    await world.filled()
    await world.following.stop()
    await world.following.hop.stop()
    confirmed = world.following.hop.confirmed_at

    await world.start()

    answer = await world.following.answers("Hello")
    assert answer["source"] == "redis"
    assert answer["age_seconds"] == pytest.approx(CLOCK.now() - confirmed, abs=7)
    assert await world.dependency("redis") == "ok"
    assert world.following.sidecar.operations("/readyz").status_code == 200
    # And from what Redis gave once the feed is back.
    await world.following.hop.start()
    await until(lambda: world.following.sidecar.render("greeting").json()["source"] == "live")


async def test_where_no_stream_can_be_held_a_change_comes_through_redis_alone(world: World) -> None:
    alone = await world.start(feed=False)
    assert alone.render("greeting").status_code == 503
    await world.start(writes=True)

    await until(lambda: alone.render("greeting").is_success)
    world.following.hop.put(("greeting", "Bonjour"), revision=2)
    await world.following.answers("Bonjour")
    begun = time.monotonic()
    await until(lambda: alone.render("greeting").json()["rendered_content"] == "Bonjour")

    answer = alone.render("greeting").json()
    assert time.monotonic() - begun < 10
    assert (answer["source"], answer["stale"]) == ("redis", False)
    assert alone.get("/v1/health").json()["status"] == "healthy"
    # The end of the namespace comes the same way.
    world.following.hop.origin.revoke("0b9d0a4e-aaaa")
    await until(lambda: not alone.render("greeting").is_success)


async def test_a_client_reads_redis_itself_while_its_sidecar_is_away(world: World, tmp_path: Path) -> None:
    beside = await world.start(writes=True)
    await world.filled()
    settings = world.server.settings(port=world.proxy.port)
    trust = tmp_path / "trust-of-the-client.json"
    trust.write_bytes(msgspec.json.encode(Trust((world.following.hop.signer.trusted,))))
    redis = RedisConfig(settings.url, settings.key_file, trust, password_file=settings.password_file)
    config = ClientConfig(socket=beside.socket, cache=CacheConfig(CacheLevel.HYBRID, redis=redis))
    with SyncPromptOpsClient(config) as client:

        def answer() -> RenderResponse:
            return client.render_prompt("greeting")

        await until(lambda: answer().source == "live" and client.get_stats().local > 0)
        await world.following.stop()
        await world.start(writes=True)
        world.following.hop.put(("greeting", "Bonjour"), revision=2)
        await until(
            lambda: (said := answer()).rendered_content == "Bonjour" and said.source == "redis" and not said.stale
        )
        await world.following.start(PROMPTOPS_SOCKET=str(beside.socket))
        world.following.hop.put(("greeting", "Salut"), revision=3)
        await until(lambda: (said := answer()).rendered_content == "Salut" and said.source == "live")

        assert (await asyncio.to_thread(answer)).rendered_content == "Salut"


async def test_what_lies_in_redis_is_refused_when_it_is_anothers(world: World) -> None:
    await world.start(writes=True)
    await world.filled()
    await world.following.stop()
    await world.following.hop.stop()
    foreign = MirrorPlaces(Seal(base64.b64decode(OTHER_KEY)))
    for place in ("head", "index", "blobs"):
        world.server.client.copy(getattr(PLACES, place), getattr(foreign, place))
    settings = world.server.settings(port=world.proxy.port, key=OTHER_KEY)

    await world.following.start(**world.server.environment(settings), PROMPTOPS_SNAPSHOT_DIRECTORY="")

    sidecar = world.following.sidecar
    await until(lambda: failures(sidecar, reasons.SEAL_BROKEN) > 0)
    assert sidecar.render("greeting").status_code == 503
    assert await world.dependency("redis") == reasons.SEAL_BROKEN


async def paused(world: World) -> None:
    world.server.pause()


async def gone(world: World) -> None:
    world.server.kill()


async def slow(world: World) -> None:
    world.proxy.down.latency_seconds = LATENCY_SECONDS


async def full(world: World) -> None:
    world.server.client.config_set("maxmemory", "1")


async def failed_over(world: World) -> None:
    world.server.client.replicaof("127.0.0.1", "1")


async def locked(world: World) -> None:
    world.server.client.config_set("requirepass", "another")
    await world.proxy.cut()


async def poisoned(world: World) -> None:
    world.server.client.copy(PLACES.index, PLACES.head, replace=True)


async def healed(world: World) -> None:
    world.proxy.heal()
    if world.server.process is not None and world.server.process.poll() is not None:
        world.server.start()
    world.server.go_on()
    with suppress(AuthenticationError):
        world.server.client_with("another").config_set("requirepass", ADMIN)
    world.server.client.replicaof("NO", "ONE")
    world.server.client.config_set("maxmemory", "0")


async def test_no_fault_of_redis_is_felt_by_who_renders_what_is_held(world: World) -> None:
    """One after the other, under 200 renders a second: each is told by its name, and passes."""
    sidecar = await world.start(writes=True)
    await world.following.answers("Hello")
    await world.filled()
    faults = (
        (paused, reasons.SNAPSHOT_SLOW),
        (slow, reasons.SNAPSHOT_SLOW),
        (gone, reasons.UNREACHABLE),
        (full, reasons.OUT_OF_MEMORY),
        (failed_over, reasons.SNAPSHOT_READ_ONLY),
        (locked, reasons.ACCESS_DENIED),
        (poisoned, reasons.SEAL_BROKEN),
    )
    seq = 1

    with Load(sidecar) as load:
        for hurt, reason in faults:
            before = failures(sidecar, reason)
            await hurt(world)
            # What is activated meanwhile is served at once, and is in the mirror when that is well again.
            seq += 1
            world.following.hop.put(("greeting", f"Hello {seq}"), revision=seq)
            begun = time.monotonic()
            await world.following.answers(f"Hello {seq}")
            assert time.monotonic() - begun < LATENCY_SECONDS, "nobody waited for Redis"
            await until(partial(fails_more_than, before, sidecar, reason), reason)
            await healed(world)
            await until(lambda: sidecar.get("/v1/health").json()["dependencies"]["redis"] == "ok")
        world.server.client.flushall()
        await world.filled()
        answers = load.answers

    assert load.failures == []
    assert answers > PER_SECOND, "a machine that is busy answers fewer than are asked for"


@dataclass(frozen=True)
class Row:
    """What is there when a sidecar starts and its feed is away, and what then answers."""

    snapshot: str
    redis: bool
    source: str | None
    text: str | None


ORDER = (
    Row("newest", True, "snapshot", "Bonjour"),
    Row("older", True, "redis", "Bonjour"),
    Row("older", False, "snapshot", "Hello"),
    Row("", True, "redis", "Bonjour"),
    Row("", False, None, None),
)
"""Of what is held the newest counts; a snapshot before Redis, for it is nearer. When nothing is left, the caller's own words."""


async def test_what_is_nearest_and_newest_answers_and_says_how_old_it_is(world: World, tmp_path: Path) -> None:
    folders = {"newest": tmp_path / "snapshot", "older": tmp_path / "older"}
    await world.start(writes=True)
    live = await world.following.answers("Hello")
    await world.following.stop()
    shutil.copytree(folders["newest"], folders["older"])
    await world.start(writes=True)
    world.following.hop.put(("greeting", "Bonjour"), revision=2)
    await world.following.answers("Bonjour")
    reader = MirrorReader(
        RedisServer(world.server.settings()), Seal(base64.b64decode(KEY)), world.following.hop.verifier, CLOCK, print
    )
    newest = world.following.hop.origin.position("0b9d0a4e-aaaa")
    await until(lambda: (glimpse := reader.glimpse()) is not None and glimpse.position == newest)
    await world.following.stop()
    await world.following.hop.stop()
    confirmed = world.following.hop.confirmed_at
    assert (live["source"], live["stale"]) == ("live", False)

    for number, row in enumerate(ORDER):
        folder = tmp_path / f"row-{number}"
        if row.snapshot:
            # Of its own: what comes from Redis is kept there.
            shutil.copytree(folders[row.snapshot], folder)
        world.proxy.refuse = not row.redis
        settings = world.server.environment(world.server.settings(port=world.proxy.port))
        where = str(folder) if row.snapshot else ""
        await world.following.start(**settings, PROMPTOPS_SNAPSHOT_DIRECTORY=where)
        sidecar = world.following.sidecar
        with SyncPromptOpsClient(socket=str(sidecar.socket)) as client:
            if row.text is None:
                await until(partial(fails_more_than, 0, sidecar, reasons.UNREACHABLE))
                assert sidecar.render("greeting").json()["code"] == reasons.NOT_READY
                answer = await asyncio.to_thread(client.render_prompt, "greeting", fallback="own words")
                assert (answer.source, answer.stale, answer.rendered_content) == ("fallback", True, "own words")
            else:
                await world.following.answers(row.text)
                answer = await asyncio.to_thread(client.render_prompt, "greeting")
                away = CLOCK.now() - confirmed
                assert answer.source == row.source, row
                assert away - 2 <= answer.age_seconds <= (away + 7 if row.text == "Bonjour" else 600)
                assert answer.stale == (answer.age_seconds > 10)
        await world.following.stop()
