"""Our accounts by the API server's own record of the whole run: nothing was refused them, and nothing is granted for nothing.

This module comes last (`conftest.py`): what it looks at is what the tests before it had the product do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from promptops.api.names import DECISIONS, RELAY
from promptops.codegen.activation import ACTIVATE
from promptops.codegen.rbac import Installation, operator_roles, relay_roles, webhook_roles
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.release import NAMESPACE
from tests.support.world import OPERATOR_USER

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300, func_only=True)]

USERS = frozenset({OPERATOR_USER, f"system:serviceaccount:{NAMESPACE}:{RELAY}"})
_BY_ROLE = re.compile(r' of (ClusterRole|Role) "([^"]+)"')


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource, by one role. `name`: the one object it is about; empty for all."""

    role: str
    resource: str
    verb: str
    name: str = ""


@pytest.fixture(scope="module")
def asked(cluster: Cluster) -> list[dict[str, Any]]:
    """Every request by an account of ours, or by somebody in a pod whom the API server did not know."""
    return [entry for entry in cluster.api_server.audited() if _is_ours(entry)]


def test_nothing_was_asked_for_that_is_not_granted(asked: list[dict[str, Any]]) -> None:
    may = set(granted())
    # An API server that was killed answers before it has read the roles again, and an uninstalled release has none.
    refused = [entry for entry in asked if _is_refused(entry) and not any(_about(entry, each) for each in may)]

    assert [_told(entry) for entry in refused] == []


def test_pods_of_applications_and_the_webhook_ask_the_api_server_for_nothing(asked: list[dict[str, Any]]) -> None:
    ours = {address for entry in asked if _user(entry) in USERS for address in _addresses(entry)}
    # An account that is uninstalled is known no more, and its pods run for a moment longer.
    others = [
        entry for entry in asked if _user(entry) not in USERS and not (_is_unknown(entry) and _addresses(entry) <= ours)
    ]

    assert [_told(entry) for entry in others] == []


def test_every_right_was_used(asked: list[dict[str, Any]]) -> None:
    used = {right for entry in asked if _user(entry) in USERS for right in _used(entry)}

    # Only policies ask for that one, and what they ask is no request.
    unused = [right for right in granted() if right not in used and right.verb != ACTIVATE]

    assert unused == []


def granted() -> Iterator[Right]:
    """Yield what the chart grants the operator, and relays."""
    installation = Installation("promptops", NAMESPACE, "promptops")
    for role in (*operator_roles(installation), *webhook_roles(installation), *relay_roles(installation)):
        for rule in role.get("rules", ()):
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        for name in rule.get("resourceNames", [""]):
                            by = _role(role["kind"], role["metadata"]["name"])
                            yield Right(by, f"{resource}.{group}", verb, _one_of(name))


def _used(entry: dict[str, Any]) -> Iterator[Right]:
    """Yield the right that a request was allowed by, as one about its object and as one about all."""
    by = _BY_ROLE.search(_annotation(entry, "reason"))
    if by is not None and "objectRef" in entry:
        for name in {"", entry["objectRef"].get("name", "")}:
            yield Right(_role(by[1], by[2]), _resource(entry), entry["verb"], _one_of(name))


def _about(entry: dict[str, Any], right: Right) -> bool:
    """Tell whether a right is the one that a request needs."""
    name = entry.get("objectRef", {}).get("name", "")
    return (_resource(entry), entry["verb"]) == (right.resource, right.verb) and right.name in ("", _one_of(name))


def _one_of(name: str) -> str:
    """Return one name for all of the ring that the log of decisions goes round in: a run need not go all the way."""
    return DECISIONS[0] if name in DECISIONS else name


def _resource(entry: dict[str, Any]) -> str:
    about = entry.get("objectRef", {})
    part = f"/{about['subresource']}" if "subresource" in about else ""
    return f"{about.get('resource')}{part}.{about.get('apiGroup', '')}"


def _role(kind: str, name: str) -> str:
    return f"{kind}/{name}"


def _is_ours(entry: dict[str, Any]) -> bool:
    from_a_pod = any(address.startswith("10.244.") for address in _addresses(entry))
    return _user(entry).startswith("system:serviceaccount:") or from_a_pod


def _addresses(entry: dict[str, Any]) -> set[str]:
    return set(entry.get("sourceIPs", ()))


def _is_refused(entry: dict[str, Any]) -> bool:
    return _annotation(entry, "decision") == "forbid" or _code(entry) in (401, 403)


def _is_unknown(entry: dict[str, Any]) -> bool:
    return _code(entry) == 401


def _code(entry: dict[str, Any]) -> int:
    return int(entry.get("responseStatus", {}).get("code", 0))


def _annotation(entry: dict[str, Any], name: str) -> str:
    return str(entry.get("annotations", {}).get(f"authorization.k8s.io/{name}", ""))


def _user(entry: dict[str, Any]) -> str:
    return str(entry.get("user", {}).get("username", ""))


def _told(entry: dict[str, Any]) -> str:
    said = entry.get("responseStatus", {})
    return json.dumps([_user(entry), entry["verb"], entry["requestURI"], said.get("code"), said.get("message", "")])
