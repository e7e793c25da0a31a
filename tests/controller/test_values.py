"""Values of ConfigMaps and tenants, on a real API server: hot, and kept when they are gone."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from promptops.dev.stack import Stack
from tests.support.manifests import config_map, including, prompt, tenant, version
from tests.support.waiting import eventually
from tests.support.world import World

pytestmark = pytest.mark.cluster

BRAND = {"name": "brand", "type": "string", "fromValues": True}
GREETING = version("greeting", "1.0.0", {"text": "Hi from {{ brand }}", "variables": [BRAND]})


def filled(world: World) -> Any:
    """What fills the variables, as the status says."""
    values = world.status("greeting").get("values")
    return json.loads(values["json"])["variables"] if values else None


def until_filled(world: World, expected: Any) -> None:
    """Wait until these values are served."""
    eventually(lambda: filled(world), expected)


def test_values_are_hot_and_stay_when_they_are_gone(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0", valuesFrom=[{"configMapName": "brand"}]), GREETING)
    missing = world.until_ready("greeting", "False", "ConfigMapNotFound")
    world.apply(config_map("brand", {"brand": "Acme"}))
    until_filled(world, {"brand": "Acme"})
    world.apply(config_map("brand", {"brand": "Umbra"}))
    until_filled(world, {"brand": "Umbra"})
    world.delete(config_map("brand", {}))
    world.until_ready("greeting", "False", "ConfigMapNotFound")

    assert 'ConfigMap "brand" of spec.valuesFrom is not there' in missing
    assert filled(world) == {"brand": "Umbra"}
    assert world.serves("greeting") == "1.0.0"
    assert [each["spec"]["version"] for each in world.all("promptversions")] == ["1.0.0"]


def test_a_tenant_gives_values_to_the_namespaces_it_claims(world: World) -> None:
    world.apply(prompt("greeting", activeVersion="1.0.0"), GREETING)
    world.until_serves("greeting", "1.0.0")
    claim = tenant(f"t-{world.namespace}", world.namespace)
    claim["spec"]["values"] = {"brand": "Acme"}
    world.apply(claim)
    try:
        until_filled(world, {"brand": "Acme"})
        claim["spec"]["values"] = {"brand": "Umbra"}
        world.apply(claim)
        until_filled(world, {"brand": "Umbra"})
    finally:
        world.delete(claim)

    until_filled(world, None)


def test_a_sidecar_answers_with_the_tenants_parameters_which_change_without_a_version(stack: Stack) -> None:
    world = World(stack.plane, stack.sidecar.namespace)
    own = version("tuned", "1.0.0", {"text": "Hi", "parameters": {"maxTokens": 50}})
    claim = tenant(f"t-{world.namespace}", world.namespace)
    http = httpx.Client(transport=httpx.HTTPTransport(uds=stack.sidecar.socket), timeout=30.0)
    rendered: dict[str, Any] = {}

    def parameters() -> Any:
        rendered.update(http.post("http://sidecar/v1/prompts/tuned/render", json={}).json())
        return rendered.get("parameters")

    world.apply(prompt("tuned", activeVersion="1.0.0"), own)
    try:
        eventually(parameters, {"maxTokens": 50})
        for temperature in (0.3, 0.4):
            defaults = {"parameters": {"temperature": temperature, "maxTokens": 9}, "maxStaleness": "12h"}
            world.apply({**claim, "spec": {**claim["spec"], "defaults": defaults}})
            eventually(parameters, {"maxTokens": 50, "temperature": temperature})
    finally:
        world.delete(prompt("tuned"), own)
        if world.find("tenants", claim["metadata"]["name"]) is not None:
            world.delete(claim)

    assert rendered["values_digest"] is not None
    assert rendered["version"] == "1.0.0"


def test_a_sidecar_renders_includes_and_values_which_change_without_a_version(stack: Stack) -> None:
    world = World(stack.plane, stack.sidecar.namespace)
    rules = version("hotrules", "1.0.0", {"text": "Speak for {{ brand }}.", "variables": [BRAND]})
    content = including({"text": 'Hi. {% include "rules" %}'}, rules="hotrules-1.0.0")
    objects = (
        prompt("hot", activeVersion="1.0.0", valuesFrom=[{"configMapName": "hot-brand"}]),
        version("hot", "1.0.0", content),
        rules,
        config_map("hot-brand", {"brand": "Acme"}),
    )
    http = httpx.Client(transport=httpx.HTTPTransport(uds=stack.sidecar.socket), timeout=30.0)
    rendered: dict[str, Any] = {}

    def said() -> Any:
        rendered.update(http.post("http://sidecar/v1/prompts/hot/render", json={}).json())
        return rendered.get("rendered_content")

    world.apply(*objects)
    try:
        eventually(said, "Hi. Speak for Acme.")
        before = dict(rendered)
        world.apply(config_map("hot-brand", {"brand": "Umbra"}))
        eventually(said, "Hi. Speak for Umbra.")
    finally:
        world.delete(*objects)

    assert (rendered["version"], rendered["digest"]) == (before["version"], before["digest"])
    assert rendered["values_digest"] != before["values_digest"]
