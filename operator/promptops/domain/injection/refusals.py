"""Pods that ask for a sidecar and cannot have one, or ask for more than they may: said in Python and in CEL, side by side.

A policy refuses them with every webhook down; the command line says the same of a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from promptops.api import reasons
from promptops.domain.findings import Finding
from promptops.domain.injection import description
from promptops.domain.injection.description import ANNOTATIONS, OVERRIDES, PATTERNS, SIDECAR
from promptops.domain.injection.pod import is_injected
from promptops.domain.manifests import Manifest, mapping, metadata, sequence, spec_of, text

_VOLUMES: Final = (
    description.FEED_VOLUME,
    description.SNAPSHOT_VOLUME,
    description.SOCKET_VOLUME,
    description.MIRROR_VOLUME,
)
_ANNOTATIONS: Final = "object.metadata.?annotations.orValue({})"
NAMES_MESSAGE: Final = (
    f"the container {SIDECAR} and the volumes {', '.join(_VOLUMES)} are the sidecar's: give yours another name"
)
"""What is said of a pod that takes a name of the sidecar's for something else."""


@dataclass(frozen=True)
class PodRule:
    """What a pod with the label has to keep to, and what is said when it does not."""

    message: str
    path: str
    applies: Callable[[Manifest], bool]
    passes: str
    """The opposite as a CEL expression over `object`: true for a pod that is not refused."""


def refused(pod: Manifest) -> tuple[Finding, ...]:
    """Return why a pod, or the template of one, that asks for a sidecar is refused; nothing for one that gets it."""
    return tuple(Finding(reasons.INVALID_SPEC, row.message, row.path) for row in REFUSALS if row.applies(pod))


def _shares_the_host(pod: Manifest) -> bool:
    return spec_of(pod).get("hostNetwork") is True


def _runs_on_windows(pod: Manifest) -> bool:
    return text(mapping(spec_of(pod).get("os")).get("name")) == "windows"


def _takes_our_names(pod: Manifest) -> bool:
    return not is_injected(pod) and any(name in _names(pod) for name in (SIDECAR, *_VOLUMES))


def _names(pod: Manifest) -> frozenset[str]:
    spec = spec_of(pod)
    named = (each for kind in ("containers", "initContainers", "volumes") for each in sequence(spec.get(kind)))
    return frozenset(text(mapping(each).get("name")) for each in named)


def _has_unknown_annotations(pod: Manifest) -> bool:
    return any(name not in OVERRIDES for name, _ in _ours(pod))


def _has_a_wrong(kind: str) -> Callable[[Manifest], bool]:
    """`fullmatch`, because Python's $ also stands before a line break at the end."""
    pattern = re.compile(PATTERNS[kind])
    return lambda pod: any(
        OVERRIDES.get(name) == kind and not pattern.fullmatch(text(value)) for name, value in _ours(pod)
    )


def _ours(pod: Manifest) -> Iterator[tuple[str, Any]]:
    annotations = mapping(metadata(pod).get("annotations"))
    return ((name, value) for name, value in annotations.items() if name.startswith(ANNOTATIONS))


def is_injected_expression() -> str:
    """Return is_injected in CEL."""
    return (
        f"object.metadata.?labels['{description.INJECTED_LABEL}'].orValue('') == '{description.TRUE}'"
        f" && object.spec.?initContainers.orValue([]).exists(c, c.name == '{SIDECAR}')"
    )


def names_expression() -> str:
    """Return in CEL that a pod takes no name of the sidecar's, or has been given it."""
    volumes = ", ".join(f"'{name}'" for name in _VOLUMES)
    return (
        f"({is_injected_expression()})"
        f" || !(object.spec.containers.exists(c, c.name == '{SIDECAR}')"
        f" || object.spec.?initContainers.orValue([]).exists(c, c.name == '{SIDECAR}')"
        f" || object.spec.?volumes.orValue([]).exists(v, v.name in [{volumes}]))"
    )


_EXAMPLES: Final = {
    "cpu": "a quantity like 250m or 1",
    "memory": "a quantity like 128Mi or 1Gi",
    "name": "the name of a Secret of the pod's namespace",
}


def _kind_of_value(kind: str) -> PodRule:
    names = [name for name, value in OVERRIDES.items() if value == kind]
    written = ", ".join(f"'{name}'" for name in names)
    return PodRule(
        f"{' and '.join(names)} must be {_EXAMPLES[kind]}",
        "metadata.annotations",
        _has_a_wrong(kind),
        f"[{written}].all(name, !(name in {_ANNOTATIONS}) || {_ANNOTATIONS}[name].matches(r'{PATTERNS[kind]}'))",
    )


REFUSALS: Final[tuple[PodRule, ...]] = (
    PodRule(
        "a pod on the host's network cannot get a sidecar: everything on the node could ask it."
        f" Remove the label {description.INJECT_LABEL}, or add a sidecar by hand that listens on a socket alone",
        "spec.hostNetwork",
        _shares_the_host,
        "!object.spec.?hostNetwork.orValue(false)",
    ),
    PodRule(
        f"there is no sidecar for Windows: remove the label {description.INJECT_LABEL}",
        "spec.os.name",
        _runs_on_windows,
        "object.spec.?os.?name.orValue('') != 'windows'",
    ),
    PodRule(
        NAMES_MESSAGE,
        "spec",
        _takes_our_names,
        names_expression(),
    ),
    PodRule(
        f"of the annotations that begin with {ANNOTATIONS} a pod may have {', '.join(OVERRIDES)} and no others",
        "metadata.annotations",
        _has_unknown_annotations,
        f"{_ANNOTATIONS}.all(name, !name.startsWith('{ANNOTATIONS}') || name in ["
        + ", ".join(f"'{name}'" for name in OVERRIDES)
        + "])",
    ),
    *map(_kind_of_value, _EXAMPLES),
)
"""Whoever may create a pod may also write a sidecar into it by hand: these guard against mistakes and surprises."""
