"""A sidecar as a process: what it is made of, how it begins and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import structlog

from promptops.cache.clock import Clock
from promptops.cache.store import Event, Store, Swapped
from promptops.reader.answers import Answers
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.settings.file import SettingsFile
from promptops.settings.sidecar import SidecarSettings
from promptops.sidecar.choice import choose_supply
from promptops.sidecar.clients import Clients
from promptops.sidecar.counting import Counting
from promptops.sidecar.data import DataApp
from promptops.sidecar.downstream import Downstream
from promptops.sidecar.events import EventHub
from promptops.sidecar.guard import Guard
from promptops.sidecar.state import State
from promptops.sidecar.supply import SupplyError
from promptops.telemetry.loop import watch
from promptops.telemetry.outlet import LogOutlet
from promptops.telemetry.sidecar import SidecarMetrics
from promptops.telemetry.supervision import Supervisor
from promptops.web.answers import Application
from promptops.web.limits import Limits, descriptors, shares
from promptops.web.listeners import bind_path, bound_to, is_loopback
from promptops.web.operations import alive, operations_app
from promptops.web.reloading import Reloading, Told
from promptops.web.server import Listener, serve

if TYPE_CHECKING:
    from promptops.telemetry.tracing import Tracing

LAST_RESORT_SECONDS: Final = 20.0
"""After the first signal: longer than everything that is waited for in order, shorter than a pod's grace."""
SWITCH_SECONDS: Final = 0.001
"""So long a thread that scrapes, decides or renders something large goes on while the loop waits for its turn; five times as
long is usual."""
_log = structlog.get_logger()


class Sidecar:
    """Everything a sidecar is made of."""

    def __init__(self, file: SettingsFile[Told[SidecarSettings]], log: LogOutlet) -> None:
        """Raises SupplyError, naming what has to be set."""
        self._settings = settings = file.current.role
        self._clock = Clock()
        self._store = Store()
        self._tally = Tally()
        self._metrics = SidecarMetrics()
        self._reloading = Reloading(file, self._metrics.process)
        self._log = log
        self._supervisor = Supervisor(self._metrics.process)
        self._tracing = _tracing(settings)
        statistics = RenderStatistics(time.monotonic)
        self._counting = Counting(self._metrics.prompts, self._tally, statistics, self._tracing)
        self._clients = Clients(self._store, self._metrics, self._tally, statistics, time.monotonic)
        self._supply = choose_supply(settings, self._store, self._clock, self._metrics, self._tally, self._clients)
        self._state = State(self._store, self._supply, self._supervisor, self._clock.now, reloading=self._reloading)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="renders")
        self._answers = Answers(self._store, self._counting, self._clock.now)
        self._hub = EventHub(self._store)
        self._downstream = Downstream(self._store, self._clock, self._clients)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Raises SupplyError and ListenError before anything is served."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._supply.load()
        gc.freeze()
        gc.enable()
        self._store.listen(self._forget)
        with self._listeners() as listeners:
            tasks = [
                asyncio.create_task(self._supervisor.keep("supply", self._supply.run)),
                asyncio.create_task(self._supervisor.keep("watchdog", self._watch_loop)),
                asyncio.create_task(self._supervisor.keep("settings", self._reloading.run)),
                asyncio.create_task(self._supervisor.keep("downstream", self._downstream.run)),
                asyncio.create_task(self._end_streams(stop)),
            ]
            try:
                await serve(listeners, self._metrics.process, stop)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._supply.close()
                if self._tracing is not None:
                    await asyncio.to_thread(self._tracing.close)
        _log.info("sidecar ended")

    @contextlib.contextmanager
    def _listeners(self) -> Iterator[tuple[Listener, ...]]:
        settings = self._settings
        with contextlib.ExitStack() as bound:
            data = bound.enter_context(bound_to(settings.data_address))
            operations = bound.enter_context(bound_to(settings.operations_address))
            any_address = not is_loopback(settings.data_address)
            most = shares(1 if settings.socket is None else 2, descriptors())
            serving, probing = Limits(connections=most.serving), Limits(connections=most.operations)
            listeners = [
                Listener("data", data, self._data_app(Guard(check_host=True, any_address=any_address)), serving),
                Listener("operations", operations, self._operations_app(), probing),
            ]
            if settings.socket is not None:
                unix = bound.enter_context(bind_path(settings.socket, settings.socket_mode))
                listeners.append(
                    Listener("socket", unix, self._data_app(Guard(check_host=False), self._downstream), serving)
                )
            if any_address:
                _log.warning("data listener is reachable from outside", address=settings.data_address)
            _log.info(
                "sidecar listens",
                data=settings.data_address,
                socket=str(settings.socket) if settings.socket else None,
                operations=settings.operations_address,
            )
            yield tuple(listeners)

    def _operations_app(self) -> Application:
        exposition = self._metrics.exposition(self._observe)
        probes = {"/healthz": alive, "/readyz": self._state.ready, "/startupz": self._state.started}
        return operations_app(exposition, probes)

    def _data_app(self, guard: Guard, downstream: Downstream | None = None) -> DataApp:
        health, counting = self._state.health, self._counting
        return DataApp(self._answers, health, guard, self._worker, counting, self._hub, downstream)

    async def _end_streams(self, stop: asyncio.Event) -> None:
        """A server that stops waits for its answers: those without end have to be ended."""
        await stop.wait()
        self._hub.close()
        self._downstream.close()

    async def _watch_loop(self) -> None:
        await watch(self._metrics.process.loop_held)

    def _observe(self) -> None:
        self._state.observe(self._metrics.supply)
        behind = self._clients.behind
        self._metrics.clients.rendering(current=self._clients.count - behind, behind=behind)
        self._metrics.process.log_dropped(self._log.dropped)

    def _forget(self, event: Event) -> None:
        if isinstance(event, Swapped):
            self._counting.forget(event.view)


def _tracing(settings: SidecarSettings) -> Tracing | None:
    if settings.collector_url is None:
        return None
    try:
        # An extra: it is slow to load, and most sidecars are scraped.
        from promptops.telemetry.tracing import Tracing
    except ModuleNotFoundError as missing:
        raise SupplyError(
            f"PROMPTOPS_COLLECTOR_URL is set and {missing.name} is not installed: pip install 'promptops[telemetry]'"
        ) from None
    return Tracing(settings.collector_url, settings.instance or socket.gethostname())


async def run_until_signalled(file: SettingsFile[Told[SidecarSettings]], log: LogOutlet) -> None:
    """Run a sidecar until SIGTERM or SIGINT; a second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def signalled(number: signal.Signals) -> None:
        stop.set()
        _log.info("sidecar ends", signal=number.name)
        loop.remove_signal_handler(number)
        # Whatever hangs in a thread that the interpreter would wait for: it does not keep us.
        last_resort = threading.Timer(LAST_RESORT_SECONDS, os._exit, (1,))
        last_resort.daemon = True
        last_resort.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled, number)
    # What is made at the start stays: looking through it for garbage would slow the start, and later hold the loop.
    gc.disable()
    await Sidecar(file, log).run(stop)
