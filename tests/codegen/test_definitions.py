"""What holds for every definition, whatever fields come: the traps that immutability and digests depend on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from promptops.api.v1alpha1.prompt_version import PromptVersionSpec
from promptops.api.v1alpha1.schema import Kind, Model
from promptops.codegen import crds, manifests, policies

Schema = dict[str, Any]
DEFINITIONS = {crd["spec"]["names"]["kind"]: crd for crd in crds.definitions()}


def _root(kind: str) -> Schema:
    root: Schema = DEFINITIONS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return root


def _nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from _nodes(field, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _nodes(schema[key], f"{path}[]")


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_every_field_of_a_spec_and_status_explains_itself(kind: str) -> None:
    parts = [(part, _root(kind)["properties"][part]) for part in ("spec", "status")]

    unexplained = [
        path
        for part, schema in parts
        for path, node in _nodes(schema, part)
        if not path.endswith("[]") and "description" not in node
    ]

    assert unexplained == []


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_lists_are_atomic_and_nothing_is_nullable(kind: str) -> None:
    for path, node in _nodes(_root(kind), kind):
        assert "nullable" not in node, path
        assert node.get("type") != "array" or node["x-kubernetes-list-type"] == "atomic", path


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_free_json_has_no_type(kind: str) -> None:
    for path, node in _nodes(_root(kind), kind):
        assert "x-kubernetes-preserve-unknown-fields" not in node or "type" not in node, path


@pytest.mark.parametrize(
    ("kind", "path"), [("PromptVersion", ["content"]), ("Prompt", ["source", "content"])], ids=["version", "source"]
)
def test_content_has_no_defaults(kind: str, path: list[str]) -> None:
    node = _root(kind)["properties"]["spec"]
    for name in path:
        node = node["properties"][name]

    assert [place for place, each in _nodes(node, "content") if "default" in each] == []


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_new_object_is_in_progress(kind: str) -> None:
    status = _root(kind)["properties"]["status"]

    assert status["default"] == {"observedGeneration": -1}
    assert [path for path, node in _nodes(status, "status") if "default" in node] == ["status"]


def test_every_field_of_a_version_that_is_part_of_it_is_locked_twice() -> None:
    spec = _root("PromptVersion")["properties"]["spec"]
    fields = set(spec["properties"]) - {"lifecycle", "signatures"}

    by_schema = {rule["message"].split()[0] for rule in spec["x-kubernetes-validations"]}
    by_policy = {rule["message"].split()[0] for rule in policies.policies("releaser")[0]["spec"]["validations"]}

    assert fields == by_schema == by_policy == set(PromptVersionSpec.fixed_fields())


def test_every_rule_over_one_object_can_be_held_without_an_api_server() -> None:
    rules = [rule for model in _models() for rule in model.rules()]

    assert rules
    for rule in rules:
        assert (rule.holds is None) == ("oldSelf" in rule.rule), rule.rule


def _models() -> Iterator[type[Model]]:
    # Kind is what the kinds have in common and has no names of its own.
    return (each for each in _subclasses(Model) if each.__module__.startswith("promptops.") and each is not Kind)


def _subclasses(model: type[Model]) -> Iterator[type[Model]]:
    for each in model.__subclasses__():
        yield each
        yield from _subclasses(each)


def test_no_field_names_a_secret_or_another_namespace() -> None:
    specs = (_root(kind)["properties"]["spec"] for kind in DEFINITIONS)
    names = {path.rsplit(".", 1)[-1] for spec in specs for path, _ in _nodes(spec, "spec")}

    assert not names & {"namespace", "secret", "secretRef", "secretKeyRef", "serviceAccountName", "url", "tenant"}


def test_an_installation_is_in_the_order_to_apply_it() -> None:
    kinds = list(dict.fromkeys(manifest["kind"] for manifest in manifests("elsewhere")))

    assert kinds == [
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "Namespace",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    ]


def test_an_installation_lives_in_the_given_namespace() -> None:
    installed = manifests("elsewhere")

    namespaces = {m["metadata"]["namespace"] for m in installed if "namespace" in m["metadata"]}
    subjects = {subject["namespace"] for m in installed for subject in m.get("subjects", ())}
    assert namespaces == subjects == {"elsewhere"}
