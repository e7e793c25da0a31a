"""What everyone who follows a store is sent: encoded once a view, and true for each of them."""

from __future__ import annotations

import json

from promptops.api.feed import Position
from promptops.api.http import Source
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.feed.channel import Channel
from promptops.feed.frames import FrameReader
from tests.cache.scribe import Scribe, entry, held_blobs


def view(source: Source = "live") -> View:
    """One prompt, signed at one position."""
    scribe, entries = Scribe(), (entry("a", "x"),)
    header = scribe.header(Position(1, 1, 1), entries)
    return View.build(header, scribe.signer.sign(header), entries, held_blobs("x"), source)


def sources(frames: bytes) -> list[str]:
    """Return where what is sent comes from."""
    return [json.loads(frame.data).get("source", "live") for frame in FrameReader().read(frames)]


def test_what_came_from_a_snapshot_is_live_for_whoever_follows_once_the_origin_says_the_same() -> None:
    snapshot, live, store = view("snapshot"), view("live"), Store()
    channel = Channel(store)
    store.swap(snapshot)
    subscriber = channel.subscribe()
    joined = channel.index(snapshot)

    store.swap(live)

    assert sources(joined) == ["snapshot"]
    assert sources(subscriber.take()) == ["live"]
    assert sources(channel.index(live)) == ["live"]


def test_an_index_is_encoded_once_for_everyone_who_connects() -> None:
    current, channel = view(), Channel(Store())

    assert channel.index(current) is channel.index(current)
