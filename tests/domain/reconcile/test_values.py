"""What fills variables that declare fromValues: hot, bounded, the last known when something is gone or does not fit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.support.manifests import config_map

BRAND = {"name": "brand", "type": "string", "fromValues": True}
LIMIT = {"name": "limit", "type": "integer", "maximum": 10, "fromValues": True, "default": 3}
CONTENT = {"text": "{{ brand }} {{ limit }}", "variables": [BRAND, LIMIT]}


def serving(world: Any, **maps: dict[str, str]) -> Any:
    """A prompt that reads these ConfigMaps, in this order."""
    world.values_maps = {name: config_map(name, data) for name, data in maps.items()}
    world.add("1.0.0", content=CONTENT)
    names = [{"configMapName": name} for name in maps]
    return world.apply(activeVersion="1.0.0", **({"valuesFrom": names} if names else {})).settle()


def values(world: Any) -> Any:
    """What is published."""
    return msgspec.json.decode(world.published.values) if world.published.values else None


def test_a_config_map_fills_what_declares_it(world: Any) -> None:
    serving(world, settings={"brand": "Acme", "limit": "7", "other": "x"})

    assert values(world) == {"brand": "Acme", "limit": 7}
    assert world.published.must_understand == ("values",)
    assert world.said("Ready") == "True/Active"
    assert world.status["values"]["json"] == world.published.values


def test_an_edit_moves_the_revision_and_no_version(world: Any) -> None:
    serving(world, settings={"brand": "Acme"})
    before = world.status["serving"]["revision"]
    world.values_maps = {"settings": config_map("settings", {"brand": "Umbra"})}
    world.settle()

    assert values(world) == {"brand": "Umbra"}
    assert world.status["serving"]["revision"] == before + 1
    assert world.status["versionCount"] == 1


def test_a_later_config_map_wins_and_all_of_them_over_the_tenant(world: Any) -> None:
    world.tenant_values = {"brand": "Tenant", "limit": "1"}
    serving(world, first={"brand": "One", "limit": "2"}, second={"brand": "Two"})

    assert values(world) == {"brand": "Two", "limit": 2}


def test_the_tenant_alone_fills(world: Any) -> None:
    world.tenant_values = {"brand": "Tenant"}
    serving(world)

    assert values(world) == {"brand": "Tenant"}


def test_what_nothing_fills_is_said(world: Any) -> None:
    serving(world, settings={"limit": "2"})

    assert "no values fill brand, which callers have to give" in world.condition("Ready")["message"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(None, 'False/ConfigMapNotFound: ConfigMap "settings" of spec.valuesFrom is not there', id="gone"),
        pytest.param({"limit": "many"}, 'False/ValuesInvalid: ConfigMap "settings" key "limit": is not JSON', id="no JSON"),
        pytest.param({"limit": '"7"'}, 'False/ValuesInvalid: ConfigMap "settings" key "limit": limit must be an integer', id="another type"),
        pytest.param({"limit": "11"}, 'False/ValuesInvalid: ConfigMap "settings" key "limit": limit is above the maximum 10', id="out of bounds"),
        pytest.param({"brand": "x" * 20_000}, "False/ValuesInvalid: the values have 20012 bytes as JSON", id="too large"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_said_and_the_last_values_stay(world: Any, data: Any, said: str) -> None:
    serving(world, settings={"brand": "Acme", "limit": "7"})
    world.values_maps = {} if data is None else {"settings": config_map("settings", data)}
    world.restart().settle()

    assert f"{world.said('Ready')}: {world.condition('Ready')['message']}".startswith(said)
    assert values(world) == {"brand": "Acme", "limit": 7}
    assert world.serving == "1.0.0"


def test_what_is_asked_for_no_more_is_gone(world: Any) -> None:
    serving(world, settings={"brand": "Acme"})
    world.apply(valuesFrom=None).settle()

    assert values(world) is None
    assert "values" not in world.status
