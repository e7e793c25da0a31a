"""What is known of the cluster: the newest state of every object, and who depends on whom. One door in, no I/O."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from promptops.controller.intake.contents import Contents
from promptops.controller.intake.data import ConfigMapData
from promptops.controller.intake.relations import Relations
from promptops.controller.intake.slim import Packed, packed, slimmed, unpacked
from promptops.controller.keys import TENANCY, Key
from promptops.domain.manifests import PARTIAL, Manifest, status_of
from promptops.domain.standing import Standing

DELETED = "DELETED"
SETTLE_SECONDS = 1.0
"""A namespace in which nothing came or went for so long is settled: whoever applies or deletes a folder is done."""
SETTLE_AT_MOST_SECONDS = 10.0
_MAX_TOMBSTONES = 100_000

Name = tuple[str, str]
"""Namespace, empty for what has none, and name."""


@dataclass(frozen=True)
class Discrepancy:
    """How what is known differs from a complete list."""

    gone: tuple[Manifest, ...]
    """Known, older than the list, and not in it."""
    outdated: tuple[Name, ...]
    """In the list, and unknown or known in an older state."""
    known: int
    """How many objects of the kind were known."""

    @property
    def shrinks_by_half(self) -> bool:
        """Whether the list would take away so much that a second one should say so too."""
        return len(self.gone) * 2 > self.known


@dataclass(slots=True)
class _Known:
    kind: str
    name: Name
    uid: str
    resource_version: int
    generation: Any
    arrived_at: float
    """When this generation arrived, by our monotonic clock."""
    object: Packed
    standing: Standing | None
    """Of a Prompt."""
    written: Mapping[str, Any] | None = None
    """The status that we wrote last, until it stands in the object."""

    @property
    def manifest(self) -> dict[str, Any]:
        """The object."""
        manifest = unpacked(self.object)
        if manifest is not self.object:
            # What others remember of an object is the same string for all of them.
            read = manifest["metadata"]
            (read["namespace"], read["name"]), read["uid"] = self.name, self.uid
        return manifest


class ObjectStore:
    """Every object of the watched kinds. Belongs to one event loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._objects: dict[str, dict[Name, _Known]] = {}
        self._known: dict[str, _Known] = {}
        """The same by uid."""
        self._tombstones: OrderedDict[str, int] = OrderedDict()
        self._arrivals: dict[str, float] = {}
        self.relations = Relations()
        self.contents = Contents()
        self.data = ConfigMapData()

    def ingest(self, kind: str, type_: str | None, manifest: Manifest) -> frozenset[Key]:
        """Take in an object as a watch, a list, or an answer to a write brought it; return what to decide anew.

        Older states than the known one, and echoes of our own status writes, come to nothing.
        """
        if type_ == DELETED:
            return self._remove(kind, manifest)
        if _version(manifest) <= self._newest(_uid(manifest)):
            self._complete(kind, manifest)
            return frozenset()
        return self._upsert(kind, self._kept(kind, manifest))

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object."""
        known = self._objects.get(kind, {}).get((namespace, name))
        return known.manifest if known is not None else None

    def uid_of(self, kind: str, namespace: str, name: str) -> str | None:
        """Return the uid of an object; None when there is no such."""
        known = self._objects.get(kind, {}).get((namespace, name))
        return known.uid if known is not None else None

    def all(self, kind: str) -> tuple[Manifest, ...]:
        """Return every object of a kind."""
        return tuple(known.manifest for known in self._objects.get(kind, {}).values())

    def names(self, kind: str) -> tuple[Name, ...]:
        """Return the names of every object of a kind."""
        return tuple(self._objects.get(kind, {}))

    def standing(self, namespace: str, name: str) -> Standing | None:
        """Return what a Prompt's status says, in short; None when there is no such Prompt."""
        known = self._objects.get("Prompt", {}).get((namespace, name))
        return known.standing if known is not None else None

    def standings(self) -> Iterator[tuple[Name, Standing]]:
        """Yield the same of every Prompt, by its name."""
        for name, known in self._objects.get("Prompt", {}).items():
            if known.standing is not None:
                yield name, known.standing

    def expect_status(self, uid: str, status: Mapping[str, Any]) -> None:
        """Note the status that is about to be written, so that its echo is known even when it is faster than the answer."""
        if uid in self._known:
            self._known[uid].written = status

    def is_settled(self, manifest: Manifest) -> bool:
        """Tell whether what this object refers to had its time to arrive: git applies in any order."""
        now = self._monotonic()
        known = self._known.get(_uid(manifest))
        arrived = known.arrived_at if known else now
        quiet_since = self._arrivals.get(_name(manifest)[0], 0.0)
        return now - quiet_since >= SETTLE_SECONDS or now - arrived >= SETTLE_AT_MOST_SECONDS

    def seconds_to_settle(self, manifest: Manifest) -> float:
        """Return how long nothing must come or go for the object's namespace to be settled; 0 when it is."""
        return max(0.0, self._arrivals.get(_name(manifest)[0], 0.0) + SETTLE_SECONDS - self._monotonic())

    def knows(self, uid: str, resource_version: int, *, deleted: bool = False) -> bool:
        """Tell whether this state of an object, or a later one, was heard of."""
        return self._newest(uid) >= resource_version or (deleted and uid not in self._known)

    def rewind(self) -> None:
        """The cluster went back in time: whatever is read from now on is newer than what is known."""
        for known in self._known.values():
            known.resource_version = 0
        self._tombstones.clear()
        self.data.clear()

    def went_back(self, kind: str, listed: Iterable[Manifest], resource_version: str) -> bool:
        """Tell whether a consistent list shows an older state than one that was known before it was taken."""
        at = _number(resource_version)
        return any(
            known.resource_version <= at and _version(each) < known.resource_version
            for each in listed
            if (known := self._known.get(_uid(each))) is not None
        )

    def newest(self, kind: str) -> int:
        """Return the highest resourceVersion that is known of a kind."""
        return max((known.resource_version for known in self._known.values() if known.kind == kind), default=0)

    def compare(self, kind: str, listed: Iterable[Manifest], resource_version: str) -> Discrepancy:
        """Compare with a complete list (metadata is enough) taken at a resourceVersion."""
        by_uid = {_uid(manifest): manifest for manifest in listed}
        at = _number(resource_version)
        known = {uid: each for uid, each in self._known.items() if each.kind == kind}
        gone = (each.manifest for uid, each in known.items() if uid not in by_uid and each.resource_version <= at)
        outdated = (_name(each) for uid, each in by_uid.items() if _version(each) > self._newest(uid))
        return Discrepancy(tuple(gone), tuple(outdated), len(known))

    def unread(self, namespace: str, name: str) -> Manifest | None:
        """Return a ConfigMap of which nothing but its metadata is at hand; None when there is no such."""
        found = self.get("ConfigMap", namespace, name)
        return None if found is None or self.data.is_there(found) else found

    def _kept(self, kind: str, manifest: Manifest) -> dict[str, Any]:
        if kind == "ConfigMap":
            return self.data.take(slimmed(kind, manifest))
        return slimmed(kind, self.contents.take(manifest) if kind == "PromptVersion" else manifest)

    def _complete(self, kind: str, manifest: Manifest) -> None:
        """Take in the data of a ConfigMap's known state. Nobody is told: who asked for it goes on by itself."""
        if kind == "ConfigMap" and manifest.get("kind") != PARTIAL:
            unread = self.unread(*_name(manifest))
            if unread is not None and (_uid(unread), _version(unread)) == (_uid(manifest), _version(manifest)):
                self._known[_uid(manifest)].object = self._kept(kind, manifest)

    def _newest(self, uid: str) -> int:
        known = self._known.get(uid)
        return known.resource_version if known else self._tombstones.get(uid, -1)

    def _upsert(self, kind: str, manifest: dict[str, Any]) -> frozenset[Key]:
        uid, name, version = _uid(manifest), _name(manifest), _version(manifest)
        objects = self._objects.setdefault(kind, {})
        holder = objects.get(name)
        before = holder.manifest if holder is not None else None
        if holder is not None and holder.uid != uid:
            # Recreated under the same name; the two may be heard of in either order.
            if version < holder.resource_version:
                self._drop(uid)
                return frozenset()
            self._forget(holder.uid)
        known = self._known.get(uid)
        replaced = before if known is not None else None
        self._tombstones.pop(uid, None)
        objects[name] = self._known[uid] = noted = self._noted(kind, known, manifest, replaced)
        is_echo = replaced is not None and self._is_echo(kind, uid, replaced, manifest)
        if manifest.get("status") == noted.written:
            # It stands in the object from now on: a second copy of every status would be kept for nothing.
            noted.written = None
        if replaced is not None and is_echo:
            return self.relations.served(replaced, manifest) if kind == "Prompt" else frozenset()
        return self._affected(kind, before, manifest)

    def _noted(self, kind: str, known: _Known | None, manifest: dict[str, Any], before: Manifest | None) -> _Known:
        uid, name, now = _uid(manifest), _name(manifest), self._monotonic()
        if known is not None:
            uid, name = known.uid, known.name
        generation = manifest["metadata"].get("generation")
        is_same = known is not None and known.generation == generation
        arrived_at = known.arrived_at if known is not None and is_same else now
        if before is None or _substance(kind, before) != _substance(kind, manifest):
            self._arrivals[name[0]] = now
        standing, written = None, known.written if known is not None else None
        if kind == "Prompt":
            is_as_before = known is not None and before is not None and before.get("status") == manifest.get("status")
            standing = known.standing if known is not None and is_as_before else Standing.of(uid, status_of(manifest))
        kept = packed(kind, manifest)
        return _Known(kind, name, uid, _version(manifest), generation, arrived_at, kept, standing, written)

    def _is_echo(self, kind: str, uid: str, before: Manifest, after: Manifest) -> bool:
        """Tell whether nothing changed, or nothing but the status, and that to what we wrote."""
        if _substance(kind, before) != _substance(kind, after):
            return False
        return after.get("status") in (before.get("status"), self._known[uid].written)

    def _remove(self, kind: str, manifest: Manifest) -> frozenset[Key]:
        uid, name = _uid(manifest), _name(manifest)
        known = self._known.get(uid)
        # The same object returns when it leaves the watch's selector and enters it again.
        if known is not None and _version(manifest) < known.resource_version:
            return frozenset()
        self._bury(uid, _version(manifest))
        self._drop(uid)
        if known is None:
            return frozenset()
        del self._known[uid]
        del self._objects[kind][name]
        self._arrivals[name[0]] = self._monotonic()
        return self._affected(kind, known.manifest, None)

    def _forget(self, uid: str) -> None:
        known = self._known.pop(uid)
        self._drop(uid)
        self._bury(uid, known.resource_version)

    def _drop(self, uid: str) -> None:
        self.contents.drop(uid)
        self.data.drop(uid)

    def _bury(self, uid: str, version: int) -> None:
        self._tombstones[uid] = max(version, self._tombstones.get(uid, -1))
        self._tombstones.move_to_end(uid)
        while len(self._tombstones) > _MAX_TOMBSTONES:
            self._tombstones.popitem(last=False)

    def _affected(self, kind: str, before: Manifest | None, after: Manifest | None) -> frozenset[Key]:
        if kind in ("Namespace", "Tenant"):
            return frozenset({TENANCY})
        return self.relations.moved(kind, before, after)


def _substance(kind: str, manifest: Manifest) -> tuple[Any, ...]:
    """What of an object decisions depend on, its status aside. Of a ConfigMap nothing but its version says that it changed."""
    volatile = _MANAGED if kind == "ConfigMap" else _VOLATILE
    return {key: value for key, value in manifest["metadata"].items() if key not in volatile}, manifest.get("spec")


_MANAGED = frozenset({"managedFields"})
_VOLATILE = frozenset({"resourceVersion", *_MANAGED})


def _uid(manifest: Manifest) -> str:
    return str(manifest["metadata"]["uid"])


def _name(manifest: Manifest) -> Name:
    metadata = manifest["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _version(manifest: Manifest) -> int:
    return _number(manifest["metadata"].get("resourceVersion"))


def _number(resource_version: object) -> int:
    """Read a resourceVersion: Kubernetes promises since 1.35 what has always held, that they are numbers that grow."""
    text = str(resource_version or "")
    return int(text) if text.isdecimal() else 0
