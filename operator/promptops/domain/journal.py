"""The log of decisions: what each Prompt served from when on, every entry chained to the one before it by its hash.

It lies in a ring of segments. An entry names no text and no value, and what it says of a person is what the object claims.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from promptops.api.limits import MAX_MANAGER_CHARACTERS
from promptops.api.names import DECISIONS
from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.domain.bounds import cut
from promptops.domain.manifests import Manifest, mapping, metadata, name_of, sequence, status_of, text, uid_of, whole
from promptops.domain.statuses import said_alone, said_of_prompt

FORM: Final = b"promptops/decision/1\n"
"""Every hash begins with it: another form is another hash."""
BEGINNING: Final = f"sha256:{'0' * 64}"
"""What the first entry follows."""
SEGMENTS: Final = len(DECISIONS)
SEGMENT_BYTES: Final = 128 * 1024
"""A segment that has as many is full. All of them hold some 4,000 decisions."""
SEGMENT_KEY: Final = "segment"
DECISIONS_KEY: Final = "decisions"

Facts = dict[str, Any]
"""What was decided: namespace, prompt, uid, revision, at, from, to, reason, manager."""


@dataclass(frozen=True)
class Segment:
    """A part of the log: entries one after the other, each a line of JSON."""

    number: int
    """Counts from 0; the place in the ring is its rest by SEGMENTS."""
    written: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Its entries as they are written."""
        return tuple(self.written.removesuffix("\n").split("\n")) if self.written else ()

    @property
    def last(self) -> Mapping[str, Any]:
        """Its last entry; empty when it has none that can be read."""
        return _read(self.written.removesuffix("\n").rpartition("\n")[2])


@dataclass(frozen=True)
class Verified:
    """What a look at the whole log found."""

    entries: tuple[Mapping[str, Any], ...]
    faults: tuple[str, ...]

    @property
    def head(self) -> str:
        """Number and hash of the last entry, to be noted elsewhere."""
        last = self.entries[-1] if self.entries else {"seq": 0, "hash": BEGINNING}
        return f"{last['seq']}:{last['hash']}"


def segment_of(config_map: Manifest) -> Segment:
    """Read a segment; one that says no number is the first."""
    data = mapping(config_map.get("data"))
    number = text(data.get(SEGMENT_KEY))
    return Segment(int(number) if number.isdecimal() else 0, text(data.get(DECISIONS_KEY)))


def change(prompt: Manifest, status: Manifest) -> Facts | None:
    """Return what a new status decides that the old one did not; None when it changes nothing that is served."""
    before, after = (said_alone(PromptStatus, each, "serving") for each in (status_of(prompt), status))
    if after is None or (before is not None and before.revision == after.revision):
        return None
    return {**_about(prompt), **_decided(status), "from": _named(status_of(prompt))}


def withdrawal(namespace: str, prompt: str, at: str) -> Facts:
    """Return what is decided when a Prompt is gone."""
    return {"namespace": namespace, "prompt": prompt, "at": at, "to": "", "reason": "Withdrawn"}


def missed(prompts: Iterable[Manifest], entries: Iterable[Mapping[str, Any]]) -> Iterator[Facts]:
    """Yield what statuses decided since the last entry and no entry says: whoever decided it ended before it was written."""
    known, last = _known(entries)
    for prompt in prompts:
        serving = said_of_prompt(prompt).serving
        if last and serving is not None and serving.at >= last and (uid_of(prompt), serving.revision) not in known:
            yield {**_about(prompt), **_decided(status_of(prompt)), "from": "", "late": True}


def appended(segment: Segment, facts: Iterable[Facts]) -> tuple[Segment, ...]:
    """Return the segment with new entries, and those that were begun because one is full."""
    done: list[Segment] = []
    last, number, lines = segment.last, segment.number, [segment.written]
    size = len(segment.written)
    for each in facts:
        entry = {**each, "seq": whole(last.get("seq")) + 1, "previous": text(last.get("hash")) or BEGINNING}
        last = {**entry, "hash": _hash(entry)}
        if size >= SEGMENT_BYTES:
            done.append(Segment(number, "".join(lines)))
            number, lines, size = number + 1, [], 0
        lines.append(f"{_written(last)}\n")
        size += len(lines[-1])
    return (*done, Segment(number, "".join(lines)))


