"""The objects of a cluster of one's own: made, changed and gone as an API server would have it, and whom that concerns."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from promptops.domain.manifests import Manifest, mapping, metadata, name_of, sequence, spec_of, status_of, uid_of
from promptops.domain.ownership import calls_of, config_maps_of, owner_uids, prompt_of
from promptops.domain.review import immutable_changes
from promptops.workspace.manifest_files import Flaw, Found, Identity

SCOPE: Final = "directory"
"""Tenant, namespace and field manager of everything here."""
_BEGINNING: Final = "1970-01-01T00:00:00Z"
"""Of no object can be told when it was made. Equal times leave the order to the uid, which follows from the name."""
_UIDS: Final = uuid.UUID("7d0d2f0e-5b1c-4b8e-9a35-6d0f6e1d7c11")
Object = dict[str, Any]


class LocalObjects:
    """Objects by kind and name, entered under what they refer to."""

    def __init__(self, gone: Callable[[Identity, Manifest], None]) -> None:
        """`gone` hears of every object that is no more."""
        self._gone = gone
        self._objects: dict[Identity, Object] = {}
        self._made: defaultdict[Identity, int] = defaultdict(int)
        """How often an object of that kind and name was made: a recreated one is another one."""
        self._versions: defaultdict[str, set[str]] = defaultdict(set)
        """Prompt → names of the versions that name it."""
        self._called: defaultdict[str, set[str]] = defaultdict(set)
        """What can be called → the prompts that can be called so."""
        self._asking: defaultdict[str, set[str]] = defaultdict(set)
        """Name of a PromptVersion → the prompts that looked for it, as something that is included."""
        self._applied: dict[Identity, Found] = {}
        self._refused: dict[Identity, Flaw] = {}
        self._concerned: set[str] = set()
        """Prompts that something changed for."""

    def apply(self, found: Iterable[Found]) -> tuple[Flaw, ...]:
        """Make the objects those that were found; return what the API server would have refused to change."""
        wanted = {one.identity: one for one in found}
        for identity, held in list(self._objects.items()):
            if identity not in wanted and not owner_uids(held):
                self.delete(identity)
        for identity, one in wanted.items():
            if self._applied.get(identity) is not one:
                self._applied[identity] = one
                self._put(one)
        return tuple(self._refused[identity] for identity in wanted if identity in self._refused)

    def create(self, identity: Identity, manifest: Manifest, *, owned: bool = True) -> Manifest:
        """Make an object and return it; its owners count when they are of here."""
        kind, name = identity
        self._made[identity] += 1
        given = metadata(manifest)
        made = self._objects[identity] = {
            **manifest,
            "metadata": {
                "name": name,
                "namespace": SCOPE,
                "uid": str(uuid.uuid5(_UIDS, f"{kind}/{name}/{self._made[identity]}")),
                "generation": 1,
                "creationTimestamp": _BEGINNING,
                "labels": dict(mapping(given.get("labels"))),
                "ownerReferences": list(sequence(given.get("ownerReferences"))) if owned else [],
                "managedFields": [_managed(manifest)],
            },
        }
        self._note(identity, made)
        return made

    def delete(self, identity: Identity) -> None:
        """Take an object away, and with a Prompt the versions that were made from it."""
        gone = self._objects.pop(identity, None)
        self._applied.pop(identity, None)
        self._refused.pop(identity, None)
        if gone is None:
            return
        self._forget(identity, gone)
        self._gone(identity, gone)
        if identity[0] == "Prompt":
            for name in list(self._versions[identity[1]]):
                if uid_of(gone) in owner_uids(self._objects["PromptVersion", name]):
                    self.delete(("PromptVersion", name))

    def __getitem__(self, identity: Identity) -> Object:
        """Return an object, whose status the caller may write. Raises KeyError."""
        return self._objects[identity]

    def find(self, kind: str, name: str) -> Object | None:
        """Return an object; None when there is none."""
        return self._objects.get((kind, name))

    def of(self, kind: str, names: Iterable[str]) -> Iterator[Object]:
        """Return those of the named objects that are there, by name."""
        return (self._objects[kind, name] for name in sorted(names) if (kind, name) in self._objects)

    def versions_of(self, prompt: str) -> frozenset[str]:
        """Return the names of the PromptVersions that name a prompt."""
        return frozenset(self._versions[prompt])

    def rivals_of(self, prompt: Manifest) -> frozenset[str]:
        """Return the names of the other prompts that want to be called as this one."""
        return frozenset(rival for call in calls_of(prompt) for rival in self._called[call]) - {name_of(prompt)}

    def included(self, version: str, prompt: str) -> Object | None:
        """Return a PromptVersion that a prompt includes. Whatever becomes of it concerns the prompt from now on."""
        self._asking[version].add(prompt)
        return self.find("PromptVersion", version)

    def is_included(self, version: str) -> bool:
        """Whether a prompt ever looked for a PromptVersion as something that is included."""
        return bool(self._asking.get(version))

    def concerned(self) -> list[str]:
        """Return the names of the prompts that something changed for since the last call, in their order."""
        concerned, self._concerned = self._concerned, set()
        return sorted(each for each in concerned if ("Prompt", each) in self._objects)

    def settle(self, prompt: str) -> None:
        """Take back that something changed for a prompt: it has just been looked at."""
        self._concerned.discard(prompt)

    def _put(self, one: Found) -> None:
        self._refused.pop(one.identity, None)
        held = self._objects.get(one.identity)
        if held is None:
            # A file that was exported from a cluster names owners that do not exist here.
            self.create(one.identity, one.manifest, owned=False)
        elif refused := immutable_changes(held, one.manifest):
            message = f"{' '.join(one.identity)}: {refused[0].sentence}"
            self._refused[one.identity] = Flaw(one.place, message, one.identity)
        else:
            self._forget(one.identity, held)
            _update(held, one.manifest)
            self._note(one.identity, held)

    def _note(self, identity: Identity, held: Manifest) -> None:
        """Enter an object under what it refers to, and note whom that concerns."""
        kind, name = identity
        if kind == "PromptVersion":
            self._versions[prompt_of(held)].add(name)
        for call in calls_of(held) if kind == "Prompt" else ():
            self._called[call].add(name)
        self._concerned |= self._concerns(identity, held)

    def _forget(self, identity: Identity, held: Manifest) -> None:
        """Do the opposite, before an object changes or goes."""
        kind, name = identity
        self._concerned |= self._concerns(identity, held)
        if kind == "PromptVersion":
            self._versions[prompt_of(held)].discard(name)
        for call in calls_of(held) if kind == "Prompt" else ():
            self._called[call].discard(name)

    def _concerns(self, identity: Identity, held: Manifest) -> set[str]:
        kind, name = identity
        if kind == "Prompt":
            return {rival for call in calls_of(held) for rival in self._called[call]} | {name}
        if kind == "PromptVersion":
            # A version may also stand in the way of another prompt's version of the same name.
            in_the_way = {each for each in _prefixes(name) if ("Prompt", each) in self._objects}
            return {prompt_of(held)} | in_the_way | self._asking.get(name, set())
        return {
            each
            for (kind, each), prompt in self._objects.items()
            if kind == "Prompt" and name in config_maps_of(prompt)
        }


def _prefixes(version_name: str) -> Iterator[str]:
    """Yield what may be a prompt's name before a version's number."""
    parts = version_name.split("-")
    return ("-".join(parts[:end]) for end in range(1, len(parts)))


def _update(held: Object, wanted: Manifest) -> None:
    """Make an object what its file says, and keep what the cluster knows of it."""
    generation = held["metadata"]["generation"] + (spec_of(held) != spec_of(wanted))
    known = {"metadata": held["metadata"], "status": status_of(held)}
    held.clear()
    held.update({**wanted, **known})
    labels = dict(mapping(metadata(wanted).get("labels")))
    held["metadata"] |= {"generation": generation, "labels": labels, "managedFields": [_managed(held)]}


def _managed(manifest: Manifest) -> dict[str, Any]:
    """Say that everything in the object came from the directory; history asks who wrote a field."""
    parts: dict[str, dict[str, Any]] = {}
    for part in ("spec", "data"):
        parts[f"f:{part}"] = {f"f:{key}": {} for key in mapping(manifest.get(part))}
    return {"manager": SCOPE, "operation": "Apply", "time": _BEGINNING, "fieldsV1": parts}
