"""An index is never changed; its digest is a tree in which a change touches one bucket."""

from __future__ import annotations

import hashlib
import json
import random

import pytest

from promptops.api import reasons
from promptops.cache.index import BUCKETS, EncodedEntry, Index, bucket_of, decode_entry, encode_entry
from promptops.cache.refusal import Refused
from tests.cache.scribe import entry

MANY = Index.of(encode_entry(entry(f"prompt-{number}", "Hello")) for number in range(2_000))


def digest_by_hand(index: Index) -> str:
    """The digest as docs/protocol.md describes it, by other means."""
    buckets: list[list[tuple[str, str]]] = [[] for _ in range(BUCKETS)]
    for name, encoded in index.items():
        digest = f"sha256:{hashlib.sha256(encoded.encoded).hexdigest()}"
        buckets[hashlib.sha256(name.encode()).digest()[0]].append((name, digest))
    pairs = [json.dumps(sorted(bucket), separators=(",", ":"), ensure_ascii=False).encode() for bucket in buckets]
    tree = b"".join(hashlib.sha256(each).digest() for each in pairs)
    return f"sha256:{hashlib.sha256(tree).hexdigest()}"


@pytest.mark.parametrize(
    "index",
    [
        pytest.param(Index(), id="nothing"),
        pytest.param(Index.of([encode_entry(entry("grüße", "Hello"))]), id="one name beyond ASCII"),
        pytest.param(MANY, id="every bucket"),
    ],
)
def test_the_digest_is_that_of_the_tree(index: Index) -> None:
    assert index.digest == digest_by_hand(index)


def test_an_index_is_the_same_however_it_came_to_be() -> None:
    chance = random.Random(7)  # noqa: S311
    index = Index()
    entries: dict[str, EncodedEntry] = {}
    for step in range(300):
        name = f"p{chance.randrange(60)}"
        if name in entries and chance.random() < 0.4:
            del entries[name]
            index = index.changed([], [name])
        else:
            entries[name] = encode_entry(entry(name, f"text {step}"))
            index = index.changed([entries[name]])

    assert dict(index) == entries
    assert len(index) == len(entries)
    assert index == Index.of(entries.values())
    assert index.digest == digest_by_hand(index)


def test_a_change_shares_every_other_bucket() -> None:
    changed = MANY.changed([encode_entry(entry("prompt-7", "Hi"))])

    shared = [one is other for one, other in zip(MANY._buckets, changed._buckets, strict=True)]

    assert [number for number, same in enumerate(shared) if not same] == [bucket_of("prompt-7")]
    assert MANY["prompt-7"].entry == entry("prompt-7", "Hello")


@pytest.mark.parametrize(
    ("upserts", "removes"),
    [
        pytest.param(["a", "a"], [], id="a name twice"),
        pytest.param(["prompt-1"], ["prompt-1"], id="removed and there"),
        pytest.param([], ["nobody"], id="removed and never there"),
    ],
)
def test_a_change_that_contradicts_itself_is_refused(upserts: list[str], removes: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        MANY.changed([encode_entry(entry(name, "Hello")) for name in upserts], removes)

    assert refused.value.reason == reasons.MALFORMED


def test_entries_nested_without_end_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        decode_entry(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    assert refused.value.reason == reasons.MALFORMED
