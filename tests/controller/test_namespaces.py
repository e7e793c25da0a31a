"""A namespace's end: what drains still renders, and what is gone is gone, signed."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from promptops.dev.stack import SidecarEndpoints, Stack
from tests.support.manifests import prompt, tenant, version
from tests.support.waiting import eventually, wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster


@pytest.fixture
def served(stack: Stack, world: World) -> Iterator[tuple[World, SidecarEndpoints]]:
    """A namespace with a prompt and a sidecar of its own."""
    name = f"sidecar-{world.namespace}"
    sidecar = stack.start_sidecar(name, world.namespace)
    world.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "Hello"))
    eventually(lambda: render(sidecar), (200, "Hello"))

    yield world, sidecar

    stack.plane.stop(name)
    del stack.sidecars[name]


def render(sidecar: SidecarEndpoints) -> tuple[int, str]:
    """Render the prompt."""
    answer = httpx.post(f"{sidecar.url}/v1/prompts/greeting/render", json={"variables": {}}, timeout=30)
    return answer.status_code, answer.json().get("rendered_content", answer.json().get("code"))


def test_a_namespace_on_its_way_out_is_served_until_it_is_gone(served: tuple[World, SidecarEndpoints]) -> None:
    world, sidecar = served
    world.kubectl("create", "configmap", "holds-on")
    finalizers = '{"metadata": {"finalizers": %s}}'
    world.kubectl("patch", "configmap", "holds-on", "--type=merge", "-p", finalizers % '["example.com/hold"]')
    world.plane.kubectl("delete", "namespace", world.namespace, "--wait=false")
    wait_until(lambda: not world.all("prompts") and not world.all("promptversions"), lambda: world.all("prompts"))
    while_draining = render(sidecar)
    world.kubectl("patch", "configmap", "holds-on", "--type=merge", "-p", finalizers % "null")

    wait_until(lambda: render(sidecar)[0] != 200, lambda: render(sidecar))

    assert while_draining == (200, "Hello")
    assert world.plane.kubectl("get", "namespace", world.namespace, check=False).returncode
    world.plane.kubectl("create", "namespace", world.namespace)


def test_a_namespace_recreated_under_the_name_is_another_scope(
    stack: Stack, served: tuple[World, SidecarEndpoints]
) -> None:
    world, sidecar = served
    world.plane.kubectl("delete", "namespace", world.namespace)
    world.plane.kubectl("create", "namespace", world.namespace)
    world.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "New here"))
    world.until_ready("greeting", "True", "Active")
    wait_until(lambda: render(sidecar)[0] != 200, lambda: render(sidecar))

    again = stack.start_sidecar(f"again-{world.namespace}", world.namespace)
    eventually(lambda: render(again), (200, "New here"))

    assert render(sidecar)[0] != 200, "the old token is nobody's any more"
    stack.plane.stop(f"again-{world.namespace}")
    del stack.sidecars[f"again-{world.namespace}"]


def test_a_deleted_prompt_is_gone_from_the_sidecar(served: tuple[World, SidecarEndpoints]) -> None:
    world, sidecar = served
    world.kubectl("delete", "prompt", "greeting")

    eventually(lambda: render(sidecar), (404, "PromptNotFound"))


def test_content_of_a_recreated_prompt_is_never_the_old_one(served: tuple[World, SidecarEndpoints]) -> None:
    world, sidecar = served
    world.delete(prompt("greeting"), version("greeting", "1.0.0", ""))
    world.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "Another"))
    world.until_ready("greeting", "True", "Active")

    eventually(lambda: render(sidecar), (200, "Another"))

    assert world.status("greeting")["serving"]["revision"] == 1


def test_instances_are_counted_in_the_tenant_and_change_no_prompt(
    stack: Stack, served: tuple[World, SidecarEndpoints]
) -> None:
    world, _ = served
    owner = tenant(f"owner-of-{world.namespace}", world.namespace)
    world.apply(owner)

    def instances() -> object:
        claims = world.get("tenant", owner["metadata"]["name"])["status"].get("claims", [{}])
        return claims[0].get("instances")

    eventually(instances, 1)
    world.until_at_rest(served="all")
    since, second = world.audit_position(), f"second-{world.namespace}"
    stack.start_sidecar(second, world.namespace)
    eventually(instances, 2)
    stack.plane.stop(second)
    eventually(instances, 1)
    world.kubectl("delete", "tenant", owner["metadata"]["name"])

    assert [key for key in world.writes(since) if key[1] != "tenants"] == []
    assert world.status("greeting")["served"] == "all"
    del stack.sidecars[second]
