"""How long a follower's event loop is busy with an index, beside reading the same index with the standard library's JSON.

While it is busy nothing is rendered. Prints, for two sizes of a namespace, the best of several runs and the ratio; ten
times the prompts should take about ten times as long.
    python tests/bench/index.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import msgspec

from promptops.api.feed import Entry, VersionReference
from promptops.cache.advance import propose_index, propose_patch, settle
from promptops.cache.index import digest_of
from promptops.cache.messages import IndexMessage
from promptops.cache.view import View
from promptops.reader.plans import UNDERSTANDING
from tests.cache.scribe import SCOPE, Scribe

SIZES = (1_000, 10_000)
scribe = Scribe()


def blob(number: int) -> bytes:
    """Content of about half a kilobyte with one variable."""
    text = f"Hello {{{{ name }}}}, this is number {number}. " + "words and words " * 30
    content = {"text": text, "variables": [{"name": "name", "type": "string"}]}
    return json.dumps(content, separators=(",", ":")).encode()


def entry(name: int, content: bytes, revision: int = 1) -> Entry:
    """An active entry that serves the content."""
    reference = VersionReference("1.0.0", digest_of(content))
    return Entry(f"prompt-{name:05}", f"uid-{name}", revision, "active", reference)


def best(runs: int, act: Callable[[], object]) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        act()
        times.append(time.perf_counter() - begun)
    return min(times)


def measure(size: int, runs: int) -> dict[str, float]:
    """Return seconds by what was done, the rival last."""
    contents = [blob(number) for number in range(size)]
    blobs = {digest_of(content): content for content in contents}
    entries = [entry(number, content) for number, content in enumerate(contents)]
    changed = entry(0, contents[1], revision=2)
    index = scribe.index(1, *entries)
    patch = scribe.patch(2, [changed, *entries[1:]], upserts=[changed])

    def take(held: View | None, message: IndexMessage) -> View:
        proposal = propose_index(held, message, scribe.verifier, SCOPE)
        return settle(held, proposal, blobs if held is None else {}, "live", understanding=UNDERSTANDING)

    def take_patch() -> View:
        proposal = propose_patch(held, patch, scribe.verifier, SCOPE)
        return settle(held, proposal, {}, "live", understanding=UNDERSTANDING)

    held = take(None, index)
    event = msgspec.json.encode(index)
    return {
        "the first index": best(runs, lambda: take(None, index)),
        "a reconnect": best(runs, lambda: take(held, IndexMessage(index.signed))),
        "one activation": best(runs, take_patch),
        "json.loads (rival)": best(runs, lambda: json.loads(event)),
    }


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=5)
    runs = arguments.parse_args().runs
    small, large = (measure(size, runs) for size in SIZES)
    rival = list(large)[-1]
    print(f"{'':<20} {SIZES[0]:>9,} {SIZES[1]:>9,} {'growth':>7} {'to rival':>9}")
    for what, seconds in large.items():
        figures = f"{small[what] * 1000:>6.1f} ms {seconds * 1000:>6.1f} ms {seconds / small[what]:>7.1f}"
        print(f"{what:<20} {figures} {seconds / large[rival]:>9.2f}")


if __name__ == "__main__":
    main()
