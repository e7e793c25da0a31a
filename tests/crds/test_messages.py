"""Whoever is refused reads words, however much he wrote: the API server says CEL where an expression's words are dropped.

Each row is asked twice: of the policies as they are generated, and of those whose expressions give what is dropped.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptops import codegen
from promptops.api.limits import (
    MAX_LABEL_CHARACTERS,
    MAX_OBJECT_NAME_CHARACTERS,
    MAX_PROMPT_ID_CHARACTERS,
    MAX_VERSION_CHARACTERS,
)
from promptops.codegen import activation, claims, projections, references
from promptops.codegen.policy import listed, policy, quoted, refusal
from promptops.dev.plane import Plane
from tests.crds.server import OPERATOR, OPERATOR_NAMESPACE, Server, path_of
from tests.support.manifests import Manifest, many, prompt, reading, tenant, version
from tests.support.waiting import wait_until

NAMESPACE = "default"
AUTHOR, RELEASER = "ann-author", "rob-releaser"
LIBRARY = Path(__file__).parents[2] / "manifests" / "policy-library"
VERSIONS = "promptversions.promptops.io"
"""The definition, whose rules are the schema's."""
DROPPED = "a\nb"
EXPRESSION = "failed expression"
"""What the API server says when it has no words."""


def long(begin: str, size: int = MAX_OBJECT_NAME_CHARACTERS) -> str:
    """A name as long as it may be."""
    return begin + "x" * (size - len(begin))


def config_maps(count: int) -> list[str]:
    """The longest names of ConfigMaps, which the projections of the longest Prompt may have."""
    return [long(f"{PROMPT}-{number}-") for number in range(count)]


PROMPT, IDLE = long("prompt-", MAX_LABEL_CHARACTERS), long("idle-", MAX_LABEL_CHARACTERS)
NUMBER = long("1.0.0-", MAX_VERSION_CHARACTERS)
HOLDER = long("holder-")
TAKEN = [long(f"taken-{number}-", MAX_LABEL_CHARACTERS) for number in range(100)]
*OPEN, CLOSED = config_maps(9)
"""The first eight are readable and writable by the releaser."""
VARIABLES = [long(f"variable_{number}_", MAX_LABEL_CHARACTERS) for number in range(100)]
NEEDS = "needs the verb activate on prompts.promptops.io"
IN_USE = {"type": "InUse", "status": "True", "reason": "InUse", "message": ".", "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": long("owner-"), "uid": "9f0d1f6a-0000-4000-8000-000000000000"}
SERVED = prompt(PROMPT, activeVersion=NUMBER)
USED = version(PROMPT, NUMBER, "Hi")
BROKEN_PROMPT = version(f"a\n\r{'b' * 60}", "1.0.0", "Hi") | {"metadata": {"name": "a-1.0.0"}}
BROKEN_NUMBER = version("a", "1.0.0\n", "Hi") | {"metadata": {"name": "a-1.0.0"}}
CHANGED: Manifest = {
    "promptId": "p" * MAX_PROMPT_ID_CHARACTERS,
    "activeDigest": f"sha256:{'a' * 64}",
    "acceptBreaking": NUMBER,
    "source": {"content": {"text": "x" * 60_000}},
    "valuesFrom": [{"configMapName": name} for name in OPEN],
    "maxStaleness": "90s",
    "fallback": {"text": "Hi"},
    "projections": [{"configMap": name, "key": long("k")} for name in OPEN],
    "disabled": True,
}


@dataclass(frozen=True)
class Row:
    """A request that is refused, and the words of the refusal: with what was written, and without."""

    by: str
    """The policy, or the definition."""
    asked: Manifest
    said: str
    message: str
    verb: str = "POST"
    user: str | None = None


def declaring(**variable: str) -> Manifest:
    """A content with as many variables as there may be, all with the longest names."""
    return {"text": "Hi", "variables": [{"name": name, "type": "string", **variable} for name in VARIABLES]}


