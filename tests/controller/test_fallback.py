"""What stands in for a prompt, on a real API server: named before it is there, in use once it is, and told to sidecars."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from promptops.dev.stack import Stack
from tests.support.manifests import prompt, version
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster


def stands_in(world: World) -> Any:
    """What status says stands in for the prompt."""
    return world.status("greeting").get("serving", {}).get("fallback")


def test_a_version_stands_in_once_it_is_there_and_is_in_use_then(world: World) -> None:
    world.apply(
        prompt("greeting", activeVersion="2.0.0", fallback={"version": "1.0.0"}), version("greeting", "2.0.0", "new")
    )
    missing = world.until_ready("greeting", "False", "FallbackInvalid")
    served = world.serves("greeting")
    world.apply(version("greeting", "1.0.0", "old"))
    world.until_ready("greeting", "True", "Active")
    world.until_condition("greeting-1.0.0", "InUse", "True", "Fallback", "promptversion")

    assert "apply PromptVersion greeting-1.0.0" in missing
    assert served == "2.0.0"
    assert stands_in(world)["version"] == "1.0.0"


def rendered(http: httpx.Client) -> Any:
    """What the sidecar answers; None before it can."""
    answer = http.post("http://sidecar/v1/prompts/spoken-for/render", json={})
    return answer.json() if answer.is_success else None


def test_a_sidecar_takes_an_entry_with_words_that_stand_in(stack: Stack) -> None:
    world = World(stack.plane, stack.sidecar.namespace)
    objects = (
        prompt("spoken-for", activeVersion="1.0.0", fallback={"text": "ours"}),
        version("spoken-for", "1.0.0", "Hi"),
    )
    http = httpx.Client(transport=httpx.HTTPTransport(uds=stack.sidecar.socket), timeout=30.0)

    world.apply(*objects)
    try:
        answer = wait_until(lambda: rendered(http), lambda: world.status("spoken-for"))
    finally:
        world.delete(*objects)

    assert (answer["rendered_content"], answer["source"], answer["stale"]) == ("Hi", "live", False)
