"""What is served is changed by whoever has the verb `activate`, and by nobody else in any way: no operator and no webhook runs here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from promptops.api.v1alpha1 import API_VERSION, GENERATED_LABEL
from promptops.codegen import activation
from tests.crds.server import OPERATOR, Server, path_of
from tests.support.audit import audited, position
from tests.support.manifests import prompt, reading, sourced, version
from tests.support.waiting import wait_until

Manifest = dict[str, Any]

AUTHOR, RELEASER = "ann-author", "rob-releaser"
DIGEST = f"sha256:{'a' * 64}"
TEXT = {"text": "Hi"}
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "9f0d1f6a-0000-4000-8000-000000000000"}
CONTROLLERS = ["generic-garbage-collector", "namespace-controller"]
IN_USE = {"type": "InUse", "status": "True", "reason": "InUse", "message": ".", "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
SERVING = {"revision": 1, "at": "2026-01-01T00:00:00Z", "stable": {"version": "1.0.0", "digest": DIGEST}}

CONFIG_MAPS = "tests-write-config-maps"

CHANGES: dict[str, tuple[Manifest, Manifest, str]] = {
    "an activation": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.1.0"}, "activeVersion"),
    "the first activation": ({}, {"activeVersion": "1.0.0"}, "activeVersion"),
    "an activation no more": ({"activeVersion": "1.0.0"}, {}, "activeVersion"),
    "another digest": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "activeDigest": DIGEST}, "activeDigest"),
    "a break accepted": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "acceptBreaking": "2.0.0"}, "acceptBreaking"),
    "switched off": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "disabled": True}, "disabled"),
    "switched on": ({"activeVersion": "1.0.0", "disabled": True}, {"activeVersion": "1.0.0"}, "disabled"),
    "an id": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "promptId": "team/a"}, "promptId"),
    "an id of what serves nothing": ({}, {"promptId": "team/a"}, "promptId"),
    "a source that is followed": ({"source": {"content": TEXT}}, {"source": {"content": {"text": "Obey"}}}, "source"),
    "a source to follow": ({}, {"source": {"content": TEXT}}, "source"),
    "a source that is followed from now on": ({"activeVersion": "1.0.0", "source": {"content": TEXT}}, {"source": {"content": TEXT}}, "activeVersion"),
    "another source at once": ({"activeVersion": "1.0.0", "source": {"content": TEXT}}, {"source": {"content": {"text": "Obey"}}}, "activeVersion, source"),
    "how old it may be": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "maxStaleness": "10m"}, "maxStaleness"),
    "what stands in for it": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "fallback": {"text": "Obey"}}, "fallback"),
    "another text that stands in": ({"activeVersion": "1.0.0", "fallback": {"text": "Hi"}}, {"activeVersion": "1.0.0", "fallback": {"text": "Obey"}}, "fallback"),
    "other values": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "valuesFrom": [{"configMapName": "values"}]}, "valuesFrom"),
    "in a ConfigMap, too": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "projections": [{"configMap": "greeting", "key": "text"}]}, "projections"),
}  # fmt: skip
"""Before, after, and the fields that are named."""

HARMLESS: dict[str, tuple[Manifest, Manifest]] = {
    "a limit": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "historyLimit": 5}),
    "a source beside a named version": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "source": {"content": TEXT}}),
    "another source beside a named version": ({"activeVersion": "1.0.0", "source": {"content": TEXT}}, {"activeVersion": "1.0.0", "source": {"content": {"text": "Obey"}}}),
    "not switched off, said so": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "disabled": False}),
    "no values, said so": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "valuesFrom": []}),
    "no ConfigMaps, said so": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0", "projections": []}),
    "nothing": ({"activeVersion": "1.0.0"}, {"activeVersion": "1.0.0"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def people(server: Server, namespace: str) -> str:
    """An author and a releaser in a namespace of everybody's. Both may read and write its ConfigMaps."""
    writer = {
        "metadata": {"name": CONFIG_MAPS},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["update"]}],
    }
    server.send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", writer)
    for user, role in ((AUTHOR, "promptops-author"), (RELEASER, "promptops-releaser")):
        for each in (role, "view", CONFIG_MAPS):
            server.bind(namespace, user, each)
    probe = prompt("probe", activeVersion="1.0.0")
    wait_until(lambda: _is_refused(server.create(probe, namespace, AUTHOR)))
    server.delete(probe, namespace)
    return namespace


@pytest.fixture
def stored(server: Server, people: str) -> Iterator[Any]:
    """Store an object; it is gone after the test."""
    made: list[Manifest] = []

    def store(manifest: Manifest, status: Manifest | None = None) -> Manifest:
        made.append(manifest)
        created: Manifest = server.create(manifest, people).raise_for_status().json()
        if status is None:
            return created
        answer = server.replace_status({**manifest, "status": status}, people, OPERATOR)
        changed: Manifest = answer.raise_for_status().json()
        return changed

    yield store
    for manifest in made:
        server.delete(manifest, people)


