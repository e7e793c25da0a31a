"""Relays between two real operators and real followers: decisions, reports and ages pass, whoever of them ends."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from promptops import codegen
from promptops.api.feed import STALE_SECONDS
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, OPERATOR, OperatorEndpoints, Stack, install
from tests.support.fault_proxy import FaultProxy
from tests.support.followed import following
from tests.support.manifests import prompt
from tests.support.waiting import until, until_told, wait_until
from tests.support.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
STANDBY = "standby"
TAKEN_OVER_SECONDS = 17.0
"""After a leader was killed: the Lease's 15 s, and a look each 2 s. A loaded machine may take three times as long."""


class ServiceProxy(FaultProxy):
    """Passes each connection on to one of those behind it, as a Service does."""

    def __init__(self, *urls: str) -> None:
        self.behind(*urls)
        super().__init__(*self.backends[0])

    def behind(self, *urls: str) -> None:
        """Have others behind it from now on; open connections stay where they are."""
        self.backends = [(urlsplit(url).hostname or "", urlsplit(url).port or 0) for url in urls]

    @property
    def secure_url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.target = random.choice(self.backends)  # noqa: S311 - as kube-proxy does
        await super()._carry(reader, writer)


@dataclass
class Feeds:
    """Two operators on one plane."""

    stack: Stack
    leader: OperatorEndpoints
    standby: OperatorEndpoints
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.stack.plane, "default")

    async def say(self, text: str) -> None:
        await asyncio.to_thread(self.world.apply, prompt("greeting", source={"content": {"text": text}}))

    async def start(self, name: str, above: str, role: str = "relay") -> str:
        made = await asyncio.to_thread(self.stack.start_relay, name, role, environment={"PROMPTOPS_FEED_URL": above})
        return made.url

    async def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        await asyncio.to_thread(self.stack.plane.stop, name, how)

    async def ask(self, url: str, path: str, namespace: str = "default", body: str = "") -> httpx.Response:
        token = self.stack.feed_token(namespace, namespace).read_text()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(verify=self.stack.feed_context(), trust_env=False, timeout=30) as http:
            return await http.request("POST" if body else "GET", f"{url}{path}", headers=headers, content=body)


@pytest.fixture(scope="module")
def feeds(new_plane: Callable[[], Plane]) -> Iterator[Feeds]:
    plane = new_plane()
    install(plane, codegen.manifests(NAMESPACE))
    stack = Stack(plane)
    leader = stack.start_operator()
    yield Feeds(stack, leader, stack.start_operator(name=STANDBY))
    plane.down()


async def test_who_is_above_may_end_and_nothing_looks_younger_than_it_is(feeds: Feeds) -> None:
    await feeds.say("Hello")
    async with ServiceProxy(feeds.leader.feed_url, feeds.standby.feed_url) as origin:
        relay = await feeds.start("relay-a", origin.secure_url)
        async with following(feeds.stack, relay, "one") as one:
            await until(lambda: one.serves("Hello"))
            await asyncio.to_thread(wait_until, lambda: feeds.world.status("greeting").get("served") == "all")
            await feeds.say("Bonjour")
            await until(lambda: one.serves("Bonjour"))

            before_the_kill = one.clock.now()
            origin.behind(feeds.standby.feed_url)
            await feeds.stop(OPERATOR, signal.SIGKILL)
            killed_at = one.clock.now()
            said = asyncio.create_task(feeds.say("Hola"))
            await until(lambda: one.store.stale(one.clock.now()), within=3 * STALE_SECONDS)
            async with following(feeds.stack, relay, "late") as late:
                await until(lambda: late.serves("Bonjour") or late.serves("Hola"))
                assert late.serves("Hola") or (late.store.confirmed_at or 0.0) <= killed_at, "younger than it is"

                await until(lambda: one.serves("Hola") and late.serves("Hola"))
            taken_over_after = one.clock.now() - before_the_kill
            await said
            await until(lambda: not one.store.stale(one.clock.now()))
        print(
            f"killed: a decision that came then was served by the other operator, through a relay, after {taken_over_after:.1f} s"
        )

        assert one.seen.never_stepped_back
        assert {position.term for position in one.seen.positions} >= {1, 2}
        assert taken_over_after < 3 * TAKEN_OVER_SECONDS
    await feeds.stop("relay-a")
    feeds.leader = await asyncio.to_thread(feeds.stack.start_operator)


async def test_relays_come_and_go_and_every_render_is_answered(feeds: Feeds) -> None:
    operators = (feeds.leader.feed_url, feeds.standby.feed_url)
    await feeds.say("v0")
    async with ServiceProxy(*operators) as service:
        sidecar = await asyncio.to_thread(
            feeds.stack.start_sidecar, environment={"PROMPTOPS_FEED_URL": service.secure_url}
        )
        async with rendering(f"{sidecar.url}/v1/prompts/greeting/render") as rendered:
            await until(lambda: rendered.last == "v0")
            first, second = await feeds.start("relay-1", operators[0]), await feeds.start("relay-2", operators[1])
            service.behind(first, second)
            await service.cut()
            await feeds.say("v1")
            await until(lambda: rendered.last == "v1")

            service.behind(second)
            await feeds.stop("relay-1", signal.SIGKILL)
            await feeds.say("v2")
            await until(lambda: rendered.last == "v2")

            service.behind(*operators)
            await feeds.stop("relay-2")
            await feeds.say("v3")
            await until(lambda: rendered.last == "v3")
        held = (await asyncio.to_thread(httpx.get, f"{sidecar.url}/v1/prompts/greeting", trust_env=False)).json()
        # Whoever followed in a test before is lost, and counts until it is forgotten.
        await asyncio.to_thread(wait_until, lambda: _serve(feeds.world.status("greeting"), held["version"]) >= 1)
    print(f"{rendered.count} renders while relays came and went")

    assert rendered.failures == []
    assert rendered.texts == ["v0", "v1", "v2", "v3"], "no step back"