def named(names: list[str]) -> str:
    """What is said of a hundred names."""
    return f"{names[0]}, {names[1]}, {names[2]} and 97 more"


def valued(*names: str) -> Manifest:
    """A Prompt that takes its values from ConfigMaps."""
    return prompt(long("new-", MAX_LABEL_CHARACTERS), valuesFrom=[{"configMapName": name} for name in names])


def projected(*names: str) -> Manifest:
    """A Prompt that is written into ConfigMaps."""
    return prompt(PROMPT, projections=[{"configMap": name, "key": long("k")} for name in names])


ROWS = {
    "all namespaces are another Tenant's": Row(
        claims.CLAIMS, tenant(long("late-"), *TAKEN),
        f"Tenant {HOLDER} claims {named(TAKEN)} already: a namespace has one tenant", "another Tenant claims some of spec.namespaces already",
    ),
    "every field changes": Row(
        activation.ACTIVATION, prompt(PROMPT, **CHANGED) | {"metadata": {"name": PROMPT, "ownerReferences": [OWNER]}},
        f"Prompt {PROMPT}: promptId, activeVersion, activeDigest, acceptBreaking, source, valuesFrom, maxStaleness, fallback, projections, disabled, ownerReferences"
        " changes what is served", f"this changes what the Prompt serves, or withdraws it, which {NEEDS}: the role promptops-releaser has it", "PUT", AUTHOR,
    ),
    "a Prompt is deleted": Row(
        activation.ACTIVATION, SERVED, f"deleting Prompt {PROMPT} withdraws it from whoever renders it, which {NEEDS} {PROMPT}",
        f"this changes what the Prompt serves, or withdraws it, which {NEEDS}", "DELETE", AUTHOR,
    ),
    "a version in use is deleted": Row(
        activation.IN_USE, USED, f"deleting PromptVersion {PROMPT}-{NUMBER} withdraws what is served, which {NEEDS} {PROMPT}",
        f"deleting a PromptVersion that is in use withdraws what is served, which {NEEDS}: the role promptops-releaser has it", "DELETE", AUTHOR,
    ),
    "a version gets an owner": Row(
        activation.IN_USE, version(IDLE, NUMBER, "Hi") | {"metadata": {"name": f"{IDLE}-{NUMBER}", "ownerReferences": [OWNER]}},
        f"PromptVersion {IDLE}-{NUMBER}: ownerReferences have it deleted with what they name, which {NEEDS} {IDLE}",
        f"ownerReferences of a PromptVersion have it deleted with what they name, which {NEEDS}", "POST", AUTHOR,
    ),
    "a source that one may not read": Row(
        references.REFERENCES, prompt(IDLE, source=reading(CLOSED)), f"spec.source.configMapKeyRef.name names the ConfigMap {CLOSED}, which you may not get",
        "spec.source.configMapKeyRef.name names a ConfigMap that you may not get", "POST", RELEASER,
    ),
    "values that one may not read": Row(
        references.REFERENCES, valued(CLOSED), f"spec.valuesFrom[0].configMapName names the ConfigMap {CLOSED}, which you may not get",
        "spec.valuesFrom[0].configMapName names a ConfigMap that you may not get", "POST", RELEASER,
    ),
    "the last values": Row(
        references.REFERENCES, valued(*OPEN[:7], CLOSED), f"spec.valuesFrom[7].configMapName names the ConfigMap {CLOSED}, which you may not get",
        "spec.valuesFrom[7].configMapName names a ConfigMap that you may not get", "POST", RELEASER,
    ),
    "a ConfigMap that one may not write": Row(
        projections.PROJECTIONS, projected(CLOSED), f"spec.projections[0] has the operator write the ConfigMap {CLOSED}, which you may not update",
        "spec.projections[0] has the operator write a ConfigMap that you may not update", "PUT", RELEASER,
    ),
    "the last of them": Row(
        projections.PROJECTIONS, projected(*OPEN[:7], CLOSED), f"spec.projections[7] has the operator write the ConfigMap {CLOSED}, which you may not update",
        "spec.projections[7] has the operator write a ConfigMap that you may not update", "PUT", RELEASER,
    ),
    "all variables are trusted": Row(
        "promptops-library-forbid-trusted-variables", version(IDLE, NUMBER, declaring(trust="trusted")),
        f"trusts its callers in {named(VARIABLES)}: remove trust: trusted", "trusts its callers in a variable: remove trust: trusted",
    ),
    "all variables are raw": Row(
        "promptops-library-forbid-raw-unicode", version(IDLE, NUMBER, declaring(unicode="raw")),
        f"lets hidden characters through in {named(VARIABLES)}: remove unicode: raw", "lets hidden characters through in a variable: remove unicode: raw",
    ),
    "a version's prompt has line breaks": Row(
        VERSIONS, BROKEN_PROMPT,
        f"the name must be a  {'b' * 60}-1.0.0: the name of the prompt, a dash, and the version", "the name must be the prompt's, a dash, and the version",
    ),
    "a version's name has line breaks in its number": Row(
        VERSIONS, BROKEN_NUMBER,
        "the name must be a-1.0.0 : the name of the prompt, a dash, and the version", "the name must be the prompt's, a dash, and the version",
    ),
}  # fmt: skip


