"""What is wrong with an object, by itself and against what it was."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.review import review
from tests.support.manifests import manifest, sourced, tenant, version

CHANGED = (
    "it cannot be changed: create a new version, or keep the content in the Prompt's spec.source while you edit it"
)


@pytest.mark.parametrize(
    ("object", "said"),
    [
        pytest.param(sourced("a", "Hi"), [], id="a sound prompt"),
        pytest.param(version("a", "1.0.0", "Hi"), [], id="a sound version"),
        pytest.param(tenant("acme", "acme-dev"), [], id="a sound tenant"),
        pytest.param(sourced("a", "Hi") | {"status": {"phase": "anything"}}, [], id="status is nobody's to write"),
        pytest.param(manifest("Prompt", "a", activ="1"), ["spec.activ"], id="unknown field"),
        pytest.param(manifest("Prompt", "a.b"), [""], id="a name with a dot"),
        pytest.param(version("a", "1.0.0", "{{ x }}"), ["spec.content.text"], id="undeclared variable in a version"),
        pytest.param(sourced("a", "{{ x }}"), ["spec.source.content.text"], id="undeclared variable in a source"),
        pytest.param(sourced("a", "Hi", fallback={"text": "Ho"}), [], id="a text that stands in"),
        pytest.param(
            sourced("a", "Hi", fallback={"text": "{{ x }}"}),
            ["spec.fallback.text"],
            id="a variable in a text that stands in",
        ),
        pytest.param(manifest("Prompt", "a", fallback={}), ["spec.fallback"], id="nothing stands in"),
        pytest.param(tenant("acme", "kube-system"), ["spec"], id="a tenant of the cluster's namespaces"),
        pytest.param(tenant("acme", "acme-dev", "acme-dev"), ["spec"], id="a tenant that names a namespace twice"),
        pytest.param(
            manifest("Tenant", "acme", namespaces=["acme-dev"], values={"company": "Acme", "Company": "Acme"}),
            ["spec.values.'Company'"],
            id="a value that fills nothing",
        ),
        pytest.param({"kind": "Prompt"}, [""], id="no apiVersion"),
        pytest.param({"apiVersion": "promptops.io/v2", "kind": "Prompt"}, ["kind"], id="unknown version"),
    ],
)
def test_an_object_by_itself(object: dict[str, Any], said: list[str]) -> None:
    assert [finding.path for finding in review(object)] == said


def accepting(object: dict[str, Any], reasons: str) -> dict[str, Any]:
    """The object, whose author has read the warnings for these reasons."""
    return object | {"metadata": object["metadata"] | {"annotations": {"promptops.io/accept": reasons}}}


ANYTHING = {"text": "{{ x | tojson }}{{ y }}", "variables": [{"name": "x", "type": "list"}]}
NAMES_NOTHING = "accepts nothing, for no finding has the reason 'UndeclaredShap': write it as promptops check does"


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        pytest.param("", ["UndeclaredVariable", "UndeclaredShape"], id="nothing"),
        pytest.param("UndeclaredShape", ["UndeclaredVariable"], id="a warning"),
        pytest.param(" EmptyText , UndeclaredShape,", ["UndeclaredVariable"], id="several warnings"),
        pytest.param("UndeclaredVariable", ["UndeclaredVariable", "UndeclaredShape"], id="an error, in vain"),
        pytest.param(
            "UndeclaredShap", ["UndeclaredVariable", "UndeclaredShape", "InvalidSpec"], id="a misspelt reason"
        ),
    ],
)
@pytest.mark.parametrize("object", [sourced("a", ANYTHING), version("a", "1.0.0", ANYTHING)], ids=["source", "version"])
def test_a_warning_can_be_accepted(object: dict[str, Any], reasons: str, said: list[str]) -> None:
    found = review(accepting(object, reasons))

    assert [each.reason for each in found] == said
    assert all(each.message == NAMES_NOTHING for each in found if each.reason == "InvalidSpec")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(version("a", "1.0.0", "Hi"), version("a", "1.0.0", "Hi"), [], id="nothing changed"),
        pytest.param(version("a", "1.0.0", "Hi"), version("a", "1.0.0", "Ho"), [("spec.content", CHANGED)], id="content"),
        pytest.param(version("a", "1.0.0", "Hi"), version("a", "1.0.0", "Hi", author="x"), [("spec.author", CHANGED)], id="an optional field added"),
        pytest.param(version("a", "1.0.0", "Hi"), version("a", "1.0.0", "Hi", lifecycle="Archived"), [], id="lifecycle"),
        pytest.param(sourced("a", "Hi"), sourced("a", "Ho"), [], id="a source"),
        pytest.param(sourced("a", "Hi", promptId="x"), sourced("a", "Hi"), [("spec.promptId", "it cannot be changed or removed once set: applications ask by it")], id="an id removed"),
        pytest.param(sourced("a", "Hi"), sourced("a", "Hi", promptId="x"), [], id="an id given"),
    ],
)  # fmt: skip
def test_an_object_against_what_it_was(old: dict[str, Any], new: dict[str, Any], said: list[tuple[str, str]]) -> None:
    assert [(finding.path, finding.message) for finding in review(new, old)] == said
