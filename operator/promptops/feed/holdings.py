"""Every scope that a follower holds: the one of its token, or as many as the hop above sends."""

from __future__ import annotations

from concurrent.futures import wait
from typing import Final

from promptops.api import reasons
from promptops.api.feed import Position
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.cache.tiers.keeper import Keeper
from promptops.cache.tiers.tier import Loaded
from promptops.cache.verifier import to_token
from promptops.cache.view import View
from promptops.feed.holding import Holding, Rules

LOAD_SECONDS: Final = 3.0
"""So long a start waits for what survived. A tier that needs longer is served from when it is read, if by then nothing is."""


class Holdings:
    """Holdings by scope."""

    def __init__(self, rules: Rules, store: Store | None = None) -> None:
        """`store`: the only one, whatever its scope turns out to be; None: one for each scope that comes."""
        self.stores: dict[str, Store] = {}
        """By scope, unless there is only one."""
        self._rules = rules
        self._sole = store
        self._pinned: str | None = None
        """The scope of the sole store, once an index of it was taken: from then on no other is."""
        self._holdings: dict[str, Holding] = {}
        self._floors: dict[str, Position] = {}
        self._adopted: set[Keeper] = set()
        self._started = False

    @property
    def many(self) -> bool:
        """Whether more than one scope is held."""
        return self._sole is None

    @property
    def scope(self) -> str | None:
        """The only scope that is taken, once an index of it was."""
        return self._pinned

    @property
    def token(self) -> str | None:
        """The signed header of what is held, as one word; None when nothing is, or more than one scope."""
        view = self.held
        return to_token(view.signed) if view is not None and view.signed is not None else None

    @property
    def held(self) -> View | None:
        """What is held of the only scope; None when nothing is, or more than one scope may be."""
        return self._sole.current if self._sole is not None else None

    @property
    def confirmed_at(self) -> float | None:
        """When the origin confirmed that, by CLOCK_BOOTTIME."""
        return self._sole.confirmed_at if self._sole is not None else None

    def start(self) -> None:
        """Begin to load what survived."""
        if not self._started:
            self._started = True
            for keeper in self._rules.keepers:
                keeper.start()

    def restore(self, seconds: float = LOAD_SECONDS) -> None:
        """Serve what survived, as far as it can be read in this time. Blocks for no longer."""
        self.start()
        # A tier that does not last has nothing to load.
        wait([keeper.loaded for keeper in self._rules.keepers if keeper.tier.durable], seconds)
        self.adopt()

    def adopt(self) -> bool:
        """Serve what survived of those scopes of which nothing is held. Returns whether everything was looked at."""
        there = [keeper for keeper in self._rules.keepers if keeper.loaded.done() and keeper not in self._adopted]
        self._adopted.update(there)
        best: dict[str, Loaded] = {}
        for loaded in [each for keeper in there for each in keeper.loaded.result()]:
            self._note_floor(loaded)
            if _position(loaded) >= _position(best.get(loaded.scope)):
                best[loaded.scope] = loaded
        for loaded in sorted(best.values(), key=lambda each: each.confirmed_at or 0.0, reverse=True):
            self._serve(loaded)
        return len(self._adopted) == len(self._rules.keepers)

    def of(self, scope: str) -> Holding:
        """Return the holding of a scope. Raises Refused(WrongScope) when only another may be held."""
        if self._pinned is not None and scope != self._pinned:
            raise Refused(reasons.WRONG_SCOPE, f"taken for {scope}, this is {self._pinned}")
        if scope not in self._holdings:
            self._holdings[scope] = Holding(scope, self._store(scope), self._rules, self._floors.get(scope))
        return self._holdings[scope]

    def taken(self, scope: str) -> None:
        """Note that an index of the scope was taken: if only one may be held, it is this one."""
        if self._sole is not None and self._pinned is None:
            self._pinned = scope
            self._holdings = {scope: self._holdings[scope]}
            for keeper in self._rules.keepers:
                keeper.keep_only(scope)

    def leave(self, scope: str, reason: str) -> None:
        """Hold a scope no longer, of many, and send away whoever follows it here."""
        self._holdings.pop(scope, None)
        store = self.stores.pop(scope, None)
        if store is not None:
            store.end(reason)

    def close(self) -> None:
        """Let go of the tiers, hanging or not."""
        if self._started:
            for keeper in self._rules.keepers:
                keeper.close()

    def _store(self, scope: str) -> Store:
        return self._sole if self._sole is not None else self.stores.setdefault(scope, Store())

    def _note_floor(self, loaded: Loaded) -> None:
        if loaded.floor is not None:
            self._floors[loaded.scope] = max(loaded.floor, self._floors.get(loaded.scope, loaded.floor))

    def _serve(self, loaded: Loaded) -> None:
        store, floor = self._store(loaded.scope), self._floors.get(loaded.scope)
        if loaded.view is None or store.current is not None or (floor is not None and loaded.view.position <= floor):
            return
        store.confirmed_at = loaded.confirmed_at
        store.swap(loaded.view)


def _position(loaded: Loaded | None) -> Position:
    """Where a view stands, below everything when there is none."""
    return loaded.view.position if loaded is not None and loaded.view is not None else Position(-1, -1, -1)
