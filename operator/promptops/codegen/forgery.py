"""No pod forges a sidecar: its names, its volumes and the audience of its token are the sidecar's, whether the pod asks for one or not."""

from __future__ import annotations

from typing import Any, Final

from promptops.api.feed import AUDIENCE
from promptops.codegen.injection import namespaces
from promptops.codegen.policy import named, policy, refusal
from promptops.domain.injection.description import CONTAINER, FEED_VOLUME, INJECTED_LABEL, SIDECAR
from promptops.domain.injection.refusals import NAMES_MESSAGE, names_expression

Manifest = dict[str, Any]

FORGERY: Final = "promptops-no-forgery"
CALLERS_VOLUME: Final = "promptops-token"
"""The volume in which a pod without a sidecar has its token for a gateway."""

_VARIABLES: Final = {
    "initial": "object.spec.?initContainers.orValue([])",
    "volumes": "object.spec.?volumes.orValue([])",
    "sidecars": f"variables.initial.filter(c, c.name == '{SIDECAR}')",
    # Ephemeral containers join a pod that runs already.
    "others": "object.spec.containers.map(c, dyn(c))"
    f" + variables.initial.filter(c, c.name != '{SIDECAR}').map(c, dyn(c))"
    " + object.spec.?ephemeralContainers.orValue([]).map(c, dyn(c))",
}
_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_AUDIENCE_OF_S: Final = "s.?serviceAccountToken.?audience.orValue('')"


def policies(namespace: str) -> tuple[Manifest, ...]:
    """Return the policy and its binding. The operator lives in `namespace`, and has tokens of the audience itself."""
    validations = [
        refusal(names_expression(), NAMES_MESSAGE, reason="Invalid"),
        refusal(
            f"variables.volumes.all(v, v.name in ['{FEED_VOLUME}', '{CALLERS_VOLUME}'] || {_asks_for_none('v')})",
            f"a token with the audience {AUDIENCE} is the sidecar's alone: leave it out of your volumes, or, to call a gateway,"
            f" name the volume {CALLERS_VOLUME}",
            reason="Invalid",
        ),
        refusal(
            f"variables.volumes.all(v, v.name != '{FEED_VOLUME}' || ({_is_the_token('v')}))",
            f"the volume {FEED_VOLUME} holds a token with the audience {AUDIENCE} and nothing else",
            reason="Invalid",
        ),
        refusal(
            f"variables.others.all(c, !c.?volumeMounts.orValue([]).exists(m, m.name == '{FEED_VOLUME}'))",
            f"the volume {FEED_VOLUME} is for the container {SIDECAR} alone: mount it nowhere else",
            reason="Invalid",
        ),
        refusal(
            f"object.spec.?ephemeralContainers.orValue([]).all(c, c.name != '{SIDECAR}' && c.?targetContainerName.orValue('') != '{SIDECAR}')",
            f"no container that joins later has the name {SIDECAR}, or looks into the sidecar's processes, where its token is:"
            " give it another name and another target",
            reason="Invalid",
        ),
        refusal(
            f"variables.sidecars.all(c, {_is_as_described('c')})",
            f"the init container {SIDECAR} of a pod with the label {INJECTED_LABEL} is the sidecar: without a command,"
            f" lifecycle and probes by commands of its own, with args {CONTAINER['args']} and restartPolicy {CONTAINER['restartPolicy']}",
            reason="Invalid",
        ),
    ]
    return policy(FORGERY, _matched(namespace), {"variables": named(_VARIABLES), "validations": validations})


def _matched(namespace: str) -> Manifest:
    def rule(resource: str, operation: str) -> Manifest:
        return {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": [operation],
            "resources": [resource],
            "scope": "*",
        }

    return {
        "resourceRules": [rule("pods", "CREATE"), rule("pods/ephemeralcontainers", "UPDATE")],
        "matchPolicy": "Equivalent",
        "namespaceSelector": namespaces(namespace),
        "objectSelector": {},
    }


def _asks_for_none(volume: str) -> str:
    return f"{volume}.?projected.?sources.orValue([]).all(s, {_AUDIENCE_OF_S} != '{AUDIENCE}')"


def _is_the_token(volume: str) -> str:
    return (
        f"has({volume}.projected) && {volume}.projected.?sources.orValue([]).all(s, {_AUDIENCE_OF_S} == '{AUDIENCE}')"
    )


def _is_as_described(container: str) -> str:
    arguments = ", ".join(f"'{each}'" for each in CONTAINER["args"])
    probed = " && ".join(f"!{container}.?{probe}.?exec.hasValue()" for probe in _PROBES)
    return (
        f"{probed} && !has({container}.command) && !has({container}.lifecycle) && {container}.?args.orValue([]) == [{arguments}]"
        f" && {container}.?restartPolicy.orValue('') == '{CONTAINER['restartPolicy']}'"
    )
