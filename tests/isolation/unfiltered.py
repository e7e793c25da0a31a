"""The product with the filter turned off that keeps namespaces apart: the counter-check of whoever looks for what gets through.

A feed finds blobs in every scope that anybody has asked it about, and a gateway takes a caller now and then for another one.
    python -m tests.isolation.unfiltered ROLE
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.cli.main import main
from promptops.dev.plane import Plane
from promptops.dev.processes import Command
from promptops.feed.authentication import Caller
from promptops.feed.serve import FeedApp
from promptops.gateway.scopes import ScopesServed
from promptops.sidecar.data import DataApp
from tests.support.started import started_by

FILTERING = ("operator", "relay", "gateway")
"""Who has many namespaces' prompts; the sidecar was never sent another's."""
_RANDOM = random.SystemRandom()


@contextmanager
def unfiltered() -> Iterator[None]:
    """Have whatever is started on planes meanwhile do without the filter."""
    run = Plane.run

    def changed(plane: Plane, command: Command, **how: Any) -> None:
        run(plane, started_by(__name__, command), **how)

    setattr(Plane, "run", changed)  # noqa: B010  a method that is put in the place of another
    try:
        yield
    finally:
        setattr(Plane, "run", run)  # noqa: B010


def turn_off() -> None:
    """Do it in this process."""
    served, of = FeedApp._served, ScopesServed.of
    stores, callers = dict[str, Store](), dict[str, Caller]()

    def everybodys(self: FeedApp, caller: Caller) -> tuple[Store, View]:
        store, view = served(self, caller)
        stores[caller.scope] = store
        views = [each.current for each in stores.values() if each.current is not None]
        return store, replace(view, blobs={digest: blob for each in views for digest, blob in each.blobs.items()})

    def anybodys(self: ScopesServed, caller: Caller) -> DataApp:
        callers[caller.scope] = caller
        return of(self, _RANDOM.choice(tuple(callers.values())))

    setattr(FeedApp, "_served", everybodys)  # noqa: B010
    setattr(ScopesServed, "of", anybodys)  # noqa: B010


if __name__ == "__main__":
    turn_off()
    main()
