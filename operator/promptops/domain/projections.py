"""ConfigMaps that say what is served: what they say, how the operator writes them, and which are its own."""

from typing import Any, Literal

import msgspec

from promptops.api.content import json_of
from promptops.api.feed import Supplement
from promptops.api.names import PROJECTION_MANAGER
from promptops.api.v1alpha1 import API_VERSION, GROUP, PROJECTION_LABEL, Prompt
from promptops.api.wire import read
from promptops.domain.manifests import Manifest, label, mapping, metadata, name_of, sequence, text, uid_of
from promptops.domain.snapshot import Projecting
from promptops.rendering.errors import InvalidInput, InvalidSpec
from promptops.rendering.execute.plan import Plan, Said, plan

VERSION_ANNOTATION = f"{GROUP}/version"
"""Of the ConfigMap: the number of what it says."""
DIGEST_ANNOTATION = f"{GROUP}/digest"
"""Of the ConfigMap: the digest of that content."""

Holder = Literal["nobody", "us", "before", "others"]
"""Whose a ConfigMap is. before: a Prompt of the same name, which is gone; the ConfigMap is about to go."""


def holder_of(found: Manifest | None, prompt: Manifest) -> Holder:
    """Tell whose a ConfigMap is, as seen by a Prompt that wants to be in it."""
    if found is None:
        return "nobody"
    if label(found, PROJECTION_LABEL) != name_of(prompt):
        return "others"
    owners = {text(mapping(each).get("uid")) for each in sequence(metadata(found).get("ownerReferences"))}
    if uid_of(prompt) in owners:
        return "us"
    return "before" if owners else "others"


def config_map(name: str, prompt: Manifest, wanted: Projecting, said: str, found: Manifest | None) -> dict[str, Any]:
    """Return what a ConfigMap should say: all that is ours in it. `found`: as it is now."""
    about: dict[str, Any] = {
        "labels": {PROJECTION_LABEL: name_of(prompt)},
        "annotations": {VERSION_ANNOTATION: wanted.version, DIGEST_ANNOTATION: wanted.digest},
        "ownerReferences": [_owner(prompt)],
    }
    data = {key: said for place, key in wanted.places if place == name}
    return {**_identity(name, text(metadata(prompt).get("namespace")), about, found), "data": data}


def nothing(found: Manifest) -> dict[str, Any]:
    """Return what leaves a ConfigMap to those who are in it beside us."""
    return _identity(name_of(found), text(metadata(found).get("namespace")), {}, found)


def says(found: Manifest, wanted: Manifest) -> bool:
    """Tell whether a ConfigMap says what is wanted already, and nothing else by our hand."""
    ours = _by_our_hand(found)
    data, said = mapping(wanted.get("data")), mapping(found.get("data"))
    annotations, there = mapping(metadata(wanted).get("annotations")), mapping(metadata(found).get("annotations"))
    return (
        ours == frozenset(data)
        and all(said.get(key) == value for key, value in data.items())
        and all(there.get(key) == value for key, value in annotations.items())
    )


def is_shared(found: Manifest) -> bool:
    """Tell whether somebody else put anything into a ConfigMap of ours."""
    return frozenset(mapping(found.get("data"))) | frozenset(mapping(found.get("binaryData"))) > _by_our_hand(found)


def _by_our_hand(found: Manifest) -> frozenset[str]:
    """Return the keys that we own."""
    managed = map(mapping, sequence(metadata(found).get("managedFields")))
    fields = [mapping(each.get("fieldsV1")) for each in managed if each.get("manager") == PROJECTION_MANAGER]
    return frozenset(key.removeprefix("f:") for each in fields for key in mapping(each.get("f:data")) if key != ".")


def _identity(name: str, namespace: str, about: Manifest, found: Manifest | None) -> dict[str, Any]:
    here: dict[str, Any] = {"name": name, "namespace": namespace, **about}
    if found is not None:
        # Whoever was in it when we looked is whom we decided about.
        here |= {key: metadata(found)[key] for key in ("uid", "resourceVersion") if key in metadata(found)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": here}


def _owner(prompt: Manifest) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": Prompt.NAMES.kind,
        "name": name_of(prompt),
        "uid": uid_of(prompt),
        "controller": True,
    }


class ProjectedText(msgspec.Struct, frozen=True):
    """The text, or what keeps it from being one."""

    text: str = ""
    objection: str = ""


def projected(content: bytes, values: str) -> ProjectedText:
    """Render canonical content with `values`, a Supplement as JSON: a text as it is, messages as a JSON list of role and content."""
    try:
        made = plan(json_of(content))
    except InvalidSpec as error:
        return ProjectedText(objection=str(error))
    return _rendered(made, values)


def projected_at_once(content: bytes, values: str) -> ProjectedText | None:
    """Do the same where that takes next to nothing, which is where values are put in and nothing else; else return None."""
    try:
        made = plan(json_of(content))
    except InvalidSpec as error:
        return ProjectedText(objection=str(error))
    substitutes = all(isinstance(part, Said) and part.program.is_substitution for part in made.parts)
    return _rendered(made, values) if substitutes else None


def _rendered(made: Plan, values: str) -> ProjectedText:
    filled = read(values, Supplement).variables if values else {}
    try:
        rendered = made.render({}, strict=True, filled=filled)
    except InvalidInput as refused:
        return ProjectedText(objection=str(refused))
    if made.is_chat:
        return ProjectedText(msgspec.json.encode(rendered.messages).decode())
    return ProjectedText(rendered.text)
