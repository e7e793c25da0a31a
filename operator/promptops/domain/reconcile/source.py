"""The content that a Prompt's source has now, and the version it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from promptops.api import reasons
from promptops.api.content import json_of
from promptops.api.v1alpha1 import ACCEPT_ANNOTATION, API_VERSION, GENERATED_LABEL, PROMPT_LABEL, WATCH_LABEL
from promptops.api.v1alpha1.prompt import ConfigMapKeyReference, PromptSpec
from promptops.api.wire import read_value
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.canonical import digest_of
from promptops.domain.content.numbers import highest, next_number, next_patch
from promptops.domain.content.sourcing import TESTS_PATH, TEXT_PATH, Judge, SourceText, judge
from promptops.domain.findings import Finding, combined
from promptops.domain.manifests import Manifest, annotation, label, mapping, metadata, name_of, spec_of, text, uid_of
from promptops.domain.reconcile.memory import Memory
from promptops.domain.reconcile.problem import Obstacle
from promptops.domain.reconcile.versions import Versions

SOURCE_PATH = "spec.source.content"


@dataclass(frozen=True)
class Sourced:
    """What the source says now: content with its digest, or why there is none."""

    digest: str | None = None
    canonical: bytes | None = None
    """The resolved content."""
    written: bytes | None = None
    """The content as it is to stand in a version."""
    problem: Obstacle | None = None
    key_digest: str | None = None
    """sha256 of the ConfigMap's key: what sha256sum says of the file it was made from."""
    tests: int = 0
    """How many tests it has. All of them passed, when there is a digest."""

    @property
    def content(self) -> Manifest:
        """The resolved content, which has the digest; empty when there is none."""
        return _read(self.canonical)

    @property
    def content_as_written(self) -> Manifest:
        """The content as it is to stand in a version; empty when there is none."""
        return _read(self.written)


def _read(data: bytes | None) -> Manifest:
    return {} if data is None else mapping(read_value(json_of(data)))


def read_source(prompt: Manifest, spec: PromptSpec, config_map: Manifest | None, look: Judge = judge) -> Sourced | None:
    """Return the source's content, checked; None when the Prompt has no source."""
    if spec.source is None:
        return None
    written = mapping(spec_of(prompt).get("source"))
    asked = SourceText("", "", written.get("content"), written.get("tests"))
    reference = spec.source.config_map_key_ref
    if reference is None:
        return _checked(look(asked), lambda finding: finding.below(SOURCE_PATH))
    found = _read_key(reference, config_map)
    if isinstance(found, Obstacle):
        return Sourced(problem=found)
    return replace(
        _from_key(reference, replace(asked, value=found), look), key_digest=digest_of(found.encode(errors="replace"))
    )


def _from_key(reference: ConfigMapKeyReference, asked: SourceText, look: Judge) -> Sourced:
    place = f'ConfigMap "{reference.name}" key "{reference.key}"'
    if not reference.is_text:
        found = look(replace(asked, format=reference.format or "", inline=None))
        return _checked(found, lambda finding: replace(finding, path=f"{place}: {finding.path}".removesuffix(": ")))
    rest = mapping(asked.inline)
    if "text" in rest or "messages" in rest:
        message = f"{SOURCE_PATH} must have neither text nor messages: the text is read from {place}"
        return Sourced(problem=Obstacle(reasons.SOURCE_INVALID, message))
    return _checked(
        look(replace(asked, format="text", inline=rest)),
        lambda finding: replace(finding, path=place) if finding.path == TEXT_PATH else finding.below(SOURCE_PATH),
    )


