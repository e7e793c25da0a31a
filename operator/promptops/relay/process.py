"""A relay's process: puts the parts together, starts them in order, and ends them in time. A gateway is one with another face."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.errors import ClusterError
from promptops.relay.above import Above
from promptops.settings.file import SettingsFile
from promptops.settings.relay import RelaySettings
from promptops.telemetry.loop import watch
from promptops.telemetry.outlet import LogOutlet
from promptops.telemetry.relay import RelayMetrics
from promptops.telemetry.supervision import Supervisor
from promptops.web.answers import Application
from promptops.web.encryption import Encryption
from promptops.web.limits import Limits, descriptors, shares
from promptops.web.listeners import bound_to
from promptops.web.mounted import MountedCertificate
from promptops.web.operations import ProbeAnswer, alive, operations_app
from promptops.web.reloading import Reloading, Told
from promptops.web.server import Listener, Server

LOOK_SECONDS: Final = 2.0
GRACE_SECONDS: Final = 5

_log = structlog.get_logger()


@dataclass(frozen=True)
class Face:
    """What a process of this kind serves to its callers."""

    name: str
    """Of the role, and of its listener in metrics."""
    application: Application
    observe: Callable[[], None]
    """Brings its gauges up to date."""
    close: Callable[[], Awaitable[None]]
    """Sends away whoever would stay for long; called before the server stops."""
    lasting: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = ()
    """What runs as long as the process, by its name in metrics and log."""
    drain_seconds: float = 0.0
    """So long callers are still taken after SIGTERM."""


class RelayProcess:
    """Runs until it is told to stop."""

    def __init__(
        self, file: SettingsFile[Told[RelaySettings]], log: LogOutlet, make_face: Callable[[Above, RelayMetrics], Face]
    ) -> None:
        """Bind the listeners. Raises ListenError."""
        self._settings = settings = file.current.role
        self._log = log
        self._make_face = make_face
        self._metrics = RelayMetrics()
        self._reloading = Reloading(file, self._metrics.process)
        self._supervisor = Supervisor(self._metrics.process)
        self._certificate = MountedCertificate(settings.certificate_directory, self._metrics.certified)
        self._problem: str | None = "starting"
        self._above: Above | None = None
        self._face: Face | None = None
        self._limits = shares(1, descriptors())
        self._bound = bound_to(settings.address)
        self._operations = self._operations_server()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Raises ConnectionInvalid when there is no way to the API server that could ever work, TrustUnusable, and ListenError.
        """
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        client = Client(await Connection.open(self._settings.kubeconfig), self._call_failed)
        self._above = above = Above(self._settings, client, self._metrics)
        self._face = face = self._make_face(above, self._metrics)
        await self._operations.start()
        try:
            async with self._running(above, face):
                await self._serve(face, stop)
                await above.flush()
        finally:
            above.close()
            self._bound.close()
            await self._operations.stop()
            await client.close()
        _log.info("stopped", role=face.name)

    async def _serve(self, face: Face, stop: asyncio.Event) -> None:
        encryption = await self._encryption(stop)
        if encryption is None:
            return
        limits = Limits(connections=self._limits.serving)
        server = Server(
            Listener(face.name, self._bound, face.application, limits, encryption), self._metrics.process, GRACE_SECONDS
        )
        await server.start()
        self._problem = None
        _log.info("listens", role=face.name, address=self._settings.address, follows=self._settings.feed_url)
        await stop.wait()
        self._problem = "stopping"
        await asyncio.sleep(face.drain_seconds)
        await face.close()
        await server.stop()

    async def _encryption(self, stop: asyncio.Event) -> Encryption | None:
        """Wait for the first certificate; None when it is over before that."""
        self._look_at_certificate()
        while self._certificate.encryption is None and not stop.is_set():
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await stop.wait()
            except TimeoutError:
                self._look_at_certificate()
        return self._certificate.encryption

    @asynccontextmanager
    async def _running(self, above: Above, face: Face) -> AsyncIterator[None]:
        own = (
            ("certificate", self._keep_looking),
            ("settings", self._reloading.run),
            ("watchdog", self._watch_loop),
        )
        lasting = [*above.lasting(), *face.lasting, *own]
        tasks = [asyncio.create_task(self._supervisor.keep(name, run)) for name, run in lasting]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look_at_certificate()

    def _look_at_certificate(self) -> None:
        problem = None
        try:
            self._certificate.read()
        except OSError as error:
            problem = f"{error.filename} cannot be read: {error.strerror or error}"
        except ValueError as error:
            problem = str(error)
        if problem is not None and problem != self._problem:
            _log.warning("the certificate cannot be used; the one before is", reason=problem)
        if self._certificate.encryption is None:
            self._problem = problem

    async def _watch_loop(self) -> None:
        await watch(self._metrics.process.loop_held)

    def _operations_server(self) -> Server:
        probes = {"/healthz": alive, "/readyz": self._ready}
        operations = operations_app(self._metrics.exposition(self._observe), probes)
        bound, limits = bound_to(self._settings.operations_address), Limits(connections=self._limits.operations)
        return Server(Listener("operations", bound, operations, limits), self._metrics.process, GRACE_SECONDS)

    def _observe(self) -> None:
        self._metrics.process.log_dropped(self._log.dropped)
        if self._above is not None:
            self._above.observe()
        if self._face is not None:
            self._face.observe()

    def _ready(self) -> ProbeAnswer:
        why = self._problem or (self._above.not_ready if self._above is not None else "starting")
        return ProbeAnswer(why is None, "ok\n" if why is None else f"{why}\n")

    def _call_failed(self, operation: str, _: ClusterError) -> None:
        self._metrics.feed.call_failed(operation)
