"""The operator's process: puts the parts together, starts them in order, and ends them in time."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from promptops.api.v1alpha1 import GROUP, KINDS, VERSION
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.errors import AlreadyExists, ClusterError, Conflict, NotFound
from promptops.cluster.objects import Objects
from promptops.controller.assembly import Assembly
from promptops.controller.intake.definitions import outdated
from promptops.controller.publish.keyring import Lives
from promptops.controller.publish.trust import Keys, KeysUnusable, load_or_create
from promptops.settings.file import SettingsFile
from promptops.settings.operator import OperatorSettings
from promptops.telemetry.loop import watch
from promptops.telemetry.operator import OperatorMetrics
from promptops.telemetry.outlet import LogOutlet
from promptops.telemetry.supervision import Supervisor
from promptops.web.limits import Limits, descriptors, shares
from promptops.web.listeners import bound_to
from promptops.web.operations import ProbeAnswer, alive, operations_app
from promptops.web.reloading import Reloading, Told
from promptops.web.server import Listener, Server

GRACE_SECONDS = 2
"""So long a follower or scraper may take to finish when the operator ends."""
_RETRY_SECONDS = 1.0
_SAY_AGAIN_SECONDS = 30.0
_EXPECTED = (NotFound, AlreadyExists, Conflict)
"""Answers that are part of the protocol, not errors."""

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class OperatorProcess:
    """Runs until it is told to stop."""

    def __init__(self, file: SettingsFile[Told[OperatorSettings]], outlet: LogOutlet) -> None:
        """Bind the listeners. Raises ListenError."""
        self._settings = settings = file.current.role
        self._metrics = OperatorMetrics()
        self._reloading = Reloading(file, self._metrics.process)
        self._assembly: Assembly | None = None
        self._waiting_for: str | None = "starting"
        self._said_at = 0.0
        operations = operations_app(
            self._metrics.exposition(lambda: outlet.dropped), {"/healthz": alive, "/readyz": self._ready}
        )
        most = shares(1, descriptors())
        self._feed_limits = Limits(connections=most.serving)
        listener = Listener(
            "operations", bound_to(settings.operations_address), operations, Limits(connections=most.operations)
        )
        self._operations = Server(listener, self._metrics.process, GRACE_SECONDS)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then say goodbye, give up the Lease and return.

        Raises ConnectionInvalid when there is no way to the API server that could ever work, and ListenError.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        connection = await Connection.open(self._settings.kubeconfig)
        client = Client(connection, self._call_failed)
        await self._operations.start()
        log.info(
            "starting",
            server=connection.server,
            identity=self._settings.identity,
            feed=self._settings.feed_address,
            operations=self._settings.operations_address,
            tenancy=self._settings.tenancy_mode,
        )
        work = asyncio.create_task(self._work(client))
        supervisor, process = Supervisor(self._metrics.process), self._metrics.process
        beside = [
            asyncio.create_task(supervisor.keep("watchdog", lambda: watch(process.loop_held))),
            asyncio.create_task(supervisor.keep("settings", self._reloading.run)),
        ]
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopped, *beside):
                task.cancel()
            await self._end(work, client)

    async def _work(self, client: Client) -> None:
        objects = Objects(client)
        await self._until_kinds_are_served(objects)
        keys = await self._keys(objects)
        self._assembly = Assembly(self._settings, client, objects, keys, self._metrics, self._feed_limits)
        # What was imported stays: looking through it for garbage would hold the loop for a tenth of a second, again and again.
        gc.freeze()
        self._waiting_for = None
        await self._assembly.run()

    async def _end(self, work: asyncio.Task[None], client: Client) -> None:
        if self._assembly is not None:
            await self._assembly.end()
        if not work.done():
            work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await self._operations.stop()
        await client.close()
        log.info("stopped")

    async def _until_kinds_are_served(self, objects: Objects) -> None:
        """Wait until every kind is served, with every field that this operator writes."""
        while (why := await self._kinds_problem(objects)) is not None:
            self._wait_for(why)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _kinds_problem(self, objects: Objects) -> str | None:
        wanted = frozenset(kind.NAMES.plural for kind in KINDS)
        try:
            missing = wanted - await objects.served_kinds(GROUP, VERSION)
            if not missing:
                return await outdated(objects)
        except ClusterError as error:
            return str(error)
        names = ", ".join(f"{plural}.{GROUP}" for plural in sorted(missing))
        return f"the CustomResourceDefinitions {names} are not installed"

    async def _keys(self, objects: Objects) -> Keys:
        namespace, lives = self._settings.namespace, self._lives()
        while True:
            try:
                ring = await load_or_create(objects, namespace, lives, datetime.now(UTC))
                return Keys(objects, namespace, ring, lives)
            except (ClusterError, KeysUnusable) as error:
                self._wait_for(f"the keys cannot be had: {error}")
            await asyncio.sleep(_RETRY_SECONDS)

    def _lives(self) -> Lives:
        settings = self._settings
        lives = (settings.key_seconds, settings.authority_seconds, settings.certificate_seconds)
        return Lives(*(timedelta(seconds=each) for each in lives))

    def _wait_for(self, what: str) -> None:
        """Say what is waited for: in /readyz always, in the log when it is news or half a minute old."""
        now = time.monotonic()
        if what != self._waiting_for or now - self._said_at > _SAY_AGAIN_SECONDS:
            log.warning("waiting", reason=what)
            self._said_at = now
        self._waiting_for = what

    def _ready(self) -> ProbeAnswer:
        why = self._not_ready()
        return ProbeAnswer(why is None, "ok\n" if why is None else f"{why}\n")

    def _not_ready(self) -> str | None:
        if self._waiting_for is not None or self._assembly is None:
            return self._waiting_for
        return self._assembly.not_ready

    def _call_failed(self, operation: str, error: ClusterError) -> None:
        if not isinstance(error, _EXPECTED):
            self._metrics.feed.call_failed(operation)
