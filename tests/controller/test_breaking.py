"""A version that breaks callers is held until it is accepted, on a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.manifests import prompt, version
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster

NAME = {"name": "name", "type": "string"}


def greeting(number: str, *variables: dict[str, Any]) -> dict[str, Any]:
    """A version that takes these variables."""
    text = "Hi" + "".join(f" {{{{ {each['name']} }}}}" for each in variables)
    return version("greeting", number, {"text": text, "variables": list(variables)})


def test_a_breaking_change_waits_until_it_is_accepted(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"), greeting("1.0.0", NAME))
    world.until_decided("greeting", "1.0.0")
    world.apply(greeting("2.0.0", NAME, {"name": "tone", "type": "string"}))
    world.activate("greeting", "2.0.0")
    message = world.until_ready("greeting", "False", "BreakingChange")
    held = world.serves("greeting")
    world.kubectl(
        "patch", "prompt", "greeting", "--type=merge", "-p", json.dumps({"spec": {"acceptBreaking": "2.0.0"}})
    )
    world.until_decided("greeting", "2.0.0")
    world.activate("greeting", "1.0.0")

    world.until_decided("greeting", "1.0.0")

    assert held == "1.0.0"
    assert 'variable "tone" is new and required: set spec.acceptBreaking to 2.0.0' in message


def test_kubectl_shows_what_a_version_means_to_callers_also_when_one_comes_between(world: World) -> None:
    loud = {"name": "loud", "type": "boolean", "default": False}
    world.apply(prompt("greeting", activeVersion="1.0.0"), greeting("1.0.0", NAME), greeting("1.2.0", NAME, loud))

    def shown() -> list[list[str]]:
        table = world.kubectl("get", "promptversions", "--no-headers", "--sort-by=.spec.version")
        return [line.split()[2:4] for line in table.splitlines()]

    wait_until(lambda: ["1.2.0", "minor"] in shown(), shown)
    world.apply(greeting("1.1.0", NAME, loud))

    wait_until(lambda: shown()[1:] == [["1.1.0", "minor"], ["1.2.0", "patch"]], shown)
