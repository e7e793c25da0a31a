"""Who holds a namespace, and what comes of it: claims, conflicts, and namespaces that nobody claims."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from promptops import codegen
from promptops.api.feed import AUDIENCE
from promptops.codegen.claims import CLAIMS
from promptops.controller.publish.convergence import COUNTS_EVERY_SECONDS
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, Stack, install
from tests.support.manifests import prompt, tenant
from tests.support.waiting import eventually
from tests.support.world import World

pytestmark = pytest.mark.cluster


@pytest.fixture
def claimed(world: World) -> Iterator[World]:
    """The namespace; tenants named after it are removed afterwards."""
    yield world
    world.kubectl("delete", "tenants", "--all")


def claims(world: World, name: str) -> list[tuple[str, str]]:
    """How a tenant's claims ended."""
    status = world.get("tenant", name)["status"]
    return [(row["namespace"], row["state"]) for row in status.get("claims", ())]


def feed_tenant(stack: Stack, world: World) -> tuple[int, str]:
    """Ask the feed who we are, as a pod of the namespace would."""
    if not stack.operator:
        raise AssertionError("no operator")
    if "app" not in world.kubectl("get", "serviceaccounts", "-o", "name"):
        world.kubectl("create", "serviceaccount", "app")
    token = world.kubectl("create", "token", "app", f"--audience={AUDIENCE}").strip()
    url = f"{stack.operator.feed_url}/v1/stream"
    with httpx.stream(
        "GET", url, headers={"Authorization": f"Bearer {token}"}, timeout=30, verify=stack.feed_context()
    ) as answer:
        if answer.status_code != 200:
            return answer.status_code, json.loads(answer.read())["code"]
        for line in answer.iter_lines():
            if line.startswith("data:"):
                return 200, str(json.loads(line[5:])["tenant"])
    raise AssertionError("the stream ended before it said hello")


def test_an_unclaimed_namespace_is_its_own_tenant(stack: Stack, world: World) -> None:
    eventually(lambda: feed_tenant(stack, world), (200, world.namespace))


def test_a_claim_on_a_namespace(stack: Stack, claimed: World) -> None:
    claimed.apply(tenant("blue", claimed.namespace, "not-there-yet"))
    # A namespace that was just made may be heard of after the tenant that claims it.
    eventually(lambda: claims(claimed, "blue"), [(claimed.namespace, "Claimed"), ("not-there-yet", "Absent")])
    claimed.until_ready("blue", "True", "Claimed", of="tenant")

    assert feed_tenant(stack, claimed) == (200, "blue")


def test_what_arrives_together_is_said_together(claimed: World) -> None:
    green = tenant("green", claimed.namespace)
    green["spec"]["limits"] = {"prompts": 50}
    claimed.apply(green)
    claimed.until_ready("green", "True", "Claimed", of="tenant")
    since, started = claimed.audit_position(), time.monotonic()
    claimed.apply(*(prompt(f"p{number}", source={"content": {"text": "x"}}) for number in range(20)))
    usage = {"prompts": 20, "versions": 20, "mostPrompts": 20, "mostVersions": 1}
    eventually(lambda: claimed.get("tenant", "green")["status"].get("usage"), usage)
    written, seconds = claimed.writes(since)["update", "tenants", "green"], time.monotonic() - started
    table = claimed.kubectl("get", "ptn", "green", "-o", "wide")

    assert 1 <= written <= 2 + seconds / COUNTS_EVERY_SECONDS, table
    row = dict(zip(*map(str.split, table.splitlines()), strict=False))
    assert [row[column] for column in ("PROMPTS", "MOST", "LIMIT", "VERSIONS")] == ["20", "20", "50", "20"]


@pytest.fixture(scope="module")
def strict(file_plane: Plane) -> Stack:
    """An operator that refuses what nobody claims; no policy has refused a second claim before."""
    stack = Stack(file_plane)
    install(stack.plane, tuple(m for m in codegen.manifests(NAMESPACE) if m["metadata"]["name"] != CLAIMS))
    stack.start_operator({"PROMPTOPS_TENANCY_MODE": "Strict"})
    return stack


def test_of_two_claims_the_one_that_holds_the_namespace_keeps_it(strict: Stack) -> None:
    world = World(strict.plane, "default")
    world.apply(tenant("zebra", "default"))
    world.until_ready("zebra", "True", "Claimed", of="tenant")
    world.apply(tenant("aardvark", "default"))
    message = world.until_ready("aardvark", "False", "NamespaceConflict", of="tenant")
    held = feed_tenant(strict, world)
    world.delete(tenant("zebra", "default"))
    world.until_ready("aardvark", "True", "Claimed", of="tenant")
    after = feed_tenant(strict, world)
    world.delete(tenant("aardvark", "default"))

    assert held == (200, "zebra")
    assert 'held by tenant "zebra"' in message
    assert after == (200, "aardvark")


def test_in_strict_mode_nothing_is_served_from_an_unclaimed_namespace(strict: Stack) -> None:
    world = World(strict.plane, "default")
    world.apply(prompt("greeting", source={"content": {"text": "x"}}))
    message = world.until_ready("greeting", "False", "TenantUnknown")
    refused = feed_tenant(strict, world)
    world.apply(tenant("team", "default"))
    world.until_ready("greeting", "True", "Active")
    eventually(lambda: feed_tenant(strict, world), (200, "team"))
    world.delete(tenant("team", "default"))
    world.until_ready("greeting", "False", "TenantUnknown")

    assert refused == (403, "TenantUnknown")
    eventually(lambda: feed_tenant(strict, world), (403, "TenantUnknown"))
    assert "no Tenant claims the namespace" in message
