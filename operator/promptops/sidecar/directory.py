"""A directory of manifests instead of a feed: read, decided, served, and read again when a file changes.

FileReading and deciding happen in a thread; the loop that renders swaps what came of it. While the directory is gone
everything stays. What is wrong is logged once and stays in the health report until it is not.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import structlog

from promptops.cache.clock import Clock
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.sidecar.supply import SupplyError
from promptops.workspace.folder import FolderGone
from promptops.workspace.objects import SCOPE
from promptops.workspace.settle import QUIET_SECONDS
from promptops.workspace.workspace import Outcome, Workspace, utc_now

TOLD_SECONDS: Final = 5.0
"""So often a directory is looked at whose changes the system tells: for what it may have missed."""
POLL_SECONDS: Final = 0.25
"""The same where it does not tell, or more rarely when looking takes long."""
SHARE: Final = 0.05
"""At most this share of a processor is spent on looking."""
SHARE_OF_UNREST: Final = 0.25
"""The same while something changes and waits to be served."""
MAX_TOLD: Final = 100
"""So many problems are named in the health report and the log."""
_log = structlog.get_logger()


class Directory:
    """Keeps a store at what a directory says."""

    def __init__(self, root: Path, store: Store, utc_now: Callable[[], datetime] = utc_now) -> None:
        self._root = root
        self._workspace = Workspace(root, utc_now)
        self._store = store
        self._reported: Mapping[str, str] = {}
        self._noticed: Mapping[str, str] = {}
        self._gone: str | None = None
        self._failed: str | None = None
        self._seq = 0
        # A process that follows us outlives us, never the boot: the next process stands above this one.
        self._epoch = int(Clock().now() * 1000)

    @property
    def connected(self) -> bool:
        """Whether the directory can be read."""
        return self._gone is None

    def dependencies(self) -> Mapping[str, str]:
        """Return how the directory stands and what is wrong in it."""
        told = dict(islice(self._reported.items(), MAX_TOLD))
        more = len(self._reported) - len(told)
        return {
            "directory": self._gone or self._failed or "ok",
            **told,
            **({"…": f"{more} more problems"} if more else {}),
        }

    def findings(self) -> int:
        """Return how much is wrong."""
        return len(self._reported) + (self._failed is not None)

    def load(self) -> None:
        """Read and serve what is there now. Raises SupplyError when there is no such directory."""
        try:
            self._publish(*self._viewed(self._workspace.load()))
        except FolderGone as error:
            raise SupplyError(f"the directory {self._root} cannot be read: {error}") from None

    async def run(self) -> None:
        """Serve every change until cancelled."""
        while True:
            await self._wait()
            await self._follow()

    def close(self) -> None:
        """Let go of what watches the directory."""
        self._workspace.close()

    async def _wait(self) -> None:
        """Return when something changed, or when it is time to look."""
        workspace = self._workspace
        if not workspace.is_calm:
            # Looking again at once would see nothing new.
            await asyncio.sleep(max(QUIET_SECONDS, workspace.look_seconds / SHARE_OF_UNREST))
        elif workspace.descriptor < 0:
            await asyncio.sleep(max(POLL_SECONDS, workspace.look_seconds / SHARE))
        else:
            seconds = TOLD_SECONDS if workspace.is_told and self._gone is None else POLL_SECONDS
            await _readable(workspace.descriptor, max(seconds, workspace.look_seconds / SHARE))

    async def _follow(self) -> None:
        try:
            done = await asyncio.to_thread(self._changed)
        except FolderGone as error:
            if self._gone is None:
                _log.warning("directory is gone; what was read goes on being served", reason=str(error))
            self._gone = f"gone: {error}"
            return
        except Exception as error:
            if self._failed is None:
                _log.exception("directory could not be decided; what was read before goes on being served")
            self._failed = f"could not be decided: {type(error).__name__}"
            return
        if self._gone is not None:
            _log.info("directory is back")
        self._gone = self._failed = None
        if done is not None:
            self._publish(*done)

    def _changed(self) -> tuple[View, Outcome] | None:
        outcome = self._workspace.follow(time.monotonic())
        return None if outcome is None else self._viewed(outcome)

    def _viewed(self, outcome: Outcome) -> tuple[View, Outcome]:
        self._seq += 1
        decided, before = outcome.decided, self._store.current
        view = View.unsigned(
            decided.entries, decided.blobs, self._seq, namespace=SCOPE, tenant=SCOPE, epoch=self._epoch, before=before
        )
        return view, outcome

    def _publish(self, view: View, outcome: Outcome) -> None:
        self._store.swap(view)
        reported, notices = outcome.problems, outcome.notices
        fresh = [place for place, message in reported.items() if self._reported.get(place) != message]
        for place in fresh[:MAX_TOLD]:
            _log.warning("directory has a problem", place=place, problem=reported[place])
        for place in list(self._reported.keys() - reported.keys())[:MAX_TOLD]:
            _log.info("directory has a problem less", place=place)
        for place in sorted(place for place, said in notices.items() if self._noticed.get(place) != said)[:MAX_TOLD]:
            _log.info("directory has something for others", place=place, notice=notices[place])
        self._reported, self._noticed = reported, notices
        _log.info("directory served", prompts=len(view.entries), problems=len(reported))


async def _readable(descriptor: int, seconds: float) -> None:
    """Return when there is something to read, or after so many seconds."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        async with asyncio.timeout(seconds):
            await readable.wait()
    except TimeoutError:
        pass
    finally:
        loop.remove_reader(descriptor)