def verify(segments: Iterable[Segment], prompts: Iterable[Manifest] = (), before: str = "") -> Verified:
    """Look at the whole log, and at whether it knows what statuses decided up to `before`."""
    ordered = sorted(segments, key=lambda each: each.number)
    faults = list(_missing(ordered))
    entries: list[Mapping[str, Any]] = []
    for segment in ordered:
        for number, line in enumerate(segment.lines, 1):
            entry = _read(line)
            place = f"segment {segment.number}, line {number}"
            faults += _flaws(entry, line, entries[-1] if entries else None, place, first=not segment.number)
            if "seq" in entry:
                entries.append(entry)
    unknown = (each for each in missed(prompts, entries) if each["at"] < before)
    faults += (_truncated(each, entries) for each in unknown)
    return Verified(tuple(entries), tuple(faults))


def _missing(segments: list[Segment]) -> Iterator[str]:
    for one, other in pairwise(segments):
        if other.number != one.number + 1:
            yield f"segments {one.number + 1} to {other.number - 1} are missing"
    if segments and segments[0].number and len(segments) < SEGMENTS:
        yield f"the segments before {segments[0].number} are missing: there are {len(segments)}, not {SEGMENTS}"


def _flaws(
    entry: Mapping[str, Any], line: str, before: Mapping[str, Any] | None, place: str, *, first: bool
) -> Iterator[str]:
    """What is wrong with an entry: each kind of damage by its own name."""
    if not entry or line != _written(entry):
        yield f"{place}: this is no entry as the operator writes it"
        return
    seq = entry.get("seq")
    if entry.get("hash") != _hash({key: value for key, value in entry.items() if key != "hash"}):
        yield f"{place}: entry {seq} was changed: it has another hash than it says"
    if before is None:
        if first and entry.get("previous") != BEGINNING:
            yield f"{place}: entries before {seq} were removed"
        return
    expected = whole(before.get("seq")) + 1
    if whole(seq) > expected:
        yield f"{place}: entries {expected} to {whole(seq) - 1} were removed, or stand elsewhere"
    elif whole(seq) < expected:
        yield f"{place}: entry {seq} stands after entry {expected - 1}: they were put in another order"
    elif entry.get("previous") != before.get("hash"):
        yield f"{place}: entry {seq} does not follow the entry {expected - 1} that is there"


def _truncated(facts: Facts, entries: list[Mapping[str, Any]]) -> str:
    last = entries[-1].get("seq") if entries else 0
    return (
        f"after entry {last}: Prompt {facts['namespace']}/{facts['prompt']} decided revision {facts['revision']} at "
        f"{facts['at']}, and no entry says so: the end was cut off"
    )


def _known(entries: Iterable[Mapping[str, Any]]) -> tuple[frozenset[tuple[str, int]], str]:
    read = tuple(entries)
    known = frozenset((text(each.get("uid")), whole(each.get("revision"))) for each in read)
    return known, max((text(each.get("at")) for each in read), default="")


def _about(prompt: Manifest) -> Facts:
    namespace = text(metadata(prompt).get("namespace"))
    return {"namespace": namespace, "prompt": name_of(prompt), "uid": uid_of(prompt)}


def _decided(status: Manifest) -> Facts:
    serving = mapping(status.get("serving"))
    latest = mapping(next(iter(sequence(status.get("history"))), {}))
    at = text(serving.get("at"))
    moved = text(latest.get("at")) == at
    return {
        "revision": whole(serving.get("revision")),
        "at": at,
        "to": _named(status),
        "reason": text(latest.get("reason")) if moved else "Changed",
        "manager": cut(text(latest.get("manager")), MAX_MANAGER_CHARACTERS) if moved else "",
    }


def _named(status: Manifest) -> str:
    """Say what is served in a word: number and digest, and whether renders are refused."""
    serving = mapping(status.get("serving"))
    stable = mapping(serving.get("stable"))
    if not stable:
        return ""
    refused = " disabled" if serving.get("disabled") is True else ""
    return f"{text(stable.get('version'))} {text(stable.get('digest'))}{refused}"


def _hash(entry: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(FORM + _written(entry).encode()).hexdigest()}"


def _written(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"))


def _read(line: str) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(line))
    except (ValueError, RecursionError):
        return {}
