"""Manifests with their sidecars written in, for clusters in which nobody injects: what is not touched stays as it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptops.domain.injection.parameters import Parameters, parameters_in
from promptops.domain.injection.pod import injected, is_injected, is_wanted
from promptops.domain.injection.refusals import refused
from promptops.domain.injection.workloads import path_of_template, template_of, with_template
from promptops.domain.manifests import Manifest, mapping, name_of, sequence, text
from promptops.workspace.manifest_files import Flaw, documents_in, items_of
from promptops.workspace.stream import Document


@dataclass
class Injection:
    """What became of some files."""

    documents: list[Document | Manifest] = field(default_factory=list)
    """In their order: a document as it stands in its file, or an object that was changed."""
    flaws: list[Flaw] = field(default_factory=list)
    """What is wrong; then the documents are not to be used."""
    injected: int = 0
    """Pods and templates that got a sidecar here."""
    already: int = 0
    """Those that had one."""


def inject(files: Mapping[str, bytes], parameters: Parameters) -> Injection:
    """Give every pod and template that asks for a sidecar its sidecar."""
    done = Injection()
    for name, data in files.items():
        for document in documents_in(name, data):
            if isinstance(document, Flaw):
                done.flaws.append(document)
                continue
            changed = _changed(document.value, parameters, done, f"{name}:{document.line}")
            done.documents.append(document if changed is document.value else changed)
    return done


def read_parameters(name: str, data: bytes) -> Parameters:
    """Return the parameters that the ConfigMaps of a file say. Raises ParametersIncomplete."""
    values = (each.value for each in documents_in(name, data) if isinstance(each, Document))
    return parameters_in(mapping(item) for value in values for item in items_of(value))


def _changed(value: Any, parameters: Parameters, done: Injection, place: str) -> Any:
    """Return the value with sidecars; the very same one when there was nothing to do."""
    manifest = mapping(value)
    items = manifest.get("items")
    if text(manifest.get("kind")).endswith("List") and isinstance(items, list):
        return _same_or_changed(manifest, items, lambda item: _changed(item, parameters, done, place))
    path = path_of_template(manifest)
    template = template_of(manifest, path) if path is not None else {}
    if path is None or not is_wanted(template):
        return value
    if is_injected(template):
        done.already += 1
        return value
    subject = f"{text(manifest.get('kind'))} {name_of(manifest)}"
    if wrong := _flaws(template, path, subject, place):
        done.flaws += wrong
        return value
    done.injected += 1
    return with_template(manifest, path, lambda pod: injected(pod, parameters))


def _same_or_changed(manifest: Manifest, items: Sequence[Any], change: Callable[[Any], Any]) -> Any:
    changed = [change(item) for item in items]
    is_same = all(new is old for new, old in zip(changed, items, strict=True))
    return manifest if is_same else {**manifest, "items": changed}


def _flaws(template: Manifest, path: tuple[str, ...], subject: str, place: str) -> list[Flaw]:
    if not sequence(mapping(template.get("spec")).get("containers")):
        return [Flaw(place, f"{subject}: it has no containers")]
    return [Flaw(place, f"{subject}: {each.below('.'.join(path)).sentence}") for each in refused(template)]
