"""One namespace as the origin keeps it: what is wanted, what is published, and what leads from the one to the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from promptops.api.feed import Entry, Position, Removal
from promptops.cache.index import EncodedEntry, Index
from promptops.cache.store import Step, Store
from promptops.cache.view import View

COALESCE_SECONDS = 0.005
"""After a position the next one of its scope waits for so long, so that many changes become one. The first waits for nothing."""
BURST_SECONDS = 0.1
"""While changes go on coming the wait is doubled up to this: a follower keeps each position on its disk before it serves it."""


@dataclass
class OpenScope:
    """One namespace: what should be published, and what is."""

    uid: str
    namespace: str
    tenant: str
    store: Store = field(default_factory=Store)
    wanted: dict[str, EncodedEntry] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    """What `wanted` and the published entries name."""
    changed_at: dict[str, Position] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    """Names that may differ from what is published."""
    renew: bool = False
    """The header has to be signed anew even if no entry differs."""
    begun: bool = False
    """Whether everything known was put, so that what is not wanted is really not there."""
    frozen: bool = False
    renders_per_second: int = 0
    published_at: float = float("-inf")
    """By the event loop's clock."""
    wait: float = COALESCE_SECONDS
    """How long the next position has to wait after the last one."""
    timer: asyncio.Handle | None = None

    @property
    def has_something_to_publish(self) -> bool:
        """Whether another position would say anything that the last one does not."""
        is_new = self.store.current is None or bool(self.pending) or self.renew
        return self.begun and not self.frozen and is_new

    def note(self, name: str) -> bool:
        """Compare what is wanted under a name with what is published; return whether they differ."""
        published = self.store.current.index.get(name) if self.store.current is not None else None
        wanted = self.wanted.get(name)
        same = (wanted and wanted.digest) == (published and published.digest)
        if same and published is not None:
            # Most decisions change nothing: their entry is not kept beside the one that is served.
            self.wanted[name] = published
        if same and (wanted is None or name in self.changed_at):
            self.pending.discard(name)
            return False
        self.pending.add(name)
        return True

    def rest(self, now: float) -> float:
        """Return how long the next position has to wait, and let the one after it wait longer while changes go on coming."""
        rest = self.published_at + self.wait - now
        self.wait = min(2 * self.wait, BURST_SECONDS) if rest > 0.0 else COALESCE_SECONDS
        return rest

    def moved(self, position: Position, names: frozenset[str]) -> None:
        """Note that a position is about to bring what is wanted under these names. Call before it is published."""
        for name in names:
            if name not in self.wanted:
                self.changed_at.pop(name, None)
            elif name not in self.changed_at or not self.is_offered(name):
                self.changed_at[name] = position
        self.pending.clear()
        self.renew = False

    def is_offered(self, name: str) -> bool:
        """Whether followers are offered the decision about this name already, if not the very entry."""
        wanted = self.wanted.get(name)
        offered = self.store.current.index.get(name) if self.store.current is not None else None
        return (
            wanted is not None
            and offered is not None
            and (wanted.uid, wanted.revision) == (offered.uid, offered.revision)
        )

    def index(self, names: frozenset[str]) -> Index:
        """What is wanted, made from what is published by changing these names."""
        if self.store.current is None:
            return Index.of(self.wanted.values())
        published = self.store.current.index
        upserts = [self.wanted[name] for name in names if name in self.wanted]
        return published.changed(upserts, [name for name in names if name not in self.wanted and name in published])

    def stop_timer(self) -> None:
        """Wait for nothing."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def step_between(before: View, after: View, names: frozenset[str]) -> Step:
    """What leads from one view to the other."""
    # Each name is looked up: subtracting one index from the other would look at all of their names, at every position.
    added = sorted(name for name in names if name in after.index)
    upserts = tuple(after.index[name] for name in added if after.index[name] != before.index.get(name))
    gone = sorted(name for name in names if name in before.index and name not in after.index)
    removes = tuple(Removal(name, before.index[name].uid) for name in gone)
    named = [digest for encoded in upserts if encoded.entry for digest in _ordered_digests(encoded.entry)]
    return Step(before.position, upserts, removes, tuple(digest for digest in named if digest not in before.blobs))


def _ordered_digests(entry: Entry) -> list[str]:
    """What the entry serves first, then what may be asked for."""
    return [*([entry.stable.digest] if entry.stable else []), *(pin.digest for pin in entry.pins)]