def _read_key(reference: ConfigMapKeyReference, config_map: Manifest | None) -> str | Obstacle:
    name, key = reference.name, reference.key
    if config_map is None:
        message = (
            f'ConfigMap "{name}" is not there, or lacks the label {WATCH_LABEL}: "true" without which it is not read: '
            "create it or label it"
        )
        return Obstacle(reasons.CONFIG_MAP_NOT_FOUND, message, "arrival", missing=("ConfigMap", name))
    if label(config_map, WATCH_LABEL) != "true":
        message = f'ConfigMap "{name}" lacks the label {WATCH_LABEL}: "true" without which it is not read: label it'
        return Obstacle(reasons.CONFIG_MAP_NOT_LABELLED, message, "arrival")
    value = mapping(config_map.get("data")).get(key)
    if isinstance(value, str):
        return value
    return Obstacle(reasons.CONFIG_MAP_KEY_NOT_FOUND, _key_missing(name, key, config_map), "arrival")


def _key_missing(name: str, key: str, config_map: Manifest) -> str:
    if key in mapping(config_map.get("binaryData")):
        return f'key "{key}" of ConfigMap "{name}" is binary: put text under data'
    keys = sorted(mapping(config_map.get("data")))[:5]
    others = f" or set spec.source.configMapKeyRef.key to one of {', '.join(keys)}" if keys else ""
    return f'ConfigMap "{name}" has no key "{key}": add it under data{others}'


def _checked(found: Assessment, placed: Callable[[Finding], Finding]) -> Sourced:
    wrong = combined(each if each.path.startswith(TESTS_PATH) else placed(each) for each in found.findings)
    if wrong is not None and found.missing:
        missing = ("PromptVersion", found.missing)
        return Sourced(problem=Obstacle(wrong.reason, wrong.sentence, "arrival", missing=missing))
    if wrong is not None:
        return Sourced(problem=Obstacle(reasons.SOURCE_INVALID, wrong.sentence))
    if (failure := found.failure) is not None:
        message = f"the source's content becomes no version: {failure.sentence}"
        return Sourced(problem=Obstacle(failure.reason, message))
    written = found.as_written.canonical
    return Sourced(digest=found.digest, canonical=found.canonical, written=written, tests=found.tests)


def new_version(prompt: Manifest, sourced: Sourced | None, versions: Versions, memory: Memory) -> dict[str, Any] | None:
    """Return the PromptVersion that the source's content should become; None when it already is one."""
    if sourced is None or sourced.digest is None or versions.with_digest(sourced.digest):
        return None
    content = sourced.content
    number = _number_before(name_of(prompt), sourced.digest, versions, memory) or _free_number(
        name_of(prompt), content, versions, memory.latest_version
    )
    tests = mapping(spec_of(prompt).get("source")).get("tests")
    return version_manifest(prompt, number, sourced.content_as_written, tests)


def _number_before(name: str, content_digest: str, versions: Versions, memory: Memory) -> str | None:
    """Return the number under which status remembers this very content, when that is free: the content comes back as itself."""
    for served in memory.ever_served:
        taken = versions.numbered(served.version) or versions.in_the_way(f"{name}-{served.version}")
        if served.digest == content_digest and not taken and memory.digest_served_as(served.version) == content_digest:
            return served.version
    return None


def _free_number(name: str, content: Manifest, versions: Versions, latest: str) -> str:
    newest = versions.own[0].content if versions.own else None
    number = next_number(content, newest, highest((latest, *versions.numbers())))
    while versions.in_the_way(f"{name}-{number}"):
        number = next_patch(number)
    return number


def version_manifest(prompt: Manifest, number: str, content: Mapping[str, Any], tests: object = None) -> dict[str, Any]:
    """Return a generated PromptVersion: owned by its Prompt, so that it goes with it, and never in the way of its deletion."""
    name = name_of(prompt)
    return {
        "apiVersion": API_VERSION,
        "kind": "PromptVersion",
        "metadata": {
            "name": f"{name}-{number}",
            "namespace": text(metadata(prompt).get("namespace")),
            "labels": {GENERATED_LABEL: "true", PROMPT_LABEL: name},
            **({"annotations": {ACCEPT_ANNOTATION: means}} if (means := annotation(prompt, ACCEPT_ANNOTATION)) else {}),
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "Prompt",
                    "name": name,
                    "uid": uid_of(prompt),
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {
            "promptRef": {"name": name},
            "version": number,
            "content": content,
            **({"tests": tests} if tests else {}),
        },
    }