def worded(node: Any) -> Iterator[Manifest]:
    """Yield every rule with an expression for its words, of a policy or of a schema."""
    if isinstance(node, dict):
        if isinstance(node.get("messageExpression"), str):
            yield node
        node = list(node.values())
    if isinstance(node, list):
        yield from itertools.chain.from_iterable(map(worded, node))


def library() -> Iterator[Manifest]:
    """Yield the policies of the library that word an expression: the others would be heard before them."""
    for path in sorted(LIBRARY.glob("*.yaml")):
        manifests = list(yaml.safe_load_all(path.read_text()))
        yield from manifests if any(worded(manifests)) else ()


def installation() -> list[Manifest]:
    """Everything with rules that a cluster gets, the library included."""
    return [*copy.deepcopy(codegen.manifests(OPERATOR_NAMESPACE)), *library()]


WORDED = {manifest["metadata"]["name"]: tuple(worded(manifest)) for manifest in installation() if any(worded(manifest))}


@pytest.mark.parametrize("name", WORDED)
def test_every_rule_with_an_expression_has_a_message_beside_it(name: str) -> None:
    assert [rule for rule in WORDED[name] if not rule.get("message", "").strip()] == []


def test_everything_that_words_an_expression_is_tried() -> None:
    assert {row.by for row in ROWS.values()} == WORDED.keys()


@pytest.fixture(scope="module")
def ground(file_plane: Plane) -> Server:
    """A plane of the file's own with the objects that the rows are about, and people with some rights."""
    server = Server(file_plane)
    server.install(codegen.manifests(OPERATOR_NAMESPACE))
    _give(server)
    server.plane.kubectl("label", "namespace", NAMESPACE, "promptops.io/policy-library=deny")
    for manifest in (tenant(HOLDER, *TAKEN), SERVED, USED):
        server.create(manifest, NAMESPACE).raise_for_status()
    server.replace_status({**USED, "status": {"conditions": [IN_USE]}}, NAMESPACE, OPERATOR).raise_for_status()
    return server


