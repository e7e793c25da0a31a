"""Which supply the settings ask for. Only that one is imported: a directory needs no feed, a feed no checks of manifests."""

import secrets
import socket

from promptops.cache.clock import Clock
from promptops.cache.store import Store
from promptops.reader.tally import Tally
from promptops.settings.sidecar import SidecarSettings
from promptops.sidecar.supply import Supply, SupplyError
from promptops.telemetry.sidecar import SidecarMetrics


def choose_supply(
    settings: SidecarSettings, store: Store, clock: Clock, metrics: SidecarMetrics, tally: Tally
) -> Supply:
    """Return what will keep the store current. Raises SupplyError, naming what has to be set."""
    if settings.directory is not None:
        from promptops.sidecar.directory import Directory

        return Directory(settings.directory, store)
    if settings.feed_url is None:
        raise SupplyError(
            "nothing to serve: give --directory DIR (or PROMPTOPS_DIRECTORY) for manifests in a directory, or "
            "PROMPTOPS_FEED_URL, PROMPTOPS_TOKEN_FILE and PROMPTOPS_TRUST_FILE for the feed of an operator"
        )
    trust = settings.trust_file or settings.trust
    if settings.token_file is None or trust is None:
        missing = "PROMPTOPS_TOKEN_FILE" if settings.token_file is None else "PROMPTOPS_TRUST_FILE (or PROMPTOPS_TRUST)"
        raise SupplyError(f"PROMPTOPS_FEED_URL is set and {missing} is not: a feed needs a token and trusted keys")
    from promptops.feed.believed import Anchors
    from promptops.sidecar.feed import Feed

    return Feed(
        settings.feed_url,
        token_file=settings.token_file,
        trust=Anchors(trust),
        snapshot_directory=settings.snapshot_directory,
        instance=settings.instance or f"{socket.gethostname()}-{secrets.token_hex(4)}",
        store=store,
        clock=clock,
        metrics=metrics,
        tally=tally,
    )
