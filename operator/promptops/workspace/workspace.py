"""A folder of manifests and what it comes to: read file by file, decided as in a cluster, with all that is wrong in it.

What cannot be read or decided never takes away what was good: of a bad file the objects of its last good state stay, and
of a folder that cannot be read everything does.
"""

import hashlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from promptops.workspace.folder import MAX_FILES, FileState, Folder, Look, changed, shown_path
from promptops.workspace.manifest_files import FileReading, Flaw, Found, Identity, read_file
from promptops.workspace.settle import Settling
from promptops.workspace.standalone import Decided, Standalone
from promptops.workspace.watch import FolderWatch

CONTENT_SECONDS: Final = 60.0
"""So often every file is read, for changes that neither the system nor its times tell of."""
READING_SECONDS: Final = 0.5
"""After so much reading what was read is decided and served first: one large file keeps none of the others waiting."""


def utc_now() -> datetime:
    """Return the time of day, as decisions record it."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Outcome:
    """What is served now, what is wrong and what is for others, by place."""

    decided: Decided
    problems: Mapping[str, str]
    notices: Mapping[str, str]


class Workspace:
    """Objects out of files. One thread at a time."""

    def __init__(self, root: Path, now: Callable[[], datetime] = utc_now) -> None:
        self._folder = Folder(root)
        self._now = now
        self._standalone = Standalone()
        self._taken: dict[str, FileState] = {}
        """The state of each file when it was read last."""
        self._digests: dict[str, bytes] = {}
        self._readings: dict[str, FileReading] = {}
        self._settling = Settling()
        self._watch = FolderWatch(root)
        self._compared = time.monotonic()
        self._told: tuple[object, ...] = ()
        self.look_seconds = 0.0
        """How long looking at the folder took, of the processor's time."""

    @property
    def is_calm(self) -> bool:
        """Whether nothing is changing, and all that changed is served."""
        return self._settling.is_calm

    @property
    def descriptor(self) -> int:
        """What becomes readable when something changes; -1 when nothing tells."""
        return self._watch.descriptor

    @property
    def is_told(self) -> bool:
        """Whether `descriptor` tells every change, so that it is enough to look now and then."""
        return self._watch.tells

    def load(self) -> Outcome:
        """Read everything as it is now. Raises FolderGone."""
        look = self._look()
        self._take(look, look.files, budget_seconds=math.inf)
        return self._decide(look)

    def follow(self, monotonic: float) -> Outcome | None:
        """Take what changed and has come to rest; None when that is nothing. Raises FolderGone."""
        touched = self._watch.touched()
        look = self._look()
        differing = changed(self._taken, look) | (touched.names & look.files.keys())
        if not touched.is_complete or monotonic - self._compared >= CONTENT_SECONDS:
            self._compared = monotonic
            differing |= self._differing_content(look)
        settled = self._settling.see(differing, look.files, touched.names, monotonic)
        for name in settled.gone:
            for known in (self._taken, self._digests, self._readings):
                known.pop(name, None)
        patient = {
            name for name in settled.present if not settled.is_calm and not self._settling.is_overdue(name, monotonic)
        }
        moved = self._take(look, settled.present, patient)
        told = (tuple(look.hidden.items()), look.left_out)
        if not (moved or settled.gone or told != self._told):
            return None
        return self._decide(look)

    def close(self) -> None:
        """Let go of what watches."""
        self._watch.close()

    def _look(self) -> Look:
        began = time.thread_time()
        look = self._folder.look()
        self._watch.cover(look.folders)
        self.look_seconds = time.thread_time() - began
        return look

    def _differing_content(self, look: Look) -> frozenset[str]:
        return frozenset(
            name
            for name in look.files.keys() & self._digests.keys()
            if _digest(self._folder.read(name)) != self._digests[name]
        )

    def _take(
        self,
        look: Look,
        names: Iterable[str],
        patient: Collection[str] = (),
        budget_seconds: float = READING_SECONDS,
    ) -> bool:
        """Read files, the small ones first; return whether any has another content than before."""
        moved, began = False, time.monotonic()
        for name in sorted(names, key=lambda each: (look.files[each].size, each)):
            data = self._folder.read(name)
            digest = _digest(data)
            if digest != self._digests.get(name):
                reading = self._read(name, data)
                lost = _identities(self._readings.get(name, FileReading())) - _identities(reading)
                self._readings[name] = self._with(reading, name, lost) if name in patient else reading
                moved = True
                if lost and name in patient:
                    continue  # what is not here any more may be on its way to another file
            self._digests[name] = digest
            self._taken[name] = look.files[name]
            if moved and time.monotonic() - began > budget_seconds:
                break
        return moved

    def _with(self, reading: FileReading, name: str, identities: Iterable[Identity]) -> FileReading:
        kept = (one for one in self._readings[name].found if one.identity in identities) if identities else ()
        return replace(reading, found=(*reading.found, *kept))

    def _read(self, name: str, data: bytes | str) -> FileReading:
        """Read a file; in the place of what is bad in it stands what was good in the same file before."""
        shown = shown_path(name)
        reading = read_file(shown, data) if isinstance(data, bytes) else FileReading(flaws=(Flaw(shown, data),))
        before = self._readings.get(name, FileReading())
        bad = [flaw for flaw in reading.flaws if not (flaw.is_notice or flaw.is_slip)]
        if not bad:
            return reading
        # A document that cannot be told from another one may be any of those that stood here.
        anybody = any(flaw.identity is None for flaw in bad)
        lost = {flaw.identity for flaw in bad} - _identities(reading)
        return replace(
            reading,
            found=(
                *reading.found,
                *(
                    one
                    for one in before.found
                    if one.identity in lost or (anybody and one.identity not in _identities(reading))
                ),
            ),
        )

    def _decide(self, look: Look) -> Outcome:
        self._told = (tuple(look.hidden.items()), look.left_out)
        found, doubles = unique(self._readings)
        refused = self._standalone.apply(found.values())
        decided = self._standalone.decide(self._now())
        flaws = [flaw for reading in self._readings.values() for flaw in reading.flaws]
        notices = {flaw.place: flaw.message for flaw in flaws if flaw.is_notice}
        wrong = by_place(flaw for flaw in (*flaws, *doubles, *refused) if not flaw.is_notice)
        for problem in decided.problems:
            one = found.get(("Prompt", problem.prompt))
            place = f"{one.place if one else ''} Prompt {problem.prompt}".strip()
            wrong[place] = f"{problem.reason}: {problem.message}"
        wrong |= {shown_path(name): f"{why}; what was read goes on being served" for name, why in look.hidden.items()}
        if look.left_out:
            wrong["."] = f"{look.left_out} more files are not read: at most {MAX_FILES} are"
        return Outcome(decided, wrong, notices)


def unique(readings: Mapping[str, FileReading]) -> tuple[dict[Identity, Found], list[Flaw]]:
    """Return the objects by kind and name; of two with one name the first by file has it."""
    found: dict[Identity, Found] = {}
    doubles: list[Flaw] = []
    for name in sorted(readings):
        for one in readings[name].found:
            if one.identity in found:
                held = found[one.identity].place
                message = f"{' '.join(one.identity)} stands in {held} already; it is ignored"
                doubles.append(Flaw(one.place, message, one.identity))
            else:
                found[one.identity] = one
    return found, doubles


def by_place(flaws: Iterable[Flaw]) -> dict[str, str]:
    """Return what is wrong at each place; several objects of a list stand at one."""
    said: dict[str, str] = {}
    for flaw in flaws:
        said[flaw.place] = f"{said[flaw.place]}; {flaw.message}" if flaw.place in said else flaw.message
    return said


def _identities(reading: FileReading) -> set[Identity]:
    return {one.identity for one in reading.found}


def _digest(data: bytes | str) -> bytes:
    return hashlib.blake2b(data if isinstance(data, bytes) else b"\0" + data.encode(), digest_size=16).digest()