def _give(server: Server) -> None:
    """Let both write prompts, and some ConfigMaps; one of them may activate."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": OPEN, "verbs": ["get", "update"]}]
    role = {"metadata": {"name": "some-config-maps"}, "rules": rules}
    server.send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", role).raise_for_status()
    for user, roles in ((AUTHOR, ("promptops-author",)), (RELEASER, ("promptops-author", "promptops-releaser"))):
        for each in (*roles, "some-config-maps"):
            server.bind(NAMESPACE, user, each)


@pytest.fixture(scope="module", params=["as generated", "with the expressions dropped"])
def words(request: pytest.FixtureRequest, ground: Server) -> tuple[Server, bool]:
    """The server, and whether what the expressions give is heard."""
    is_heard = request.param == "as generated"
    ruled = [manifest for manifest in installation() if manifest["kind"] in _RULED]
    if not is_heard:
        for rule in itertools.chain.from_iterable(map(worded, ruled)):
            rule["messageExpression"] = repr(DROPPED)
    ground.plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=many(*ruled))
    # Policies and definitions take a moment to be heard of.
    for row in ROWS.values():
        wait_until(partial(_is_settled, ground, row, is_heard), partial(_answer, ground, row))
    return ground, is_heard


_RULED = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "CustomResourceDefinition")


def _is_settled(server: Server, row: Row, is_heard: bool) -> bool:
    status, said = _answer(server, row)
    return status >= 400 and row.by in (VERSIONS, *_policies_in(said)) and (is_heard or row.said not in said)


def _policies_in(said: str) -> list[str]:
    return said.split("'")[1::2]


def _answer(server: Server, row: Row) -> tuple[int, str]:
    """Ask, so that nothing comes of it; return the status and what is said."""
    path, asked = path_of(row.asked, NAMESPACE), copy.deepcopy(row.asked)
    if row.verb == "POST":
        path = path.rpartition("/")[0]
    if row.verb == "PUT":
        asked["metadata"]["resourceVersion"] = server.client.get(path).json()["metadata"]["resourceVersion"]
    answer = server.send(row.verb, f"{path}?dryRun=All", None if row.verb == "DELETE" else asked, row.user)
    return answer.status_code, answer.json().get("message", "")


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items()])
def test_what_is_refused_is_refused_in_words(words: tuple[Server, bool], row: Row) -> None:
    server, is_heard = words

    _, said = _answer(server, row)

    assert (row.said if is_heard else row.message) in said
    assert EXPRESSION not in said


QUOTING = "tests-quoting"
CUT = "x" * MAX_OBJECT_NAME_CHARACTERS


@pytest.fixture(scope="module")
def quoting(ground: Server) -> Server:
    """A plane that refuses every ConfigMap with the key `text`, and quotes and lists what is in it."""
    matched = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    listing = listed("object.data.text.split(',')")
    rule = refusal(
        "!has(object.data.text)", "dropped", expression=f"'<' + {quoted('object.data.text')} + '> <' + {listing} + '>'"
    )
    made = policy(QUOTING, {"resourceRules": [matched]}, {"validations": [rule]})
    ground.plane.kubectl("apply", "--server-side", "-f", "-", input=many(*made))
    wait_until(lambda: bool(_quoted(ground, "a")))
    return ground


def _quoted(server: Server, text: str) -> str:
    written = {"metadata": {"name": "quoted"}, "data": {"text": text}}
    answer = server.send("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps?dryRun=All", written)
    return "" if answer.is_success else str(answer.json()["message"]).rpartition("denied request: ")[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "<> <>", id="nothing"),
        pytest.param("a", "<a> <a>", id="one"),
        pytest.param("a,b,c", "<a,b,c> <a, b, c>", id="as many as are listed"),
        pytest.param("a,b,c,d", "<a,b,c,d> <a, b, c and 1 more>", id="one more"),
        pytest.param("a\nb\r\nc", "<a b  c> <a b  c>", id="line breaks"),
        pytest.param(CUT, f"<{CUT}> <{CUT}>", id="as long as a name"),
        pytest.param(f"{CUT}y", f"<{CUT}...> <{CUT}...>", id="longer than a name"),
        pytest.param(",".join([f"\n{'🎈' * 999}"] * 9), f"> < {'🎈' * 252}..., ", id="the longest in bytes"),
        pytest.param("\n\r" * 60_000, "<" + " " * 253 + "...>", id="line breaks alone"),
    ],
)  # fmt: skip
def test_what_is_written_is_quoted_on_one_line_and_cut(quoting: Server, text: str, said: str) -> None:
    assert said in _quoted(quoting, text)
