"""Events for people: what became the case, on the object it is about. Repetitions are counted, failures never matter."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from promptops.api.names import FIELD_MANAGER
from promptops.cluster.client import Client
from promptops.cluster.errors import ClusterError
from promptops.cluster.resources import EVENTS
from promptops.domain.bounds import MAX_EVENT_BYTES, cut_bytes
from promptops.domain.manifests import Manifest
from promptops.domain.snapshot import Transition

_MERGE = "application/merge-patch+json"
_MAX_WAITING = 1000
_MAX_REMEMBERED = 4096
_REMEMBER_SECONDS = 600.0
_PACE_SECONDS = 0.05
"""At most twenty a second: a mass change must not cost the API server more than the change itself."""


def _never() -> bool:
    return False


_About = dict[str, str]
"""Which object an Event is about. Thousands may wait: none of them keeps the object itself."""


@dataclass(slots=True)
class _Written:
    name: str
    count: int
    at: float


class EventRecorder:
    """Writes Events from a bounded queue of its own."""

    def __init__(
        self,
        client: Client,
        instance: str,
        monotonic: Callable[[], float] = time.monotonic,
        is_held: Callable[[], bool] = _never,
    ) -> None:
        """`is_held`: whether Events should wait for something that somebody else waits for."""
        self._client = client
        self._is_held = is_held
        self._instance = instance
        self._monotonic = monotonic
        self._waiting: asyncio.Queue[tuple[_About, Transition]] = asyncio.Queue(_MAX_WAITING)
        self._written: OrderedDict[tuple[str, str, str], _Written] = OrderedDict()

    def record(self, about: Manifest, transition: Transition) -> None:
        """Have an Event written soon. When too many wait, the newest is dropped."""
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait((_about(about), transition))

    async def run(self) -> None:
        """Write what is recorded, forever."""
        while True:
            about, transition = await self._waiting.get()
            # Before the write: at that moment whoever renders is told of the same, and waits for it.
            while True:
                await asyncio.sleep(_PACE_SECONDS)
                if not self._is_held():
                    break
            with suppress(ClusterError):
                await self._write(about, transition)

    async def _write(self, about: _About, transition: Transition) -> None:
        key = (about.get("uid", ""), transition.reason, transition.message)
        known = self._written.get(key)
        if known is not None and self._monotonic() - known.at < _REMEMBER_SECONDS:
            await self._count(about, known)
            return
        manifest = _manifest(about, transition, self._instance)
        await self._client.call("create events", "POST", EVENTS.path(manifest["metadata"]["namespace"]), body=manifest)
        self._written[key] = _Written(manifest["metadata"]["name"], 1, self._monotonic())
        self._written.move_to_end(key)
        while len(self._written) > _MAX_REMEMBERED:
            self._written.popitem(last=False)

    async def _count(self, about: _About, known: _Written) -> None:
        known.count += 1
        known.at = self._monotonic()
        await self._client.call(
            "patch events",
            "PATCH",
            EVENTS.path(_namespace(about), known.name),
            body={"count": known.count, "lastTimestamp": _timestamp()},
            content_type=_MERGE,
        )


def _about(manifest: Manifest) -> _About:
    metadata = manifest["metadata"]
    named = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], **named}


def _manifest(about: _About, transition: Transition, instance: str) -> dict[str, Any]:
    now = _timestamp()
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        # The name by which every component calls its Events: the object and a moment.
        "metadata": {"name": f"{about['name']}.{time.time_ns():x}", "namespace": _namespace(about)},
        "involvedObject": about,
        "type": transition.type,
        "reason": transition.reason,
        "message": cut_bytes(transition.message, MAX_EVENT_BYTES),
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": FIELD_MANAGER, "host": instance},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": instance,
    }


def _namespace(about: _About) -> str:
    # Events about cluster-scoped objects live in the namespace default.
    return about.get("namespace") or "default"


def _timestamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
