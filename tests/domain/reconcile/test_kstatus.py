"""What Flux, Argo CD and others make of our objects: the library itself reads them in every state."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptops.domain.reconcile import decide_prompt
from promptops.domain.snapshot import Refusal
from tests.domain.reconcile.conftest import World

Make = Callable[[World], object]
OTHER_DIGEST = "sha256:" + "0" * 64


def active(world: World) -> World:
    """1.0.0 is served, 1.1.0 is a draft, and what is wrong with 9.0.0 only its author can mend."""
    world.add("1.0.0").add("1.1.0").add("9.0.0", "{{ undeclared }}")
    return world.apply(activeVersion="1.0.0").settle()


def refused(world: World, *, final: bool) -> World:
    """The source's version may not be created."""
    world.apply(activeVersion=None, source={"content": {"text": "Hi"}})
    created = world.decide().create[0]
    refusal = Refusal(created["metadata"]["name"], created["spec"], "exceeded quota", final=final)
    snapshot = replace(world.snapshot(), refused=refusal)
    world.prompt = {**world.prompt, "status": decide_prompt(snapshot, world.now).status}
    return world


PROMPTS: dict[str, tuple[Make, str]] = {
    "nobody looked at it yet": (lambda world: world, "InProgress"),
    "an edit that nobody looked at yet": (lambda world: active(world).apply(activeVersion="1.1.0"), "InProgress"),
    "asks for nothing": (lambda world: world.settle(), "Current"),
    "served, and nobody is there": (active, "Current"),
    "served by all": (lambda world: active(world.having(instances=3)), "Current"),
    "some do not have it yet": (lambda world: active(world.having(instances=3, behind=1)), "InProgress"),
    "some do not have it after a minute": (
        lambda world: active(world.having(instances=3, behind=1)).after(61).settle(),
        "Current",
    ),
    "switched off": (lambda world: active(world).apply(disabled=True).settle(), "Current"),
    "a version that may still come": (lambda world: active(world).apply(activeVersion="2.0.0").settle(), "InProgress"),
    "the version that is served was deleted": (lambda world: active(world).drop("1.0.0").settle(), "Failed"),
    "a version served long ago may still come back": (
        lambda world: (
            active(world).apply(activeVersion="1.1.0").settle().drop("1.0.0").apply(activeVersion="1.0.0").settle()
        ),
        "InProgress",
    ),
    "the version that is served was deleted and came back": (
        lambda world: active(world).drop("1.0.0").settle().add("1.0.0").settle(),
        "Current",
    ),
    "a version that can never be served": (
        lambda world: active(world).apply(activeVersion="9.0.0").settle(),
        "Failed",
    ),
    "the choice was taken back": (lambda world: active(world).apply(activeVersion=None).settle(), "Failed"),
    "the source was taken away": (lambda world: world.follow("a").settle().apply(source=None).settle(), "Failed"),
    "another digest than was asked for": (
        lambda world: active(world).apply(activeDigest=OTHER_DIGEST).settle(),
        "Failed",
    ),
    "a spec that cannot be read": (lambda world: active(world).apply(historyLimit=0).settle(), "Failed"),
    "a source that is refused": (lambda world: world.follow("{{ undeclared }}").settle(), "Failed"),
    "a ConfigMap that may still come": (lambda world: world.refer().settle(), "InProgress"),
    "a version that quota refuses": (lambda world: refused(world, final=False), "InProgress"),
    "a version that is refused for good": (lambda world: refused(world, final=True), "Failed"),
    "a namespace that nobody holds": (lambda world: active(world).having(tenant=None).settle(), "InProgress"),
    "on its way out": (lambda world: deleted(active(world)), "Terminating"),
}

VERSIONS: dict[str, tuple[Make, str, str]] = {
    "a version that nobody looked at yet": (lambda world: world.add("1.0.0"), "1.0.0", "InProgress"),
    "a draft": (active, "1.1.0", "Current"),
    "active": (active, "1.0.0", "Current"),
    "superseded": (lambda world: active(world).apply(activeVersion="1.1.0").settle(), "1.0.0", "Current"),
    "can never be served": (active, "9.0.0", "Failed"),
    "deprecated": (lambda world: active(world).change("1.1.0", lifecycle="Deprecated").settle(), "1.1.0", "Current"),
    "archived": (lambda world: active(world).change("1.1.0", lifecycle="Archived").settle(), "1.1.0", "Current"),
}


def deleted(world: World) -> World:
    """The Prompt's deletion has begun."""
    metadata = {**world.prompt["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.prompt = {**world.prompt, "metadata": metadata}
    return world


@pytest.fixture
def kstatus(binary: Callable[[str], Path]) -> Callable[[dict[str, Any]], str]:
    """Return what the library says of an object."""

    def read(manifest: dict[str, Any]) -> str:
        command = (str(binary("kstatus")),)
        answered = subprocess.run(command, input=json.dumps(manifest), capture_output=True, text=True, check=True)
        return str(json.loads(answered.stdout)["status"])

    return read


@pytest.mark.parametrize(("make", "expected"), [pytest.param(*row, id=name) for name, row in PROMPTS.items()])
def test_a_prompt(world: World, kstatus: Callable[[dict[str, Any]], str], make: Make, expected: str) -> None:
    make(world)

    assert kstatus(world.prompt) == expected


@pytest.mark.parametrize(
    ("make", "number", "expected"), [pytest.param(*row, id=name) for name, row in VERSIONS.items()]
)
def test_a_version(
    world: World, kstatus: Callable[[dict[str, Any]], str], make: Make, number: str, expected: str
) -> None:
    make(world)

    assert kstatus(world.versions[f"greeting-{number}"]) == expected
