"""A pod with its sidecar: the description carried out on plain JSON, nothing changed in place; and pods that asked for one and
have none, since they were made before the injector or while it was away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from promptops.domain.injection import description
from promptops.domain.injection.description import (
    CONTAINER,
    ENVIRONMENT,
    INJECTED_LABEL,
    MOUNT,
    TRUE,
    VOLUMES,
    Given,
    Hole,
)
from promptops.domain.injection.parameters import Parameters
from promptops.domain.manifests import Manifest, label, mapping, metadata, sequence, spec_of, text, uid_of

_CONTAINERS = ("containers", "initContainers")


def is_wanted(pod: Manifest) -> bool:
    """Whether a pod, or the template of one, asks for a sidecar."""
    return label(pod, description.INJECT_LABEL) == TRUE


def is_injected(pod: Manifest) -> bool:
    """Whether it has one already, whoever put it there."""
    names = (text(mapping(each).get("name")) for each in sequence(spec_of(pod).get("initContainers")))
    return label(pod, INJECTED_LABEL) == TRUE and description.SIDECAR in names


def injected(pod: Manifest, parameters: Parameters) -> dict[str, Any]:
    """Return the pod, or the template of one, with a sidecar. Of what it has nothing is lost and nothing is moved."""
    annotations = mapping(metadata(pod).get("annotations"))
    filled = _filled(CONTAINER, parameters, annotations)
    served = {kind: [_served(each) for each in sequence(spec_of(pod).get(kind))] for kind in _CONTAINERS}
    volumes = [*sequence(spec_of(pod).get("volumes")), *_filled(VOLUMES, parameters, annotations)]
    labels = {**mapping(metadata(pod).get("labels")), INJECTED_LABEL: TRUE}
    return {
        **pod,
        "metadata": {**metadata(pod), "labels": labels},
        "spec": {
            **spec_of(pod),
            "initContainers": [filled, *served["initContainers"]],
            "containers": served["containers"],
            "volumes": volumes,
        },
    }


def _served(container: Manifest) -> dict[str, Any]:
    """Return a container of the application that knows where its sidecar is."""
    environment, mounts = sequence(container.get("env")), sequence(container.get("volumeMounts"))
    told = {text(mapping(each).get("name")) for each in environment}
    taken = {text(mapping(each).get("mountPath")) for each in mounts}
    added = [dict(each) for each in ENVIRONMENT if each["name"] not in told]
    mounted = [dict(MOUNT)] if MOUNT["mountPath"] not in taken else []
    return {**container, "env": [*environment, *added], "volumeMounts": [*mounts, *mounted]}


def _filled(value: Any, parameters: Parameters, annotations: Manifest) -> Any:
    if isinstance(value, Hole):
        return text(annotations.get(value.annotation)) or parameters[value.parameter]
    if isinstance(value, Mapping):
        filled = {key: _filled(each, parameters, annotations) for key, each in value.items()}
        return {key: each for key, each in filled.items() if each or not _may_be_empty(value[key])}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [
            _filled(_bare(each), parameters, annotations) for each in value if _is_given(each, parameters, annotations)
        ]
    return value


def _is_given(element: Any, parameters: Parameters, annotations: Manifest) -> bool:
    return not isinstance(element, Given) or all(_filled(hole, parameters, annotations) for hole in element.holes)


def _bare(element: Any) -> Any:
    return element.element if isinstance(element, Given) else element


def _may_be_empty(value: Any) -> bool:
    return isinstance(value, Hole) and value.may_be_empty


def missed(pods: Iterable[Manifest], closed: Collection[str]) -> Mapping[str, int]:
    """Return namespace → how many of its pods lack the sidecar they asked for; nothing of a namespace where none does.

    The pods' metadata is enough. Nobody injects into the namespaces `closed`.
    """
    return Counter(namespace for pod in pods if _lacks(pod) and (namespace := _namespace(pod)) not in closed)


def by_namespace(pods: Iterable[Manifest], *, ending: bool = False) -> Mapping[str, frozenset[str]]:
    """Return namespace → uids of those pods that are to stay, or of those that are `ending`. Their metadata is enough."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for pod in pods:
        if bool(metadata(pod).get("deletionTimestamp")) is ending:
            found[_namespace(pod)].add(uid_of(pod))
    return {namespace: frozenset(uids) for namespace, uids in found.items()}


def _lacks(pod: Manifest) -> bool:
    return is_wanted(pod) and label(pod, INJECTED_LABEL) != TRUE and not metadata(pod).get("deletionTimestamp")


def _namespace(pod: Manifest) -> str:
    return text(metadata(pod).get("namespace"))
