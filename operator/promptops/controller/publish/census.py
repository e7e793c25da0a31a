"""What one leader leaves to the next of its followers: how many instances each scope had, in one ConfigMap.

Whoever was cut off while the operator restarted is heard of by nobody: only this says that it is there, and may serve what is old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from promptops.api.names import CENSUS_CONFIG_MAP, CENSUS_KEY
from promptops.api.wire import Unreadable, read
from promptops.cluster.errors import AlreadyExists, ClusterError, Conflict, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS
from promptops.domain.manifests import Manifest

GATHER_SECONDS: Final = 0.2
"""So long those who come together are waited for."""
EVERY_SECONDS: Final = 1.0
"""Between two writes, whatever comes and goes in the whole cluster."""
END_SECONDS: Final = 1.0
"""So long an operator that is told to end waits for the last write."""
MAX_SCOPES: Final = 15_000
"""Those with the most instances, beyond it: a ConfigMap takes 1 MiB."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class CensusRecord:
    """Reads what the leader before counted, and writes what this one counts while it leads."""

    def __init__(
        self, objects: Objects, namespace: str, counted: Callable[[], Mapping[str, int]], leads: Callable[[], bool]
    ) -> None:
        """`counted` returns scope → instances, as the next leader should know them; 0 where there are none any more."""
        self._objects = objects
        self._namespace = namespace
        self._counted = counted
        self._leads = leads
        self._something = asyncio.Event()
        self._there: Manifest | None = None
        """The ConfigMap as it was last read or written; None: there is none."""
        self.instances: Mapping[str, int] | None = None
        """What was last read or written; None: nothing that can be understood."""

    async def read(self) -> None:
        """Take in what the leader before left. Raises a ClusterError."""
        try:
            self._there = await self._objects.get(CONFIG_MAPS, self._namespace, CENSUS_CONFIG_MAP)
        except NotFound:
            self._there = self.instances = None
            return
        try:
            self.instances = read((self._there.get("data") or {}).get(CENSUS_KEY, ""), dict[str, int])
        except Unreadable:
            log.warning("the record of instances cannot be understood: statuses say the least there were")
            self.instances = None

    def changed(self) -> None:
        """Another number of instances may have been counted."""
        self._something.set()

    async def run(self) -> None:
        """Write what is counted, forever."""
        while True:
            await self._something.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._something.clear()
            if self._leads():
                await self._keep()

    async def end(self) -> None:
        """Write what was not written yet: another one leads next."""
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                if self._leads():
                    await self._write_news()

    async def _keep(self) -> None:
        try:
            if not await self._write_news():
                return
        except (AlreadyExists, Conflict, NotFound):
            # Somebody else wrote or deleted it. Whoever leads says what there is.
            self._something.set()
            await self._look_again()
        except ClusterError as error:
            log.warning("instances not recorded yet", error=error.for_logs)
            self._something.set()
        await asyncio.sleep(EVERY_SECONDS)

    async def _write_news(self) -> bool:
        """Write what is counted, unless it stands there. Raises a ClusterError."""
        counted = _largest(self._counted())
        if counted == self.instances:
            return False
        manifest: Manifest = {
            "apiVersion": CONFIG_MAPS.api_version,
            "kind": CONFIG_MAPS.kind,
            "metadata": {"name": CENSUS_CONFIG_MAP, "namespace": self._namespace},
            "data": {CENSUS_KEY: msgspec.json.encode(counted).decode()},
        }
        if self._there is None:
            self._there = await self._objects.create(CONFIG_MAPS, manifest)
        else:
            self._there = await self._objects.replace(CONFIG_MAPS, {**self._there, "data": manifest["data"]})
        self.instances = counted
        return True

    async def _look_again(self) -> None:
        try:
            await self.read()
        except ClusterError as error:
            log.warning("the record of instances cannot be read", error=error.for_logs)


def _largest(counted: Mapping[str, int]) -> dict[str, int]:
    """Return what fits, in the order of names."""
    kept = sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:MAX_SCOPES]
    return dict(sorted(kept))
