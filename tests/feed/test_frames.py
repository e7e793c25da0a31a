"""Events come out as they went in, however the network cuts them, and never without bound."""

from __future__ import annotations

import pytest

from promptops.api.feed import Goodbye, Heartbeat, Position
from promptops.cache.refusal import Refused
from promptops.feed.frames import Frame, FrameReader, write

STREAM = write("heartbeat", Heartbeat("one", Position(1, 2, 3), 7000, 5)) + write("goodbye", Goodbye("Größe\n\n"))
EXPECTED = [
    Frame("heartbeat", b'{"scope":"one","position":{"epoch":1,"term":2,"seq":3},"at_ms":7000,"age_ms":5}'),
    Frame("goodbye", '{"reason":"Größe\\n\\n"}'.encode()),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_events_may_be_cut_anywhere(size: int) -> None:
    reader = FrameReader()

    read = [frame for at in range(0, len(STREAM), size) for frame in reader.read(STREAM[at : at + size])]

    assert read == EXPECTED


def test_other_ways_of_writing_the_same_are_understood() -> None:
    data = b": comment\r\nid: 7\r\nevent:x\r\ndata:{\r\ndata: }\r\n\r\n\r\nretry: 3\n\nevent: empty\n\n"

    assert list(FrameReader().read(data)) == [Frame("x", b"{\n}")]


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([b"x" * 60, b"x" * 60], id="a line without end"),
        pytest.param([b"data: " + b"x" * 40 + b"\n"] * 3, id="an event without end"),
        pytest.param([b"data: " + b"x" * 200 + b"\n\n"], id="a large event at once"),
        pytest.param([b"data:\n" * 200], id="empty lines without end"),
    ],
)
def test_an_event_without_bound_is_refused(chunks: list[bytes]) -> None:
    reader = FrameReader(limit=100)

    with pytest.raises(Refused, match="larger than 100"):
        _ = [frame for chunk in chunks for frame in reader.read(chunk)]


def test_a_stream_of_small_events_is_not_one_large_event() -> None:
    reader = FrameReader(limit=100)

    assert sum(len(list(reader.read(b"data: {}\n\n"))) for _ in range(1000)) == 1000
