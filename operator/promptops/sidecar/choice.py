"""Which supply the settings ask for. Only that one is imported: a directory needs no feed, a feed no checks of manifests."""

import importlib.util
import secrets
import socket
from pathlib import Path
from typing import Final

from promptops.cache.clock import Clock
from promptops.cache.store import Store
from promptops.feed.reporter import Below
from promptops.reader.tally import Tally
from promptops.settings.redis import RedisSettings
from promptops.settings.sidecar import SidecarSettings
from promptops.sidecar.supply import Supply, SupplyError
from promptops.telemetry.sidecar import SidecarMetrics

_TRUST: Final = "PROMPTOPS_TRUST_FILE (or PROMPTOPS_TRUST)"


def choose_supply(
    settings: SidecarSettings,
    store: Store,
    clock: Clock,
    metrics: SidecarMetrics,
    tally: Tally,
    below: Below | None = None,
) -> Supply:
    """Return what will keep the store current. Raises SupplyError, naming what has to be set."""
    if settings.directory is not None:
        from promptops.sidecar.directory import Directory

        return Directory(settings.directory, store)
    if settings.feed_url is None and settings.mirror is None:
        raise SupplyError(
            "nothing to serve: give --directory DIR (or PROMPTOPS_DIRECTORY) for manifests in a directory, or "
            "PROMPTOPS_FEED_URL, PROMPTOPS_TOKEN_FILE and PROMPTOPS_TRUST_FILE for the feed of an operator"
        )
    trust = settings.trust_file or settings.trust
    if settings.feed_url is None and settings.mirror is not None:
        return _mirror_alone(settings, settings.mirror, trust, store, clock, metrics)
    if settings.feed_url is None or settings.token_file is None or trust is None:
        missing = "PROMPTOPS_TOKEN_FILE" if settings.token_file is None else _TRUST
        raise SupplyError(f"PROMPTOPS_FEED_URL is set and {missing} is not: a feed needs a token and trusted keys")
    from promptops.feed.anchors import Anchors
    from promptops.sidecar.feed import Feed

    _check_package(settings.mirror)
    return Feed(
        settings.feed_url,
        token_file=settings.token_file,
        trust=Anchors(trust),
        snapshot_directory=settings.snapshot_directory,
        snapshot_key=settings.snapshot_key(),
        instance=settings.instance or f"{socket.gethostname()}-{secrets.token_hex(4)}",
        store=store,
        clock=clock,
        metrics=metrics,
        tally=tally,
        mirror=settings.mirror,
        below=below,
    )


def _mirror_alone(
    settings: SidecarSettings,
    mirror: RedisSettings,
    trust: Path | str | None,
    store: Store,
    clock: Clock,
    metrics: SidecarMetrics,
) -> Supply:
    if trust is None:
        raise SupplyError(
            f"PROMPTOPS_REDIS_URL is set and {_TRUST} is not: what lies there is believed by its signature"
        )
    if mirror.writes:
        raise SupplyError("PROMPTOPS_REDIS_WRITES is true and there is no feed: nothing is known that could be written")
    _check_package(mirror)
    from promptops.feed.anchors import Anchors
    from promptops.sidecar.mirror import MirrorAlone

    return MirrorAlone(
        mirror,
        trust=Anchors(trust),
        snapshot_directory=settings.snapshot_directory,
        snapshot_key=settings.snapshot_key(),
        store=store,
        clock=clock,
        metrics=metrics,
    )


def _check_package(mirror: RedisSettings | None) -> None:
    if mirror is not None and importlib.util.find_spec("redis") is None:
        raise SupplyError(
            "PROMPTOPS_REDIS_URL is set and the package redis is not installed: pip install 'promptops[redis]'"
        )
