"""Without an API server nobody can be told from anybody: whoever calls anew has to retry, and nobody loses anything."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import httpx
import pytest

from promptops import codegen
from promptops.api import reasons
from promptops.api.feed import Trust
from promptops.api.wire import read
from promptops.cache.clock import Clock
from promptops.cache.signing import KeyVerifier
from promptops.cache.store import Store
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, Stack, start_stack
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from tests.support.fault_proxy import FaultProxy
from tests.support.followed import Followed, Seen
from tests.support.manifests import prompt
from tests.support.waiting import until
from tests.support.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


async def test_strangers_have_to_retry_and_followers_keep_what_they_have(own_plane: Plane) -> None:
    stack = await asyncio.to_thread(start_stack, own_plane, codegen.manifests(NAMESPACE))
    world = World(own_plane, "default")
    await asyncio.to_thread(world.apply, prompt("kept", source={"content": {"text": "Hello"}}))
    await asyncio.to_thread(world.until_serves, "kept", "1.0.0", "all")
    known, unknown = (stack.feed_token("default", name).read_text().strip() for name in ("one", "another"))
    token, believed = [known], stack.feed_context()
    assert stack.operator is not None
    address = urlsplit(stack.operator.feed_url)
    async with FaultProxy("127.0.0.1", address.port or 0) as feed:
        connection = Upstream(f"https://127.0.0.1:{feed.port}", lambda: token[0], believed)
        store, seen = Store(), Seen()
        follower = Follower(connection, KeyVerifier(read(stack.trust(), Trust)), store, observer=seen)
        following = asyncio.create_task(follower.run())
        followed = Followed(store, seen, Clock())
        await until(lambda: followed.serves("Hello"))

        await asyncio.to_thread(own_plane.kill, "kube-apiserver")
        answer = await ask(stack, unknown, believed)
        # It comes back with a token that nobody has asked about yet, as it does once a minute.
        token[0] = unknown
        await feed.cut()
        await until(lambda: reasons.AUTHENTICATION_UNAVAILABLE in (follower.problem or ""))
        rendered = await render(stack)

        assert (answer.status_code, answer.json()["code"]) == (503, reasons.AUTHENTICATION_UNAVAILABLE)
        assert answer.json()["retryable"] is True
        assert followed.serves("Hello"), "purged"
        assert rendered.json()["rendered_content"] == "Hello"

        await asyncio.to_thread(own_plane.start, "kube-apiserver")
        await until(lambda: follower.connected)
        assert followed.serves("Hello")
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def ask(stack: Stack, token: str, believed: ssl.SSLContext) -> httpx.Response:
    assert stack.operator is not None
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(verify=believed, trust_env=False, timeout=60) as http:
        return await http.get(f"{stack.operator.feed_url}/v1/stream", headers=headers)


async def render(stack: Stack) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        return await http.post(f"{stack.sidecar.url}/v1/prompts/kept/render", json={})
