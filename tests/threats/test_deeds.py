"""What people with real accounts try in ways that no list names, each a dry run: no operator and no webhook runs here."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from promptops.dev.plane import Plane
from tests.crds.server import OPERATOR, Server, installed_on
from tests.support.manifests import prompt, tenant, version
from tests.support.waiting import wait_until
from tests.threats.deeds import ADMINISTRATOR, CORE, DEEDS, GREETING, NAMESPACE, OURS, RBAC, TAKEN, Deed

Manifest = dict[str, Any]
Try = Callable[[Deed], httpx.Response]

ACCOUNTS = {role: (f"promptops-{role}",) for role in ("viewer", "author", "releaser", "tenant-admin")} | {
    # Both, and no right to read a ConfigMap.
    "releasing-author": ("promptops-author", "promptops-releaser"),
}
IN_USE = {"type": "InUse", "status": "True", "reason": "InUse", "message": ".", "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
SERVING = {"revision": 1, "at": "2026-01-01T00:00:00Z", "stable": {"version": "1.0.0", "digest": f"sha256:{'a' * 64}"}}


@pytest.fixture(scope="module")
def served(plane: Plane) -> Iterator[Server]:
    """A namespace in which a prompt serves one of two versions, and two Tenants."""
    server = installed_on(plane)
    content = {"text": "Hello", "parameters": {"extra": {"a": 1}}}
    greeting = prompt("greeting", activeVersion="1.0.0", acceptBreaking="1.1.0", historyLimit=10)
    used = version("greeting", "1.0.0", content)
    tenants = (tenant("taker", TAKEN), tenant("bystander", "deeds-other"))
    server.send("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}).raise_for_status()
    for each in (greeting, used, version("greeting", "1.1.0", "Hi"), *tenants):
        server.create(each, NAMESPACE).raise_for_status()
    server.replace_status({**used, "status": {"conditions": [IN_USE]}}, NAMESPACE, OPERATOR).raise_for_status()
    server.replace_status({**greeting, "status": {"serving": SERVING}}, NAMESPACE, OPERATOR).raise_for_status()
    yield server
    for each in tenants:
        server.delete(each, NAMESPACE)
    server.send("DELETE", CORE, None)


@pytest.fixture(scope="module")
def attempt(served: Server) -> Iterator[Try]:
    """Try a deed as whoever does it, with his own token and nobody's certificate."""
    tls = ssl.create_default_context(cafile=str(served.plane.folder / "certificates" / "authority.crt"))
    tokens = {name: f"Bearer {_token(served, name, roles)}" for name, roles in ACCOUNTS.items()}
    with httpx.Client(base_url=served.plane.server, verify=tls, trust_env=False, timeout=30.0) as client:

        def done(deed: Deed) -> httpx.Response:
            who = {} if deed.who == ADMINISTRATOR else {"authorization": tokens[deed.who]}
            headers = {"content-type": deed.kind, **who}
            asking = served.client if deed.who == ADMINISTRATOR else client
            content = None if deed.body is None else json.dumps(deed.body)
            path = deed.path if deed.method == "GET" else f"{deed.path}{'&' if '?' in deed.path else '?'}dryRun=All"
            strict = f"{path}&fieldValidation=Strict" if deed.method in ("POST", "PATCH", "PUT") else path
            return asking.request(deed.method, strict, headers=headers, content=content)

        # Roles and policies take a moment to be heard of.
        wait_until(lambda: all(done(Deed(name, "GET", GREETING)).is_success for name in ACCOUNTS))
        wait_until(lambda: done(DEEDS["an activation by a JSON patch"]).is_client_error)
        wait_until(lambda: done(DEEDS["a Tenant that overlaps"]).is_client_error)
        yield done


def _token(server: Server, account: str, roles: tuple[str, ...]) -> str:
    """Make a ServiceAccount with roles of ours in the namespace; return its token."""
    server.send("POST", f"{CORE}/serviceaccounts", {"metadata": {"name": account}}).raise_for_status()
    subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    for role in roles:
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        binding = {"metadata": {"name": f"{account}-{role}"}, "roleRef": reference, "subjects": [subject]}
        server.send("POST", f"{RBAC}/rolebindings", binding).raise_for_status()
    answer = server.send("POST", f"{CORE}/serviceaccounts/{account}/token", {"spec": {"expirationSeconds": 3600}})
    token: str = answer.raise_for_status().json()["status"]["token"]
    return token


@pytest.mark.parametrize("name", DEEDS)
def test_what_somebody_tries(attempt: Try, name: str) -> None:
    deed = DEEDS[name]

    answer = attempt(deed)

    assert answer.is_client_error == bool(deed.said), answer.text
    assert deed.said in answer.text


def test_what_was_tried_changed_nothing(served: Server, attempt: Try) -> None:
    before = [served.client.get(f"{OURS}/{kind}").json()["items"] for kind in ("prompts", "promptversions")]
    for deed in DEEDS.values():
        attempt(deed)
    after = [served.client.get(f"{OURS}/{kind}").json()["items"] for kind in ("prompts", "promptversions")]

    assert after == before


@pytest.mark.parametrize(
    "name", [name for name, deed in DEEDS.items() if "status" in (deed.body or ()) and not deed.said]
)
def test_a_status_that_comes_with_something_else_is_left_out(attempt: Try, name: str) -> None:
    stored = attempt(DEEDS[name]).json()["status"]

    assert stored.get("phase") is None
    assert stored.get("serving") in (None, SERVING)
