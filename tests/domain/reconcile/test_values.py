"""What fills variables that declare fromValues: hot, bounded, the last known when something is gone or does not fit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from promptops.domain.snapshot import TenantGifts
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
    return supplement(world).get("variables")


def supplement(world: Any) -> Any:
    """All that comes from outside the versions."""
    return msgspec.json.decode(world.published.values or "{}")


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
    world.gifts = TenantGifts({"brand": "Tenant", "limit": "1"})
    serving(world, first={"brand": "One", "limit": "2"}, second={"brand": "Two"})

    assert values(world) == {"brand": "Two", "limit": 2}


def test_the_tenant_alone_fills(world: Any) -> None:
    world.gifts = TenantGifts({"brand": "Tenant"})
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
        pytest.param({"brand": "x" * 20_000}, "False/ValuesInvalid: the values have 20026 bytes as JSON", id="too large"),
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


def test_the_tenants_parameters_are_published_beside_the_values(world: Any) -> None:
    world.gifts = TenantGifts(parameters={"temperature": 0.3})
    serving(world, settings={"brand": "Acme"})

    assert supplement(world) == {"variables": {"brand": "Acme"}, "parameters": {"temperature": 0.3}}


def test_new_parameters_of_the_tenant_move_the_revision_and_no_version(world: Any) -> None:
    world.gifts = TenantGifts(parameters={"temperature": 0.3})
    serving(world)
    before = world.status["serving"]["revision"]
    world.gifts = TenantGifts(parameters={"temperature": 0.4})
    world.settle()

    assert supplement(world) == {"parameters": {"temperature": 0.4}}
    assert (world.status["serving"]["revision"], world.status["versionCount"]) == (before + 1, 1)


def test_new_parameters_do_not_wait_for_a_config_map_that_is_gone(world: Any) -> None:
    serving(world, settings={"brand": "Acme"})
    world.values_maps, world.gifts = {}, TenantGifts(parameters={"seed": 1})
    world.settle()

    assert supplement(world) == {"variables": {"brand": "Acme"}, "parameters": {"seed": 1}}


def test_defaults_that_cannot_be_read_change_nothing(world: Any) -> None:
    world.gifts = TenantGifts(parameters={"seed": 1}, max_staleness_seconds=60)
    serving(world)
    world.gifts = TenantGifts(parameters=None, max_staleness_seconds=None)
    world.restart().settle()

    assert (supplement(world), world.published.max_staleness_s) == ({"parameters": {"seed": 1}}, 60)


@pytest.mark.parametrize(
    ("own", "default", "seconds", "features"),
    [
        pytest.param(None, 0, 0, (), id="none"),
        pytest.param(None, 60, 60, ("maxStaleness",), id="the tenant's"),
        pytest.param("90s", 60, 90, ("maxStaleness",), id="the prompt's own, above the tenant's"),
        pytest.param("2h", 0, 7200, ("maxStaleness",), id="the prompt's own alone"),
    ],
)
def test_how_old_a_prompt_may_be_is_its_own_word_before_the_tenants(
    world: Any, own: str | None, default: int, seconds: int, features: tuple[str, ...]
) -> None:
    world.gifts = TenantGifts(max_staleness_seconds=default)
    world.add("1.0.0")
    world.apply(activeVersion="1.0.0", **({"maxStaleness": own} if own else {})).settle()

    assert (world.published.max_staleness_s, world.published.must_understand) == (seconds, features)
    assert world.status["serving"].get("maxStalenessSeconds", 0) == seconds


@pytest.mark.parametrize("staleness", ["5s", "0m", "1d", "90", "1h30m", "01m", "-5m", "10 s"])
def test_how_old_it_may_be_is_written_one_way(world: Any, staleness: str) -> None:
    world.add("1.0.0")
    world.apply(activeVersion="1.0.0", maxStaleness=staleness).settle()

    assert "spec.maxStaleness: write a number and s, m or h" in world.condition("Ready")["message"]
