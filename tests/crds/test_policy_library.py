"""The library of policies as the folder that people apply: what each refuses, what it lets through, and what it only says."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.crds.server import Server
from tests.support.manifests import Manifest, prompt, reading, version
from tests.support.waiting import wait_until

FOLDER = Path(__file__).parents[2] / "manifests" / "policy-library"
POLICIES = sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "kustomization")
DIGEST = f"sha256:{'0' * 64}"
TESTS = [{"name": "polite", "variables": {}, "expect": [{"contains": "Hi"}]}]


def declaring(**variable: Any) -> Manifest:
    """A content with one variable."""
    return {"text": "Hi {{ name }}", "variables": [{"name": "name", "type": "string", **variable}]}


def sourced(content: Manifest) -> Manifest:
    """A Prompt that nothing in the library objects to but what is in its source."""
    source = {"content": content, "tests": TESTS}
    return prompt("greeting", activeVersion="1.0.0", activeDigest=DIGEST, fallback={"text": "Hi"}, source=source)


def without(made: Manifest, *path: str) -> Manifest:
    """The same without a field of its spec."""
    first, *rest = path
    if not rest:
        return made | {"spec": {key: value for key, value in made["spec"].items() if key != first}}
    return made | {"spec": made["spec"] | {first: without({"spec": made["spec"][first]}, *rest)["spec"]}}


GOOD = sourced(declaring())
GOOD_VERSION = version("greeting", "1.0.0", declaring(), tests=TESTS)

REFUSED = {
    "require-tests": {
        "a source without tests": without(GOOD, "source", "tests"),
        "a ConfigMap's text without tests": GOOD | {"spec": GOOD["spec"] | {"source": reading("texts")}},
        "a version without tests": without(GOOD_VERSION, "tests"),
    },
    "require-digest": {"a number alone": without(GOOD, "activeDigest")},
    "require-pinned-version": {"a source that is followed": without(without(GOOD, "activeVersion"), "activeDigest")},
    "require-fallback": {"nothing that stands in": without(GOOD, "fallback")},
    "forbid-raw-unicode": {
        "in a source": sourced(declaring(unicode="raw")),
        "in a version": version("greeting", "1.0.0", declaring(unicode="raw"), tests=TESTS),
    },
    "forbid-trusted-variables": {
        "in a source": sourced(declaring(trust="trusted")),
        "in a version": version("greeting", "1.0.0", declaring(trust="trusted"), tests=TESTS),
    },
}  # fmt: skip
ADMITTED = {
    "all that is asked for": GOOD,
    "all that is asked for, in a version": GOOD_VERSION,
    "no source": without(GOOD, "source"),
    "nothing to serve yet": prompt("greeting", fallback={"text": "Hi"}),
    "no variable": sourced({"text": "Hi"}),
    "the default, written down": sourced(declaring(unicode="text", trust="untrusted")),
    "a text that only speaks of it": sourced({"text": "unicode: raw, trust: trusted"}),
}


def answered(server: Server, made: Manifest, namespace: str) -> httpx.Response:
    """Create an object; it does not stay."""
    answer = server.create(made, namespace)
    server.delete(made, namespace)
    return answer


def said_by(policy: str) -> str:
    return f"ValidatingAdmissionPolicy 'promptops-library-{policy}'"


def until_known(server: Server, row: Manifest, namespaces: dict[str, str]) -> None:
    """Wait until both bindings of the policy that a row is about count."""
    wait_until(
        lambda: answered(server, row, namespaces["deny"]).status_code == httpx.codes.UNPROCESSABLE_ENTITY, str(row)
    )
    wait_until(lambda: "warning" in answered(server, row, namespaces["warn"]).headers, str(row))


@pytest.fixture(scope="module")
def library(server: Server) -> Iterator[dict[str, str]]:
    """Namespaces by what their label says, once every policy is heard of."""
    server.plane.kubectl("apply", "--server-side", "-k", str(FOLDER))
    made = {label: f"library-{label}-{secrets.token_hex(4)}" for label in ("deny", "warn", "none")}
    for label, name in made.items():
        labels = {} if label == "none" else {"promptops.io/policy-library": label}
        server.send("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}).raise_for_status()
    for rows in REFUSED.values():
        until_known(server, next(iter(rows.values())), made)
    yield made
    server.plane.kubectl("delete", "--wait=false", "-k", str(FOLDER))


def test_every_policy_is_tried_and_listed() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]

    assert list(REFUSED.keys() ^ set(POLICIES)) == []
    assert listed == [f"{policy}.yaml" for policy in POLICIES]


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("policy", "row"),
    [pytest.param(policy, row, id=f"{policy}: {name}") for policy, rows in REFUSED.items() for name, row in rows.items()],
)  # fmt: skip
def test_what_a_policy_refuses(server: Server, library: dict[str, str], policy: str, row: Manifest) -> None:
    refused = answered(server, row, library["deny"])
    warned = answered(server, row, library["warn"])
    elsewhere = answered(server, row, library["none"])

    assert (refused.status_code, refused.json()["message"].count(said_by(policy))) == (422, 1), refused.text
    assert refused.json()["message"].count("ValidatingAdmissionPolicy") == 1
    assert warned.is_success
    assert said_by(policy) in warned.headers["warning"].replace("Validation failed for ", "")
    assert elsewhere.is_success
    assert "warning" not in elsewhere.headers


@pytest.mark.cluster
@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ADMITTED.items()])
def test_what_all_policies_let_through(server: Server, library: dict[str, str], row: Manifest) -> None:
    admitted = answered(server, row, library["deny"])
    warned = answered(server, row, library["warn"])

    assert admitted.is_success, admitted.text
    assert "warning" not in warned.headers


@pytest.fixture
def there_before(server: Server, library: dict[str, str]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """A namespace, and in it a Prompt and a version that the whole library objects to: they are older than its label."""
    name, path = f"library-older-{secrets.token_hex(4)}", "/api/v1/namespaces"
    server.send("POST", path, {"metadata": {"name": name}}).raise_for_status()
    bad = declaring(unicode="raw", trust="trusted")
    stored = server.create(prompt("greeting", source={"content": bad}), name).raise_for_status().json()
    number = server.create(version("greeting", "1.0.0", bad), name).raise_for_status().json()
    server.plane.kubectl("label", "namespace", name, "promptops.io/policy-library=deny")
    wait_until(lambda: answered(server, prompt("other"), name).status_code == httpx.codes.UNPROCESSABLE_ENTITY)
    yield name, stored, number
    server.plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.cluster
def test_what_is_there_can_be_stopped_and_archived(
    server: Server, there_before: tuple[str, Manifest, Manifest]
) -> None:
    namespace, stored, number = there_before
    stopped = server.replace(stored | {"spec": stored["spec"] | {"disabled": True}}, namespace)
    archived = server.replace(number | {"spec": number["spec"] | {"lifecycle": "Archived"}}, namespace)
    worse = stopped.json()["spec"] | {"source": {"content": declaring(unicode="raw", description="me")}}
    edited = server.replace(stopped.json() | {"spec": worse}, namespace)

    assert stopped.is_success, stopped.text
    assert archived.is_success, archived.text
    assert edited.status_code == 422
