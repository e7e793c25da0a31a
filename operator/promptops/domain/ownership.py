"""Which Prompt a PromptVersion belongs to, and what a Prompt can be called by."""

from promptops.api.v1alpha1 import GROUP
from promptops.domain.manifests import Manifest, mapping, metadata, name_of, sequence, spec_of, text


def owner_uids(version: Manifest) -> frozenset[str]:
    """Return the uids of the Prompts that a version says it is owned by."""
    owners = map(mapping, sequence(metadata(version).get("ownerReferences")))
    return frozenset(
        text(owner.get("uid"))
        for owner in owners
        if owner.get("kind") == "Prompt" and text(owner.get("apiVersion")).partition("/")[0] == GROUP
    )


def belongs(version: Manifest, name: str, uid: str) -> bool:
    """Whether a version is this Prompt's: by name, unless its owner is another uid. An ownerless one belongs (restores)."""
    owners = owner_uids(version)
    return prompt_of(version) == name and (not owners or uid in owners)


def prompt_of(version: Manifest) -> str:
    """Return the name of the Prompt that a version refers to."""
    return text(mapping(spec_of(version).get("promptRef")).get("name"))


def number_of(version: Manifest) -> str:
    """Return a version's number as it is written."""
    return text(spec_of(version).get("version"))


def lifecycle_of(version: Manifest) -> str:
    """Return what a version's author says of it: Available, Deprecated or Archived."""
    return text(spec_of(version).get("lifecycle")) or "Available"


def config_maps_of(prompt: Manifest) -> frozenset[str]:
    """Return the names of the ConfigMaps that a Prompt reads: its source's, and those of its values."""
    return frozenset({source_map_of(prompt), *values_maps_of(prompt)} - {""})


def source_map_of(prompt: Manifest) -> str:
    """Return the name of the ConfigMap that a Prompt's source refers to, empty when it refers to none."""
    return text(mapping(mapping(spec_of(prompt).get("source")).get("configMapKeyRef")).get("name"))


def values_maps_of(prompt: Manifest) -> tuple[str, ...]:
    """Return the names of the ConfigMaps whose values fill a Prompt's variables, the weakest first."""
    return tuple(text(mapping(each).get("configMapName")) for each in sequence(spec_of(prompt).get("valuesFrom")))


def calls_of(prompt: Manifest) -> frozenset[str]:
    """Return what applications can call a Prompt: its name, and its promptId when it has one."""
    return frozenset({name_of(prompt), text(spec_of(prompt).get("promptId"))} - {""})
