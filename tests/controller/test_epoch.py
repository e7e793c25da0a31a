"""A follower that proves it holds more than this leader published: a restored backup, or a second leader."""

from __future__ import annotations

import base64
import json

import httpx
import msgspec
import pytest

from promptops.api.feed import AUDIENCE, HELD_HEADER, Header
from promptops.cache.signing import Signer
from promptops.cache.verifier import to_token
from promptops.controller.publish.keyring import read_keyring
from promptops.controller.publish.trust import KEYRING
from promptops.dev.stack import NAMESPACE, Stack
from tests.support.manifests import prompt
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster


def follow(stack: Stack, world: World, held: str | None = None) -> Header:
    """Connect as a follower and return the first index's header."""
    token = world.kubectl("create", "token", "app", f"--audience={AUDIENCE}").strip()
    headers = {"Authorization": f"Bearer {token}"} | ({HELD_HEADER: held} if held else {})
    url = f"{stack.operator.feed_url if stack.operator else ''}/v1/stream"
    with httpx.stream("GET", url, headers=headers, timeout=30, verify=stack.feed_context()) as answer:
        answer.raise_for_status()
        lines = answer.iter_lines()
        for line in lines:
            if line == "event: index":
                payload = json.loads(next(lines).removeprefix("data:"))["signed"]["payload"]
                return msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=Header)
    raise AssertionError("the stream ended before there was an index")


def signer(stack: Stack) -> Signer:
    """The operator's own key, as somebody who restored yesterday's cluster would have it."""
    secret = json.loads(stack.plane.kubectl("get", "secret", "promptops-keys", "-n", NAMESPACE, "-o", "json").stdout)
    return read_keyring(base64.b64decode(secret["data"][KEYRING])).signer


def epoch_of_lease(stack: Stack) -> int:
    lease = json.loads(stack.plane.kubectl("get", "lease", "promptops", "-n", NAMESPACE, "-o", "json").stdout)
    return int(lease["metadata"]["annotations"]["promptops.io/epoch"])


def reasons_at_lease(stack: Stack) -> list[str]:
    """Reasons of the Lease's Events. They are told after the deed, when there is time."""
    events = json.loads(stack.plane.kubectl("get", "events", "-n", NAMESPACE, "-o", "json").stdout)["items"]
    return [event["reason"] for event in events if event["involvedObject"]["kind"] == "Lease"]


def test_the_epoch_is_raised_above_what_a_follower_proves(stack: Stack, world: World) -> None:
    world.kubectl("create", "serviceaccount", "app")
    world.apply(prompt("greeting", source={"content": {"text": "x"}}))
    wait_until(lambda: _has_index(stack, world), lambda: "no index")
    world.until_decided("greeting", "1.0.0")
    published = follow(stack, world)
    ahead = msgspec.structs.replace(published, epoch=published.epoch + 5, seq=99)
    follow(stack, world, to_token(signer(stack).sign(ahead)))

    wait_until(lambda: follow(stack, world).epoch > ahead.epoch, lambda: follow(stack, world))

    assert epoch_of_lease(stack) == follow(stack, world).epoch == ahead.epoch + 1
    wait_until(lambda: "EpochRaised" in reasons_at_lease(stack), lambda: reasons_at_lease(stack))


@pytest.mark.parametrize("forged", [True, False], ids=["signed by nobody we know", "lower than ours"])
def test_nothing_else_raises_the_epoch(stack: Stack, world: World, forged: bool) -> None:
    world.kubectl("create", "serviceaccount", "app")
    wait_until(lambda: _has_index(stack, world), lambda: "no index")
    published = follow(stack, world)
    key = Signer(b"k" * 32) if forged else signer(stack)
    shown = msgspec.structs.replace(published, epoch=published.epoch + (5 if forged else -1), kid=key.kid)
    before = epoch_of_lease(stack)

    seen = [follow(stack, world, to_token(key.sign(shown))).epoch for _ in range(3)]

    assert set(seen) == {published.epoch}
    assert epoch_of_lease(stack) == before


def _has_index(stack: Stack, world: World) -> bool:
    try:
        return follow(stack, world).namespace == world.namespace
    except httpx.HTTPStatusError:
        return False
