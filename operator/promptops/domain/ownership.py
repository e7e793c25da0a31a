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


def calls_of(prompt: Manifest) -> frozenset[str]:
    """Return what applications can call a Prompt: its name, and its promptId when it has one."""
    return frozenset({name_of(prompt), text(spec_of(prompt).get("promptId"))} - {""})
