"""What is held of one scope at one position: immutable, complete, ready to be read by a render."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from promptops.api.feed import PROTOCOL, Entry, Header, Nack, Position, Signed
from promptops.api.http import Source
from promptops.cache.index import Index, encode_entry
from promptops.cache.older import Older


@dataclass(frozen=True)
class View:
    """One state of one scope. Never changed: the store replaces it by another."""

    header: Header
    signed: Signed | None
    """The header as it was signed; None where nobody signs (a directory)."""
    entries: Mapping[str, Entry]
    """By name, what is served. A prompt whose newest entry could not be taken stands here with its older one."""
    names: Mapping[str, str]
    """Every name and every id → name. A name always wins over another prompt's id."""
    blobs: Mapping[str, bytes]
    """Digest → canonical bytes. The blob of a held, disabled or nacked entry may be missing: unavailable."""
    source: Source
    nacks: Mapping[str, Nack] = field(default_factory=dict)
    """By name, the prompts whose newest entry could not be taken."""
    older: Mapping[str, Older] = field(default_factory=dict)
    """By name, what is served instead of the newest entry, of those nacked prompts that had one before."""
    index: Index = field(default_factory=Index)
    """By name, exactly what `header` was signed over."""
    uses: Mapping[str, int] = field(default_factory=dict)
    """Digest → how many prompts name it, in what was signed or what is served."""

    @property
    def position(self) -> Position:
        """Where in the scope's history this stands."""
        return self.header.position

    @classmethod
    def build(
        cls,
        header: Header,
        signed: Signed | None,
        entries: Iterable[Entry],
        blobs: Mapping[str, bytes],
        source: Source,
        nacks: Mapping[str, Nack] | None = None,
        index: Index | None = None,
    ) -> View:
        """Return a view of these entries; `index` is made from them unless it is given."""
        by_names = {entry.name: entry for entry in entries}
        index = Index.of(map(encode_entry, by_names.values())) if index is None else index
        return cls(
            header=header,
            signed=signed,
            entries=by_names,
            names=resolve_names(by_names),
            blobs=blobs,
            source=source,
            nacks=nacks or {},
            index=index,
            uses=uses_of(index, by_names),
        )

    @classmethod
    def unsigned(
        cls,
        entries: Iterable[Entry],
        blobs: Mapping[str, bytes],
        seq: int,
        *,
        namespace: str,
        tenant: str,
        epoch: int = 0,
        before: View | None = None,
    ) -> View:
        """Return a view of a directory: nobody numbered or signed it, `seq` counts the reloads of one process, `epoch` the processes.

        What is the same in the view `before` it is taken from there, as it was encoded.
        """
        wanted = {entry.name: entry for entry in entries}
        held = before.index if before is not None else Index()
        fresh = [entry for name, entry in wanted.items() if not (known := held.get(name)) or known.entry != entry]
        index = held.changed(map(encode_entry, fresh), held.keys() - wanted.keys())
        header = Header(
            v=PROTOCOL,
            scope="directory",
            namespace=namespace,
            tenant=tenant,
            epoch=epoch,
            term=0,
            seq=seq,
            entries=index.digest,
            count=len(index),
            kid="",
        )
        return cls.build(header, None, wanted.values(), blobs, "directory", index=index)


def resolve_names(entries: Mapping[str, Entry]) -> dict[str, str]:
    """Return every name and id → name. Of two prompts with the same id the first by name has it."""
    names: dict[str, str] = {}
    for name in sorted([entry.name for entry in entries.values() if entry.ids], reverse=True):
        for alias in entries[name].ids:
            names[alias] = name
    names.update(zip(entries, entries, strict=True))
    return names


def named_by(name: str, index: Index, entries: Mapping[str, Entry]) -> frozenset[str]:
    """Return the blobs that a prompt names, in what was signed and in what is served of it."""
    encoded, entry = index.get(name), entries.get(name)
    signed = encoded.blobs if encoded is not None else frozenset()
    if entry is None or (encoded is not None and entry is encoded.entry):
        return signed
    return signed | entry.digests()


def uses_of(index: Index, entries: Mapping[str, Entry]) -> dict[str, int]:
    """Return by how many prompts each blob is named."""
    return dict(Counter(chain.from_iterable([named_by(name, index, entries) for name in {**index, **entries}])))