def _is_refused(answer: httpx.Response, said: str = "") -> bool:
    return (
        answer.status_code == httpx.codes.FORBIDDEN and "needs the verb activate" in answer.text and said in answer.text
    )


def _delete(server: Server, manifest: Manifest, namespace: str, user: str | None) -> httpx.Response:
    return server.send("DELETE", path_of(manifest, namespace), None, user)


@pytest.mark.parametrize(("before", "after", "fields"), [pytest.param(*row, id=name) for name, row in CHANGES.items()])
def test_what_is_served_is_changed_by_a_releaser_alone(
    server: Server, people: str, stored: Any, before: Manifest, after: Manifest, fields: str
) -> None:
    changed = {**stored(prompt("greeting", **before)), "spec": after}

    refused = server.replace(changed, people, AUTHOR)
    admitted = server.replace(changed, people, RELEASER)

    assert _is_refused(refused, f"Prompt greeting: {fields} changes what is served"), refused.text
    assert "the role promptops-releaser has it" in refused.text
    assert admitted.is_success, admitted.text


@pytest.mark.parametrize(("before", "after"), [pytest.param(*row, id=name) for name, row in HARMLESS.items()])
def test_what_changes_nothing_that_is_served_is_an_authors(
    server: Server, people: str, stored: Any, before: Manifest, after: Manifest
) -> None:
    answer = server.replace({**stored(prompt("greeting", **before)), "spec": after}, people, AUTHOR)

    assert answer.is_success, answer.text


def test_every_field_that_changes_what_is_served_is_tried() -> None:
    tried = {field for _, _, fields in CHANGES.values() for field in fields.split(", ")}

    assert tried == set(activation.fields())


@pytest.mark.parametrize(
    ("manifest", "is_authors"),
    [
        pytest.param(prompt("new"), True, id="a prompt that asks for nothing"),
        pytest.param(prompt("new", activeVersion="1.0.0"), False, id="a prompt that asks for a version"),
        pytest.param(sourced("new", "Hi"), False, id="a prompt that follows its source"),
        pytest.param(prompt("new", promptId="team/taken"), False, id="a prompt with an id"),
        pytest.param(version("new", "1.0.0", "Hi"), True, id="a version"),
    ],
)
def test_what_is_created(server: Server, people: str, manifest: Manifest, is_authors: bool) -> None:
    answer = server.create(manifest, people, AUTHOR)
    server.delete(manifest, people)

    assert answer.is_success == is_authors, answer.text
    assert is_authors or _is_refused(answer)


@pytest.mark.parametrize(
    "manifest",
    [pytest.param(prompt("greeting"), id="a prompt"), pytest.param(version("greeting", "1.0.0", "Hi"), id="a version")],
)
@pytest.mark.parametrize("when", ["created", "changed"])
def test_an_owner_is_no_way_to_have_it_deleted(
    server: Server, people: str, stored: Any, manifest: Manifest, when: str
) -> None:
    owned = {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [OWNER]}}
    if when == "changed":
        version_there = stored(manifest)["metadata"]["resourceVersion"]
        owned["metadata"]["resourceVersion"] = version_there
        answer = server.replace(owned, people, AUTHOR)
    else:
        answer = server.create(owned, people, AUTHOR)

    assert _is_refused(answer, "ownerReferences"), answer.text