async def test_a_relay_shows_nobody_another_namespace(feeds: Feeds) -> None:
    await asyncio.to_thread(feeds.stack.plane.kubectl, "create", "namespace", "other")
    await feeds.say("canary")
    relay = await feeds.start("relay-b", feeds.standby.feed_url)
    async with following(feeds.stack, relay, "mine") as mine:
        await until(lambda: mine.serves("canary"))
        digest = mine.digest("greeting")
    nowhere = f"/v1/blobs/sha256:{'0' * 64}"

    async def is_held() -> bool:
        return (await feeds.ask(relay, nowhere, "other")).status_code != 503

    await until_told(is_held, "the relay holds the other namespace")
    foreign = await feeds.ask(relay, f"/v1/blobs/{digest}", "other")
    absent = await feeds.ask(relay, nowhere, "other")
    batch = await feeds.ask(relay, "/v1/blobs", "other", json.dumps({"digests": [digest]}))
    wide = await feeds.ask(relay, "/v1/stream?scopes=*", "other")
    own = await feeds.ask(relay, f"/v1/blobs/{digest}")
    await feeds.stop("relay-b")

    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert foreign.status_code == 404
    assert batch.json() == {"blobs": []}
    assert (wide.status_code, wide.json()["code"]) == (403, "NotARelay")
    assert "canary" in own.text


async def test_a_namespace_made_anew_under_its_name_gets_nothing_of_the_one_before(feeds: Feeds) -> None:
    kubectl: Any = feeds.stack.plane.kubectl
    await asyncio.to_thread(kubectl, "create", "namespace", "again")
    again = World(feeds.stack.plane, "again")
    await asyncio.to_thread(again.apply, prompt("greeting", source={"content": {"text": "of the one before"}}))
    async with ServiceProxy(feeds.standby.feed_url) as origin:
        relay = await feeds.start("relay-c", origin.secure_url)
        async with following(feeds.stack, relay, "before", "again") as before:
            await until(lambda: before.serves("of the one before"))
            digest = before.digest("greeting")
        # The relay hears no more of what happens.
        origin.refuse = True
        await origin.cut()
        await asyncio.to_thread(kubectl, "delete", "namespace", "again", "--timeout=60s")
        await asyncio.to_thread(kubectl, "create", "namespace", "again")
        answer = await feeds.ask(relay, f"/v1/blobs/{digest}", "again")
    await feeds.stop("relay-c")

    assert (answer.status_code, answer.json()["code"]) == (503, "NotReady")


async def test_a_gateway_renders_for_the_namespace_of_each_token(feeds: Feeds) -> None:
    await asyncio.to_thread(feeds.stack.plane.kubectl, "create", "namespace", "third")
    third = World(feeds.stack.plane, "third")
    await asyncio.to_thread(third.apply, prompt("greeting", source={"content": {"text": "of the third"}}))
    await feeds.say("of the default")
    gateway = await feeds.start("gateway", feeds.standby.feed_url, "gateway")
    path = "/v1/prompts/greeting/render"

    async def both_are_rendered() -> bool:
        answers = [await feeds.ask(gateway, path, each, "{}") for each in ("default", "third")]
        return [each.json().get("rendered_content") for each in answers] == ["of the default", "of the third"]

    await until_told(both_are_rendered, "each gets its own")
    await asyncio.to_thread(wait_until, lambda: third.status("greeting").get("served") == "all")
    feed = await feeds.ask(gateway, "/v1/stream")
    await feeds.stop("gateway")

    assert feed.status_code == 404


@dataclass
class Rendered:
    """What a loop of renders came to."""

    count: int = 0
    texts: list[str] = field(default_factory=list)
    """Each text as it came up."""
    failures: list[str] = field(default_factory=list)

    @property
    def last(self) -> str:
        return self.texts[-1] if self.texts else ""

    def take(self, answer: httpx.Response) -> None:
        self.count += 1
        if answer.status_code != 200:
            self.failures.append(answer.text)
        elif (text := answer.json()["rendered_content"]) != self.last:
            self.texts.append(text)


@asynccontextmanager
async def rendering(url: str) -> AsyncIterator[Rendered]:
    """Render in a loop."""
    rendered = Rendered()

    async def loop() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            while True:
                rendered.take(await http.post(url, json={}))
                await asyncio.sleep(0.005)

    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        await _until_held(http, url)
    task = asyncio.create_task(loop())
    try:
        yield rendered
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until_held(http: httpx.AsyncClient, url: str) -> None:
    deadline = time.monotonic() + 60
    while (await http.post(url, json={})).status_code != 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _serve(status: dict[str, Any], version: str) -> float:
    """Return how many instances serve a version: infinity for all of them."""
    served = (
        status.get("served", "none")
        if status.get("serving", {}).get("stable", {}).get("version") == version
        else "none"
    )
    several, _, of_all = served.partition("/")
    return int(several) if of_all else float("inf") if served == "all" else 0
