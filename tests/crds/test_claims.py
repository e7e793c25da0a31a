"""A namespace that a Tenant claims is refused to every other one when that is applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.crds.server import Server
from tests.support.manifests import tenant
from tests.support.waiting import wait_until

Manifest = dict[str, Any]

FIRST = tenant("books", "books-dev", "books-prod")


@pytest.fixture
def claimed(server: Server) -> Iterator[Manifest]:
    """A Tenant with two namespaces, of which the API server knows by now."""
    stored = server.create(FIRST, "").raise_for_status().json()
    probe = tenant("probe", "books-dev")

    def is_known() -> bool:
        answer = server.create(probe, "")
        server.delete(probe, "")
        return answer.is_client_error

    wait_until(is_known)
    yield stored
    server.delete(FIRST, "")


@pytest.mark.parametrize(
    ("second", "said"),
    [
        pytest.param(tenant("music", "books-dev"), "Tenant books claims books-dev already", id="one of them"),
        pytest.param(tenant("music", "a", "books-prod", "b"), "claims books-prod already", id="one among others"),
        pytest.param(tenant("music", "books-dev", "books-prod"), "claims books-dev, books-prod already", id="both"),
        pytest.param(tenant("music", "music", "books"), None, id="others"),
    ],
)
def test_a_second_tenant(server: Server, claimed: Manifest, second: Manifest, said: str | None) -> None:
    answer = server.create(second, "")
    server.delete(second, "")

    assert answer.is_success == (said is None), answer.text
    assert said is None or said in answer.json()["message"]


@pytest.mark.parametrize(
    "namespaces", [["books-dev"], ["books-prod", "books-dev"], ["books-dev", "books-test"]], ids=", ".join
)
def test_a_tenant_is_not_in_its_own_way(server: Server, claimed: Manifest, namespaces: list[str]) -> None:
    answer = server.replace({**claimed, "spec": {"namespaces": namespaces}}, "")

    assert answer.is_success, answer.text


def test_a_namespace_is_claimed_once_it_is_given_up(server: Server, claimed: Manifest) -> None:
    second = tenant("music", "books-prod")
    server.replace({**claimed, "spec": {"namespaces": ["books-dev"]}}, "").raise_for_status()

    def is_admitted() -> bool:
        answer = server.create(second, "")
        server.delete(second, "")
        return answer.is_success

    wait_until(is_admitted)


def test_each_tenant_is_looked_at_by_itself(server: Server, claimed: Manifest) -> None:
    others = [tenant("films", "films-dev"), tenant("plays", "plays-dev", "plays-prod")]
    for each in others:
        server.create(each, "").raise_for_status()

    def said(*namespaces: str) -> str:
        answer = server.create(tenant("music", *namespaces), "")
        server.delete(tenant("music"), "")
        return str(answer.json().get("message"))

    wait_until(lambda: "Tenant films claims films-dev already" in said("films-dev", "music"))
    wait_until(lambda: "Tenant plays claims plays-dev, plays-prod already" in said("plays-dev", "music", "plays-prod"))
    again = said("books-prod", "music")
    for each in others:
        server.delete(each, "")

    assert "Tenant books claims books-prod already" in again
