"""What a relay, and a gateway, is told."""

from __future__ import annotations

import pytest

from promptops.api.names import origin_url
from promptops.settings.environment import SettingsError
from promptops.settings.relay import RelaySettings

ENOUGH = {
    "PROMPTOPS_TOKEN_FILE": "/token",
    "PROMPTOPS_TRUST_FILE": "/trust.json",
    "PROMPTOPS_CERTIFICATE_DIRECTORY": "/certificate",
}


@pytest.mark.parametrize("name", ENOUGH)
def test_what_it_cannot_be_without_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is not set; it must be "):
        RelaySettings.from_environment({other: value for other, value in ENOUGH.items() if other != name})


def test_it_follows_the_operators_of_its_namespace() -> None:
    settings = RelaySettings.from_environment(ENOUGH | {"PROMPTOPS_NAMESPACE": "prompts"})

    assert settings.feed_url == origin_url("prompts") == "https://promptops-origin.prompts.svc:8282"


def test_an_impossible_address_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^PROMPTOPS_ADDRESS is '8282'; it must be host:port"):
        RelaySettings.from_environment(ENOUGH | {"PROMPTOPS_ADDRESS": "8282"})
