"""Watches the Kubernetes API with kopf, in a thread and an event loop of its own, and starts it anew whenever it ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Set
from http import HTTPStatus
from typing import Any, cast

import aiohttp
import kopf
import structlog
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from promptops.cluster.client import METADATA_OF_ONE, METADATA_ONLY
from promptops.cluster.connection import Connection
from promptops.cluster.resources import CONFIG_MAPS, NAMESPACES, PROMPT_VERSIONS, PROMPTS, TENANTS, WATCHED, Resource
from promptops.controller.intake.door import Ingest
from promptops.domain.manifests import Manifest

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 30.0
_STEADY_SECONDS = 60.0
"""A watch that lasted so long starts anew without a longer wait."""
_LIST_SECONDS = 60.0
_END_SECONDS = 2.0
"""How long what kopf leaves behind may take to end; what takes longer is abandoned."""
_PAUSE_WAITER = "pause-waiter"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Watch:
    """Feeds `ingest` with every event. The callbacks are called in the watch's thread."""

    def __init__(
        self,
        connection: Connection,
        ingest: Ingest,
        relisted: Callable[[Resource], None],
        restarted: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._ingest = ingest
        self._relisted = relisted
        self._restarted = restarted
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._ending = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        self._logged_in_at = float("-inf")
        self._reason: str | None = None
        self._refused = False
        self._broken: set[Resource] = set()
        self._heard: set[Resource] = set()
        self._events: dict[str, int] = {}

    @property
    def problem(self) -> str | None:
        """Which kinds no watch has listed yet; None once all were. Without them nothing that is applied is noticed."""
        unheard = [resource.kind for resource in WATCHED if resource not in self._heard]
        return f"waiting for the watch of {', '.join(unheard)}" if unheard else None

    @property
    def heard(self) -> Mapping[Resource, int]:
        """How many events came of each kind that was listed since the watch started last."""
        return {resource: self._events.get(resource.kind, 0) for resource in tuple(self._heard)}

    def restart(self, reason: str) -> None:
        """Start anew; callable from any thread."""
        self._reason = reason
        self._stop()

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Stop watching and wait a little for the thread's end; what remains of it ends with the process."""
        self._ending.set()
        self._stop()
        self._thread.join(seconds)

    def _run(self) -> None:
        backoff = FIRST_BACKOFF
        while not self._ending.is_set():
            started = time.monotonic()
            self._watch_once()
            if self._ending.is_set():
                return
            if time.monotonic() - started > _STEADY_SECONDS:
                backoff = FIRST_BACKOFF
            log.warning("watch ended; starting it anew", after_seconds=backoff, reason=self._reason)
            self._restarted()
            self._ending.wait(backoff)
            backoff = min(LONGEST_BACKOFF, backoff * 2)

    def _watch_once(self) -> None:
        # Not asyncio.run(): it waits for the end of every task, and those of kopf may never come to it.
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._watch())
        except Exception as error:
            self._reason = _said(error)
        finally:
            loop.close()

    async def _watch(self) -> None:
        loop, flag = asyncio.get_running_loop(), asyncio.Event()
        self._logged_in_at, self._reason, self._refused = float("-inf"), None, False
        self._heard.clear()

        def stop() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(flag.set)

        self._stop = stop
        if self._ending.is_set():
            return
        # Not kopf.operator(), which would wait for its watchers when one of them has failed (see _end_tasks).
        tasks = await kopf.spawn_tasks(
            registry=handlers(self._hear, self._login),
            settings=settings(),
            memories=Forgetful(),
            clusterwide=True,
            stop_flag=flag,
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for error in [task.exception() for task in done if not task.cancelled()]:
            if error is not None:
                self._reason = _said(error)
        await _end_tasks(frozenset(tasks))

    def _hear(self, kind: str, type_: str | None, manifest: Manifest) -> None:
        self._events[kind] = self._events.get(kind, 0) + 1
        self._ingest(kind, type_, manifest)

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        """Open a session. Asked again soon, kopf was refused or cut off: it would log in without a pause, for ever."""
        now = time.monotonic()
        if now - self._logged_in_at < _STEADY_SECONDS:
            self._reason = "the API server does not accept our credentials" if self._refused else "the connection broke"
            self._stop()
            await asyncio.Event().wait()
        self._logged_in_at = now
        return kopf.AiohttpSession(
            server=self._connection.server, aiohttp_session=self._connection.session(self._observed, _accepted)
        )

    def _observed(self, request: aiohttp.ClientRequest, end: aiohttp.ClientResponse | Exception) -> None:
        """Notice lists and breaks: a list after the first means that events were lost, deletions among them.

        A kind that a list finds empty yields no event whatever, so the list itself is the only sign there is.
        """
        resource = _LISTED.get(request.url.path)
        if resource is None:
            return
        if isinstance(end, Exception) or end.status >= 500:
            if resource not in self._broken:
                log.warning("watch broken", kind=resource.kind, error=_told(end))
            self._broken.add(resource)
            return
        self._refused = end.status == HTTPStatus.UNAUTHORIZED
        if end.status != HTTPStatus.OK:
            return
        self._heard.add(resource)
        was_broken = resource in self._broken
        self._broken.discard(resource)
        if was_broken:
            log.info("watch restored", kind=resource.kind)
        is_first_page_of_list = "watch" not in request.url.query and "continue" not in request.url.query
        if was_broken or is_first_page_of_list:
            self._relisted(resource)


async def _end_tasks(roots: frozenset[asyncio.Task[Any]]) -> None:
    """End kopf's tasks, and wait for no longer than they deserve.

    kopf's own way waits without a bound, and its watchers may never end: a watcher that is cancelled together with the task
    that tells it of a pause takes that for a pause, and goes on to wait for credentials that nobody brings any more.
    """
    await _cancel(roots)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    pauses = frozenset(task for task in rest if task.get_name().startswith(_PAUSE_WAITER))
    await _cancel(rest - pauses)
    await _cancel(pauses)


async def _cancel(tasks: Set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=_END_SECONDS)
        for task in done:
            # Asked for, so that nobody complains that nobody did.
            _ = task.cancelled() or task.exception()


def handlers(ingest: Ingest, login: Callable[..., Any]) -> kopf.OperatorRegistry:
    """Return kopf's registry: one handler per kind, none with an opinion."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(login)

    @kopf.on.event(*_selector(PROMPTS), registry=registry)
    async def prompt_seen(event: kopf.RawEvent, **_: Any) -> None:
        """Tell the store; the queue reconciles."""
        ingest(PROMPTS.kind, event["type"], taken(event))

    @kopf.on.event(*_selector(PROMPT_VERSIONS), registry=registry)
    async def version_seen(event: kopf.RawEvent, **_: Any) -> None:
        """Tell the store; the queue reconciles."""
        ingest(PROMPT_VERSIONS.kind, event["type"], taken(event))

    @kopf.on.event(*_selector(TENANTS), registry=registry)
    async def tenant_seen(event: kopf.RawEvent, **_: Any) -> None:
        """Tell the store; the queue reconciles."""
        ingest(TENANTS.kind, event["type"], taken(event))

    @kopf.on.event(*_selector(CONFIG_MAPS), registry=registry)
    async def config_map_seen(event: kopf.RawEvent, **_: Any) -> None:
        """Tell the store; the queue reconciles."""
        ingest(CONFIG_MAPS.kind, event["type"], taken(event))

    @kopf.on.event(*_selector(NAMESPACES), registry=registry)
    async def namespace_seen(event: kopf.RawEvent, **_: Any) -> None:
        """Tell the store; the queue reconciles."""
        ingest(NAMESPACES.kind, event["type"], taken(event))

    return registry


def taken(event: kopf.RawEvent) -> Manifest:
    """Take the object out of an event. kopf's views of it refer to each other, and stay until somebody searches for garbage:
    with the object in them that is several times as much."""
    found = cast(dict[str, Any], event["object"])
    manifest = dict(found)
    found.clear()
    return manifest


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings: it reads, and never writes, posts, peers, or ends the process."""
    chosen = kopf.OperatorSettings()
    chosen.persistence.diffbase_storage = _NoDiffBase()
    chosen.persistence.progress_storage = _NoProgress()
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.posting.enabled = False
    chosen.queueing.idle_timeout = 0.5
    chosen.queueing.exit_timeout = 0.5
    chosen.watching.chunk_size = 500
    chosen.watching.server_timeout = 290
    chosen.networking.connect_timeout = 5.0
    chosen.networking.request_timeout = _LIST_SECONDS
    chosen.networking.error_backoffs = _Backoffs()
    chosen.process.ultimate_exiting_timeout = None
    for resource in WATCHED:
        if resource.label_selector:
            chosen.watching.label_selectors[_selector(resource)] = resource.label_selector
    return chosen


class _Backoffs:
    """A second between attempts, for as long as it takes: an API server that was away is found within two."""

    def __iter__(self) -> Iterator[float]:
        yield 0.2
        while True:
            yield 1.0


class Forgetful(ResourceMemories):
    """Remembers nothing of an object beyond the event at hand: no handler has anything to remember."""

    async def recall(self, raw_body: kopf.RawBody, **more: Any) -> ResourceMemory:
        return await super().recall(raw_body, **more | {"ephemeral": True})


class _NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing on the objects, and spares the copying of each."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        return None


class _NoProgress(kopf.ProgressStorage):
    """Remembers nothing on the objects."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


def _selector(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.plural


_LISTED = {resource.path(): resource for resource in WATCHED}


def _accepted(request: aiohttp.ClientRequest) -> str | None:
    """Which form of a collection kopf is to be sent; it knows none but the whole objects."""
    resource = _LISTED.get(request.url.path)
    if resource is None or not resource.by_metadata:
        return None
    return METADATA_OF_ONE if "watch" in request.url.query else METADATA_ONLY


def _told(end: aiohttp.ClientResponse | Exception) -> str:
    return _said(end) if isinstance(end, Exception) else f"the API server answered {end.status}"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
