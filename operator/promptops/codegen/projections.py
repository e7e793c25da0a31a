"""ConfigMaps that the operator writes for prompts: for whom it does, and that it writes no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from promptops.api.v1alpha1 import PROJECTION_LABEL, Prompt
from promptops.api.v1alpha1.prompt import MAX_PROJECTIONS
from promptops.codegen.policy import WRITES, named, our_kinds, policy, quoted, refusal

Manifest = dict[str, Any]

PROJECTIONS: Final = "promptops-projections"
OWN_CONFIG_MAPS: Final = "promptops-own-config-maps"


def policies() -> tuple[Manifest, ...]:
    """Return the policy on Prompts, and its binding: the operator writes for nobody what he may not write himself."""
    variables = {
        "projections": "object.spec.?projections.orValue([])",
        "untouched": "oldObject != null && object.spec.?projections == oldObject.spec.?projections",
    }
    rules = {"variables": named(variables), "validations": list(_writable())}
    return policy(PROJECTIONS, our_kinds(WRITES, [Prompt.NAMES.plural]), rules)


def _writable() -> Iterator[Manifest]:
    """One validation each: what an expression may cost is spent after two questions to the authorizer."""
    for place in range(MAX_PROJECTIONS):
        name = f"variables.projections[{place}].configMap"
        update = f"authorizer.group('').resource('configmaps').namespace(object.metadata.namespace).name({name})"
        does = f"spec.projections[{place}] has the operator write"
        advice = (
            "you may not update: ask for the verb update on that ConfigMap,"
            " or have somebody apply the Prompt who has it"
        )
        passes = f"variables.untouched || size(variables.projections) <= {place} || {update}.check('update').allowed()"
        yield refusal(
            passes,
            f"{does} a ConfigMap that {advice}",
            expression=f"'{does} the ConfigMap ' + {quoted(name)} + ', which {advice}'",
        )


def own_config_maps(namespace: str, account: str) -> tuple[Manifest, Manifest]:
    """Return the policy on the operator itself, which lives in `namespace` as `account`, and its binding.

    Its role lets it write any ConfigMap, since roles know no labels.
    """
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["configmaps"],
        "scope": "*",
    }
    matches: Manifest = {
        "resourceRules": [rule],
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    }
    conditions = [
        {
            "name": "the-operator",
            "expression": f"request.userInfo.username == 'system:serviceaccount:{namespace}:{account}'",
        },
        {"name": "not-at-home", "expression": f"request.namespace != '{namespace}'"},
    ]
    is_ours = (
        f"(oldObject == null ? object : oldObject).metadata.?labels.orValue({{}}).exists(l, l == '{PROJECTION_LABEL}')"
    )
    validation = refusal(
        is_ours, f"the operator writes no ConfigMap of others, only those with the label {PROJECTION_LABEL}"
    )
    return policy(OWN_CONFIG_MAPS, matches, {"matchConditions": conditions, "validations": [validation]})
