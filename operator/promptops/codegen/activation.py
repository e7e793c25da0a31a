"""Who may change what is served: whoever has the verb `activate` on the Prompt, and nobody by a way around it.

A field that a Prompt gets one day changes what is served until it is named here as one that does not.
"""

from __future__ import annotations

import types
import typing
from typing import Any, Final

from promptops.api.v1alpha1 import GROUP, Prompt, PromptVersion
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.codegen.policy import NAMESPACE_ENDS, PEOPLE_ALONE, WRITES, named, our_kinds, policy, quoted, refusal

Manifest = dict[str, Any]

ACTIVATE: Final = "activate"
"""The verb on prompts.promptops.io."""
ACTIVATION: Final = "promptops-activate"
IN_USE: Final = "promptops-version-in-use"

_SERVES_NOTHING_ELSE: Final = frozenset({"historyLimit"})
"""Fields of a Prompt that change nothing that is served."""
_OWNERS: Final = "ownerReferences"
"""Whoever sets an owner, and then deletes that, has garbage collection delete for him."""
_NEED: Final = f"which needs the verb {ACTIVATE} on prompts.{GROUP}"


def policies(releaser: str) -> tuple[Manifest, ...]:
    """Return the policies, each followed by its binding. `releaser`: the role that has the verb, for messages."""
    return (*_activation(releaser), *_versions_in_use(releaser))


def fields() -> tuple[str, ...]:
    """Return the fields of a Prompt, as the manifest spells them, that change what is served."""
    return tuple(name for name in _annotations() if name not in _SERVES_NOTHING_ELSE)


def _activation(releaser: str) -> tuple[Manifest, Manifest]:
    """A deletion takes every field away. What asks for nothing and serves nothing is its author's to delete."""
    changes = [f"{_is_unchanged(field)} ? '' : '{field}'" for field in fields()]
    changes.append(f"object == null || {_owners('object')} == {_owners('oldObject')} ? '' : '{_OWNERS}'")
    changes.append("object == null && oldObject.?status.?serving.hasValue() ? 'status.serving' : ''")
    variables = {
        "before": "oldObject == null ? dyn({}) : dyn(oldObject.spec)",
        "after": "object == null ? dyn({}) : dyn(object.spec)",
        "metadata": "object == null ? dyn(oldObject.metadata) : dyn(object.metadata)",
        "changed": f"[{', '.join(changes)}].filter(field, field != '')",
        "from": _state("before"),
        "to": f"object == null ? 'deleted' : {_state('after')}",
    }
    name = quoted("variables.metadata.name")
    # The fields are ours, and few: they are all named.
    done = (
        f"(object == null ? 'deleting Prompt ' + {name} + ' withdraws it from whoever renders it'"
        f" : 'Prompt ' + {name} + ': ' + variables.changed.join(', ') + ' changes what is served')"
    )
    allowed = _may_activate("variables.metadata.namespace", "variables.metadata.name")
    validation = refusal(
        f"size(variables.changed) == 0 || {NAMESPACE_ENDS} || {allowed}",
        f"this changes what the Prompt serves, or withdraws it, {_NEED}: {_who(releaser)}",
        expression=f"{done} + {_advice('variables.metadata.name', releaser)}",
    )
    moved = (
        "size(variables.changed) == 0 || variables.from == variables.to ? '' : variables.from + ' -> ' + variables.to"
    )
    rules = {
        "matchConditions": list(PEOPLE_ALONE),
        "variables": named(variables),
        "validations": [validation],
        # Its value has one type: what is empty is left out of the audit log.
        "auditAnnotations": [
            {"key": "activation", "valueExpression": moved},
            {"key": "changed", "valueExpression": "variables.changed.join(', ')"},
        ],
    }
    return policy(ACTIVATION, our_kinds((*WRITES, "DELETE"), [Prompt.NAMES.plural]), rules)


def _versions_in_use(releaser: str) -> tuple[Manifest, Manifest]:
    """Its status says whether a version is in use. Prompts as parameters would say what was activated a moment ago, too, and have
    each deletion held against every Prompt of the namespace: docs/adr/0018.
    """
    variables = {
        "version": "object == null ? dyn(oldObject) : dyn(object)",
        "name": "variables.version.metadata.name",
        "prompt": "variables.version.spec.promptRef.name",
        "used": "oldObject.?status.?conditions.orValue([]).exists(c, c.type == 'InUse' && c.status == 'True')",
        "withdrawn": "object == null && variables.used",
    }
    allowed = _may_activate("variables.version.metadata.namespace", "variables.prompt")
    advice = _advice("variables.prompt", releaser)
    name = quoted("variables.name")
    deleting = refusal(
        f"!variables.withdrawn || {NAMESPACE_ENDS} || {allowed}",
        f"deleting a PromptVersion that is in use withdraws what is served, {_NEED}: {_who(releaser)}",
        expression=f"'deleting PromptVersion ' + {name} + ' withdraws what is served' + {advice}",
    )
    unowned = f"object == null || {_owners('object')} == {_owners('oldObject')}"
    owning = refusal(
        f"{unowned} || {allowed}",
        f"{_OWNERS} of a PromptVersion have it deleted with what they name, {_NEED}: {_who(releaser)}",
        expression=f"'PromptVersion ' + {name} + ': {_OWNERS} have it deleted with what they name' + {advice}",
    )
    withdrawal = "variables.withdrawn ? variables.version.spec.version + ' -> deleted' : ''"
    rules = {
        "matchConditions": list(PEOPLE_ALONE),
        "variables": named(variables),
        "validations": [deleting, owning],
        "auditAnnotations": [{"key": "activation", "valueExpression": withdrawal}],
    }
    return policy(IN_USE, our_kinds((*WRITES, "DELETE"), [PromptVersion.NAMES.plural]), rules)


def _is_unchanged(field: str) -> str:
    """What is absent and what says the same are the same. A source decides nothing while a version is named."""
    before, after = (f"variables.{spec}.?{field}{_absent(field)}" for spec in ("before", "after"))
    beside = "has(variables.after.activeVersion) || " if field == "source" else ""
    return f"({beside}{after} == {before})"


def _state(spec: str) -> str:
    """Return what a spec asks for in a word: a version, its source, or nothing."""
    asked = f"variables.{spec}.?activeVersion.orValue(has(variables.{spec}.source) ? 'source' : 'nothing')"
    return f"(variables.{spec}.?disabled.orValue(false) ? 'disabled' : {asked})"


def _owners(of: str) -> str:
    return f"({of} == null ? dyn([]) : dyn({of}.metadata.?{_OWNERS}.orValue([])))"


def _advice(prompt: str, releaser: str) -> str:
    return f"', {_NEED} ' + {quoted(prompt)} + ': {_who(releaser)}'"


def _who(releaser: str) -> str:
    return f"the role {releaser} has it"


def _may_activate(namespace: str, name: str) -> str:
    prompts = f"authorizer.group('{GROUP}').resource('{Prompt.NAMES.plural}')"
    return f"{prompts}.namespace({namespace}).name({name}).check('{ACTIVATE}').allowed()"


def _annotations() -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in PromptSpec.model_fields.items()}


def _absent(field: str) -> str:
    """Return how to read a field that is not there, by its type."""
    annotation = _annotations()[field]
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = [_bare(each) for each in (typing.get_args(annotation) if is_union else (annotation,))]
    if bool in kinds:
        return ".orValue(false)"
    return ".orValue([])" if any(typing.get_origin(each) is tuple for each in kinds) else ""


def _bare(annotation: Any) -> Any:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    return annotation
