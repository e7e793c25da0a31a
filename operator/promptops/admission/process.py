"""The webhook as a process: stateless, without a word to the Kubernetes API, ended in time."""

from __future__ import annotations

import asyncio
import signal
from typing import Final

import structlog

from promptops.admission.application import admission_app
from promptops.admission.judges import Judges
from promptops.admission.mounted import Mounted
from promptops.settings.admission import AdmissionSettings
from promptops.telemetry.admission import AdmissionMetrics
from promptops.telemetry.loop import watch
from promptops.telemetry.outlet import LogOutlet
from promptops.telemetry.supervision import Supervisor
from promptops.web.limits import Limits, descriptors, shares
from promptops.web.listeners import bound_to
from promptops.web.operations import ProbeAnswer, alive, operations_app
from promptops.web.server import Listener, Server

LOOK_SECONDS: Final = 2.0
GRACE_SECONDS: Final = 3
DRAIN_SECONDS: Final = 3.0
"""So long questions are still taken after SIGTERM: until every API server has heard that this pod is leaving."""

_log = structlog.get_logger()


class Webhook:
    """Everything the webhook is made of."""

    def __init__(self, settings: AdmissionSettings, log: LogOutlet) -> None:
        """Bind the operations listener. Raises ListenError."""
        self._settings = settings
        self._metrics = AdmissionMetrics()
        self._supervisor = Supervisor(self._metrics.process)
        self._mounted = Mounted(
            settings.certificate_directory, settings.parameters_directories, self._metrics.certified
        )
        self._limits = shares(1, descriptors())
        probes = {"/healthz": alive, "/readyz": self._ready}
        operations = operations_app(self._metrics.exposition(lambda: log.dropped), probes)
        self._operations = Server(
            Listener(
                "operations",
                bound_to(settings.operations_address),
                operations,
                Limits(connections=self._limits.operations),
            ),
            self._metrics.process,
            GRACE_SECONDS,
        )
        self._judges = Judges()
        self._serving: Server | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Raises ListenError."""
        await self._operations.start()
        tasks = [
            asyncio.create_task(self._supervisor.keep("mounted files", self._look_again)),
            asyncio.create_task(self._supervisor.keep("watchdog", lambda: watch(self._metrics.process.loop_held))),
        ]
        try:
            await self._serve(stop)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._judges.close()
            await self._operations.stop()
        _log.info("webhook ended")

    async def _serve(self, stop: asyncio.Event) -> None:
        settings = self._settings
        bound = bound_to(settings.address)
        while self._mounted.encryption is None and not stop.is_set():
            self._mounted.look()
            await _or_after(stop, LOOK_SECONDS if self._mounted.encryption is None else 0)
        if self._mounted.encryption is None:
            bound.close()
            return
        await self._judges.start()
        app = admission_app(self._mounted.parameters, self._judges, self._metrics)
        limits = Limits(connections=self._limits.serving)
        listener = Listener("webhook", bound, app, limits, self._mounted.encryption)
        self._serving = Server(listener, self._metrics.process, GRACE_SECONDS)
        await self._serving.start()
        _log.info("webhook listens", address=settings.address, operations=settings.operations_address)
        await stop.wait()
        _log.info("webhook ends")
        await asyncio.sleep(DRAIN_SECONDS)
        await self._serving.stop()

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._mounted.look()

    def _ready(self) -> ProbeAnswer:
        why = self._mounted.problem if self._serving is not None else self._mounted.problem or "starting"
        return ProbeAnswer(why is None, "ok\n" if why is None else f"{why}\n")


async def _or_after(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def run_until_signalled(settings: AdmissionSettings, log: LogOutlet) -> None:
    """Run the webhook until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Webhook(settings, log).run(stop)
