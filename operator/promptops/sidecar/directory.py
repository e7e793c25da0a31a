"""A directory of manifests instead of a feed: read, decided, served, and read again when a file changes.

What cannot be read or decided never takes away what was good: of a bad file the objects of its last good state stay, and
while the directory is gone everything does. What is wrong is logged once and stays in the health report until it is not.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.sidecar.supply import SupplyError
from promptops.workspace.folder import Folder, FolderGone, Signature
from promptops.workspace.manifest_files import FileReading, Flaw, Found, Identity, read_file
from promptops.workspace.standalone import SCOPE, Decided, Standalone

POLL_SECONDS: Final = 0.25
SETTLE_POLLS: Final = 2
"""So many equal looks in a row mean that whoever writes the files has finished."""
_log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Directory:
    """Keeps a store at what a directory says."""

    def __init__(self, root: Path, store: Store, utc_now: Callable[[], datetime] = _utc_now) -> None:
        self._folder = Folder(root)
        self._store = store
        self._utc_now = utc_now
        self._standalone = Standalone()
        self._readings: dict[str, FileReading] = {}
        self._places: dict[Identity, str] = {}
        self._served: Signature | None = None
        self._reported: dict[str, str] = {}
        self._notices: dict[str, str] = {}
        self._noticed: dict[str, str] = {}
        self._gone: str | None = None
        self._seq = 0

    @property
    def connected(self) -> bool:
        """Whether the directory can be read."""
        return self._gone is None

    def dependencies(self) -> Mapping[str, str]:
        """Return how the directory stands and everything that is wrong in it."""
        return {"directory": self._gone or "ok", **self._reported}

    def findings(self) -> int:
        """Return how much is wrong."""
        return len(self._reported)

    def load(self) -> None:
        """Read and serve what is there now. Raises SupplyError when there is no such directory."""
        try:
            self._publish(*self._reload())
        except FolderGone as error:
            raise SupplyError(f"the directory {self._folder.root} cannot be read: {error}") from None

    async def run(self) -> None:
        """Serve every change until cancelled."""
        before, equal = self._served, 0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            signature = await self._look()
            equal = equal + 1 if signature == before else 0
            before = signature
            if signature is not None and signature != self._served and equal >= SETTLE_POLLS:
                await self._follow(signature)

    def close(self) -> None:
        """Nothing is kept open."""

    async def _look(self) -> Signature | None:
        try:
            signature = await asyncio.to_thread(self._folder.signature)
        except FolderGone as error:
            if self._gone is None:
                _log.warning("directory is gone; what was read goes on being served", reason=str(error))
            self._gone = f"gone: {error}"
            return None
        if self._gone is not None:
            _log.info("directory is back")
        self._gone = None
        return signature

    async def _follow(self, signature: Signature) -> None:
        try:
            self._publish(*await asyncio.to_thread(self._reload))
        except FolderGone:
            return  # the next look says so
        except Exception:
            _log.exception("directory could not be decided; what was read before goes on being served")
            self._served = signature

    def _reload(self) -> tuple[Signature, View, dict[str, str]]:
        signature = self._folder.signature()
        contents = self._folder.read()
        self._readings = {name: self._read(name, data) for name, data in contents.items()}
        found, doubles = _unique(self._readings)
        refused = self._standalone.apply(found.values())
        self._places = {identity: one.place for identity, one in found.items()}
        decided = self._standalone.decide(self._utc_now())
        self._seq += 1
        view = View.unsigned(decided.entries, decided.blobs, self._seq, namespace=SCOPE, tenant=SCOPE)
        flaws = [flaw for reading in self._readings.values() for flaw in reading.flaws]
        self._notices = {flaw.place: flaw.message for flaw in flaws if flaw.is_notice}
        return signature, view, self._wrong([*flaws, *doubles, *refused], decided)

    def _read(self, name: str, data: bytes | str) -> FileReading:
        """Read a file; in the place of what is bad in it stands what was good in the same file before."""
        reading = read_file(name, data) if isinstance(data, bytes) else FileReading(flaws=(Flaw(name, data),))
        before = self._readings.get(name, FileReading())
        bad = [flaw for flaw in reading.flaws if not flaw.is_notice]
        if not bad:
            return reading
        now_good = {one.identity for one in reading.found}
        # A document that cannot be told from another one may be any of those that stood here.
        anybody = any(flaw.identity is None for flaw in bad)
        lost = {flaw.identity for flaw in bad}
        kept = (one for one in before.found if one.identity not in now_good and (anybody or one.identity in lost))
        return FileReading((*reading.found, *kept), reading.flaws)

    def _wrong(self, flaws: list[Flaw], decided: Decided) -> dict[str, str]:
        wrong = {flaw.place: flaw.message for flaw in flaws if not flaw.is_notice}
        for problem in decided.problems:
            place = self._places.get(("Prompt", problem.prompt), "")
            wrong[f"{place} Prompt {problem.prompt}".strip()] = f"{problem.reason}: {problem.message}"
        return wrong

    def _publish(self, signature: Signature, view: View, reported: dict[str, str]) -> None:
        self._served = signature
        self._store.swap(view)
        for place, message in reported.items():
            if self._reported.get(place) != message:
                _log.warning("directory has a problem", place=place, problem=message)
        for place in self._reported.keys() - reported.keys():
            _log.info("directory has a problem less", place=place)
        for place in sorted(place for place, said in self._notices.items() if self._noticed.get(place) != said):
            _log.info("directory has something for others", place=place, notice=self._notices[place])
        self._reported, self._noticed = reported, self._notices
        _log.info("directory served", prompts=len(view.entries), problems=len(reported))


def _unique(readings: Mapping[str, FileReading]) -> tuple[dict[Identity, Found], list[Flaw]]:
    """Of two objects with one name the first by file has it."""
    found: dict[Identity, Found] = {}
    doubles: list[Flaw] = []
    for name in sorted(readings):
        for one in readings[name].found:
            if one.identity in found:
                held = found[one.identity].place
                doubles.append(Flaw(one.place, f"{' '.join(one.identity)} stands in {held} already; it is ignored"))
            else:
                found[one.identity] = one
    return found, doubles