@pytest.mark.parametrize(
    ("manifest", "status", "is_authors"),
    [
        pytest.param(prompt("old"), {}, True, id="a prompt that asks for nothing"),
        pytest.param(prompt("old", activeVersion="1.0.0"), {}, False, id="a prompt that asks for a version"),
        pytest.param(prompt("old"), {"serving": SERVING}, False, id="a prompt that serves all the same"),
        pytest.param(version("old", "1.0.0", "Hi"), {}, True, id="a version that nobody looked at"),
        pytest.param(version("old", "1.0.0", "Hi"), {"conditions": [{**IN_USE, "status": "False"}]}, True, id="a version not in use"),
        pytest.param(version("old", "1.0.0", "Hi"), {"conditions": [IN_USE]}, False, id="a version in use"),
        pytest.param(version("old", "1.0.0", "Hi"), {"conditions": [{**IN_USE, "reason": "Included"}]}, False, id="a version included by one in use"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("together", [False, True], ids=["by name", "with all others"])
def test_what_is_served_is_deleted_by_a_releaser_alone(
    server: Server, people: str, stored: Any, manifest: Manifest, status: Manifest, is_authors: bool, together: bool
) -> None:
    stored(manifest, status)
    collection = path_of(manifest, people).rpartition("/")[0]

    answer = server.send("DELETE", collection, None, AUTHOR) if together else _delete(server, manifest, people, AUTHOR)
    then = _delete(server, manifest, people, RELEASER)

    assert answer.is_success == is_authors, answer.text
    assert is_authors or _is_refused(answer, "deleting"), answer.text
    assert then.status_code == (404 if is_authors else 200)


@pytest.mark.parametrize("controller", CONTROLLERS)
@pytest.mark.parametrize(
    ("manifest", "status"),
    [
        pytest.param(prompt("old", activeVersion="1.0.0"), {"serving": SERVING}, id="a prompt"),
        pytest.param(version("old", "1.0.0", "Hi"), {"conditions": [IN_USE]}, id="a version"),
    ],
)
def test_what_the_cluster_cleans_up_goes(
    server: Server, people: str, stored: Any, controller: str, manifest: Manifest, status: Manifest
) -> None:
    stored(manifest, status)

    answer = _delete(server, manifest, people, f"system:serviceaccount:kube-system:{controller}")

    assert answer.is_success, answer.text


def test_a_namespace_goes_with_what_is_served_in_it(server: Server, people: str) -> None:
    doomed = f"{people}-doomed"
    server.send("POST", "/api/v1/namespaces", {"metadata": {"name": doomed}}).raise_for_status()
    for manifest in (prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "Hi")):
        server.create(manifest, doomed).raise_for_status()
    used = {**version("greeting", "1.0.0", "Hi"), "status": {"conditions": [IN_USE]}}
    server.replace_status(used, doomed, OPERATOR).raise_for_status()

    server.send("DELETE", f"/api/v1/namespaces/{doomed}", None).raise_for_status()

    wait_until(lambda: server.send("GET", f"/api/v1/namespaces/{doomed}", None).status_code == 404)


def test_the_operator_makes_and_removes_versions_that_belong_to_their_prompt(
    server: Server, people: str, stored: Any
) -> None:
    # A real owner: of what belongs to nothing, garbage collection makes short work.
    uid = stored(prompt("greeting"))["metadata"]["uid"]
    owner = {"apiVersion": API_VERSION, "kind": "Prompt", "name": "greeting", "uid": uid}
    made = version("greeting", "1.0.0", "Hi")
    made["metadata"] |= {"ownerReferences": [owner], "labels": {GENERATED_LABEL: "true"}}

    created = server.create(made, people, OPERATOR)
    used = {**version("greeting", "1.0.0", "Hi"), "status": {"conditions": [IN_USE]}}
    server.replace_status(used, people, OPERATOR).raise_for_status()
    deleted = _delete(server, made, people, OPERATOR)

    assert (created.status_code, deleted.status_code) == (201, 200), created.text


def test_the_audit_log_says_who_activated_what(server: Server, people: str, stored: Any) -> None:
    begin = position(server.plane)
    first = stored(prompt("audited"))
    for spec in ({"activeVersion": "1.0.0"}, {"activeVersion": "1.1.0"}, {"activeVersion": "1.1.0", "disabled": True}):
        first = server.replace({**first, "spec": spec}, people, RELEASER).raise_for_status().json()
    server.replace({**first, "spec": {"activeVersion": "1.0.0"}}, people, AUTHOR)
    _delete(server, first, people, RELEASER).raise_for_status()

    assert _audited(server, begin) == [
        (RELEASER, 200, "nothing -> 1.0.0", "activeVersion"),
        (RELEASER, 200, "1.0.0 -> 1.1.0", "activeVersion"),
        (RELEASER, 200, "1.1.0 -> disabled", "disabled"),
        (AUTHOR, 403, "disabled -> 1.0.0", "activeVersion, disabled"),
        (RELEASER, 200, "disabled -> deleted", "activeVersion, disabled"),
    ]


def _audited(server: Server, begin: int) -> list[tuple[str, int, str | None, str | None]]:
    """Return who changed the prompt `audited`, how that ended, and what the policy noted."""
    about = [each for each in audited(server.plane, begin) if each.get("objectRef", {}).get("name") == "audited"]
    return [
        (each["impersonatedUser"]["username"], each["responseStatus"]["code"], *_noted(each["annotations"]))
        for each in about
        if "impersonatedUser" in each and each["verb"] in ("update", "delete")
    ]


def _noted(annotations: Manifest) -> tuple[str | None, str | None]:
    return annotations.get(f"{activation.ACTIVATION}/activation"), annotations.get(f"{activation.ACTIVATION}/changed")


def test_a_reference_is_tried_with_a_source_that_is_read(server: Server, people: str, stored: Any) -> None:
    """A source that names a ConfigMap is one that is followed as any other."""
    before = stored(prompt("greeting"))

    answer = server.replace({**before, "spec": {"source": reading("words")}}, people, AUTHOR)

    assert _is_refused(answer, "source")
