"""Tests of prompts on a real API server: run in a process of their own before a version may serve, results in its status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.manifests import manifest, many, prompt, tenant, version
from tests.support.signatures import Person
from tests.support.waiting import eventually
from tests.support.world import World

pytestmark = pytest.mark.cluster

PASSES = [{"name": "greets", "expect": [{"contains": "Hello"}]}]
FAILS = [{"name": "greets", "expect": [{"contains": "Hello"}]}, {"name": "is short", "expect": [{"maxLength": 3}]}]


@pytest.fixture
def claimed(world: World) -> Iterator[World]:
    """The namespace; tenants named after it are removed afterwards."""
    yield world
    world.kubectl("delete", "tenants", "--all")


def require(world: World, tests: bool) -> dict[str, Any]:
    """A tenant of the namespace that requires tests, or does not."""
    made = tenant("careful", world.namespace)
    return {**made, "spec": {**made["spec"], "require": {"tests": tests}}}


def test_a_failed_test_holds_a_version_back_and_the_old_one_serves_on(world: World) -> None:
    def counted(version: str) -> Any:
        return world.get("promptversion", version)["status"].get("tests")

    world.apply(
        prompt("greeting", activeVersion="1.0.0"),
        version("greeting", "1.0.0", "Hello", tests=PASSES),
        version("greeting", "1.1.0", "Hello there", tests=FAILS),
    )
    world.until_serves("greeting", "1.0.0")
    world.activate("greeting", "1.1.0")
    message = world.until_ready("greeting", "False", "TestsFailed")
    world.until_ready("greeting-1.1.0", "False", "TestsFailed", "promptversion")

    assert '"is short": it has 11 characters, at most 3 are expected' in message
    assert world.serves("greeting") == "1.0.0"
    assert counted("greeting-1.1.0") == {
        "passed": 1,
        "failed": 1,
        "failures": [{"name": "is short", "message": "it has 11 characters, at most 3 are expected"}],
    }
    eventually(lambda: counted("greeting-1.0.0"), {"passed": 1, "failed": 0})


def test_a_source_serves_once_its_tests_pass(world: World) -> None:
    source = {"content": {"text": "Hello there"}, "tests": FAILS}
    world.apply(prompt("greeting", source=source))
    world.until_ready("greeting", "False", "TestsFailed")
    world.apply(prompt("greeting", source={**source, "tests": PASSES}))
    world.until_serves("greeting", "1.0.0")

    assert [each["spec"]["tests"] for each in world.all("promptversions")] == [PASSES]


def test_a_tenant_requires_tests(claimed: World) -> None:
    claimed.apply(require(claimed, True))
    claimed.until_ready("careful", "True", "Claimed", "tenant")
    claimed.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "Hello"))
    message = claimed.until_ready("greeting", "False", "TestsRequired")
    claimed.apply(require(claimed, False))
    claimed.until_serves("greeting", "1.0.0")

    assert message.startswith("version 1.0.0 has no tests, and tenant careful requires them")


def test_a_tenant_requires_a_signature_which_may_come_later(claimed: World) -> None:
    ann = Person()
    careful = tenant("careful", claimed.namespace)
    careful["spec"]["require"] = {"signature": {"ann": ann.public}}
    claimed.apply(careful)
    claimed.until_ready("careful", "True", "Claimed", "tenant")
    claimed.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "Hello"))
    message = claimed.until_ready("greeting", "False", "SignatureRequired")
    digest = claimed.digest("greeting-1.0.0")
    signed = manifest("PromptVersion", "greeting-1.0.0", signatures=ann.sign("greeting", "1.0.0", digest))
    claimed.kubectl("apply", "--server-side", "--validate=false", "--field-manager=ann", "-f", "-", input=many(signed))
    claimed.until_serves("greeting", "1.0.0")

    assert "version 1.0.0 has no signature by ann, and tenant careful requires one" in message


def test_a_changed_test_is_refused(world: World) -> None:
    world.apply(version("greeting", "1.0.0", "Hello", tests=PASSES))
    change = json.dumps({"spec": {"tests": FAILS}})

    done = world.plane.kubectl(
        "--namespace", world.namespace, "patch", "promptversion", "greeting-1.0.0", "--type=merge", "-p", change, check=False
    )  # fmt: skip

    assert "tests of a PromptVersion cannot be changed: create a new version" in done.stderr
