"""What a Tenant gives: as far as it can be read, and in words what cannot."""

from typing import Any

import pytest

from promptops.domain.gifts import MAX_DEFAULTS_BYTES, gifts_of
from promptops.domain.review import review
from promptops.domain.snapshot import TenantGifts
from tests.support.manifests import Manifest, tenant


def giving(**spec: Any) -> Manifest:
    """A Tenant whose spec says this, too."""
    made = tenant("team", "a")
    made["spec"] |= spec
    return made


@pytest.mark.parametrize(
    ("spec", "gifts"),
    [
        pytest.param({}, TenantGifts(), id="nothing"),
        pytest.param({"values": {"brand": "Acme"}}, TenantGifts({"brand": "Acme"}), id="values"),
        pytest.param(
            {"defaults": {"parameters": {"temperature": 1.0, "topP": None}, "maxStaleness": "15m"}},
            TenantGifts({}, {"temperature": 1}, 900),
            id="parameters as an API server stores them, and an age",
        ),
        pytest.param(
            {"values": {"brand": "Acme"}, "defaults": {"maxStaleness": "soon"}},
            TenantGifts({"brand": "Acme"}, None, None),
            id="values beside defaults that cannot be read",
        ),
        pytest.param(
            {"defaults": {"parameters": {"extra": {"n": 2**60}}}},
            TenantGifts({}, None, None),
            id="a number that readers disagree about",
        ),
    ],
)
def test_what_a_tenant_gives(spec: dict[str, Any], gifts: TenantGifts) -> None:
    found = gifts_of(giving(**spec)["spec"])

    assert found == gifts


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("defaults", "said"),
    [
        pytest.param({"parameters": {"seed": 1, "extra": {"seed": 2}}}, "spec.defaults.parameters.extra.seed: it is what seed says already", id="a parameter twice"),
        pytest.param({"parameters": {"extra": nested(50)}}, "spec.defaults.parameters.extra", id="too deep"),
        pytest.param({"parameters": {"extra": {"n": 2**60}}}, "spec.defaults.parameters.extra.n: must be a finite number", id="a number beyond JSON"),
        pytest.param({"parameters": {"extra": "x" * MAX_DEFAULTS_BYTES}}, "at most 4096 are allowed: shorten it", id="too much"),
        pytest.param({"parameters": {"temprature": 1}}, "spec.defaults.parameters.temprature", id="a typo"),
        pytest.param({"maxStaleness": "1d"}, "spec.defaults.maxStaleness: write a number and s, m or h", id="another unit"),
    ],
)  # fmt: skip
def test_defaults_that_cannot_be_given_are_refused_in_words(defaults: dict[str, Any], said: str) -> None:
    findings = review(giving(defaults=defaults))

    assert said in findings[0].sentence
