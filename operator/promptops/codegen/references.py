"""Where our kinds name other objects, found in their schemas: who may refer to a ConfigMap, and what kustomize has to rename."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from promptops.api.v1alpha1 import Prompt
from promptops.codegen import crds
from promptops.codegen.policy import WRITES, named, our_kinds, policy, quoted, refusal
from promptops.codegen.structural import Schema

Manifest = dict[str, Any]

REFERENCES: Final = "promptops-references"

_NAMES: Final = {
    ("configMapKeyRef", "name"): "ConfigMap",
    ("configMapName",): "ConfigMap",
    ("promptRef", "name"): "Prompt",
}
"""How a field is spelled that holds the name of another object, and of what kind that is."""


@dataclass(frozen=True)
class NameReference:
    """A field that holds the name of another object in the same namespace."""

    kind: str
    """Of the object that has the field."""
    to: str
    """The kind that is named."""
    path: tuple[str, ...]
    """From the root of the object."""
    lists: tuple[tuple[int, int], ...] = ()
    """Which steps are lists, and how many items each has at most."""


def references() -> tuple[NameReference, ...]:
    """Return every reference of every kind."""
    found: list[NameReference] = []
    for crd in crds.definitions():
        root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        found += _within(crd["spec"]["names"]["kind"], root["properties"]["spec"], ("spec",), ())
    return tuple(found)


def _within(
    kind: str, schema: Schema, path: tuple[str, ...], lists: tuple[tuple[int, int], ...]
) -> Iterator[NameReference]:
    if schema.get("type") == "array":
        yield from _within(kind, schema["items"], path, (*lists, (len(path) - 1, schema["maxItems"])))
    for name, field in schema.get("properties", {}).items():
        here = (*path, name)
        for spelling, to in _NAMES.items():
            if here[-len(spelling) :] == spelling:
                yield NameReference(kind, to, here, lists)
        yield from _within(kind, field, here, lists)


def policies() -> tuple[Manifest, ...]:
    """Return the policy on ConfigMaps that a Prompt names, and its binding: the operator reads for nobody what he may not read."""
    read = [each for each in references() if each.to == "ConfigMap"]
    if strange := [each for each in read if each.kind != Prompt.NAMES.kind]:
        raise ValueError(f"the policy looks at Prompts alone, and these refer to ConfigMaps too: {strange}")
    variables = {"untouched": "oldObject != null && object.spec == oldObject.spec"}
    # One validation each: what an expression may cost is spent after two questions to the authorizer.
    validations = [validation for reference in read for validation in _readable(reference)]
    rules = {"variables": named(variables), "validations": validations}
    return policy(REFERENCES, our_kinds(WRITES, [Prompt.NAMES.plural]), rules)


def _readable(reference: NameReference) -> Iterator[Manifest]:
    if not reference.lists:
        name = f"object.{_optional(reference.path)}"
        yield _may_get(f"!{name}.hasValue()", f"{name}.value()", ".".join(reference.path))
        return
    ((step, most),) = reference.lists
    listed = f"object.{_optional(reference.path[: step + 1])}.orValue([])"
    for place in range(most):
        item = ".".join((f"{listed}[{place}]", *reference.path[step + 1 :]))
        said = f"{'.'.join(reference.path[: step + 1])}[{place}].{'.'.join(reference.path[step + 1 :])}"
        yield _may_get(f"size({listed}) <= {place}", item, said)


def _may_get(absent: str, name: str, field: str) -> Manifest:
    get = f"authorizer.group('').resource('configmaps').namespace(object.metadata.namespace).name({name}).check('get')"
    advice = (
        "you may not get: what is served from it would tell you."
        " Ask for the verb get on that ConfigMap, or have somebody apply the Prompt who has it"
    )
    return refusal(
        f"variables.untouched || {absent} || {get}.allowed()",
        f"{field} names a ConfigMap that {advice}",
        expression=f"'{field} names the ConfigMap ' + {quoted(name)} + ', which {advice}'",
    )


def _optional(path: tuple[str, ...]) -> str:
    return ".?".join(path)
