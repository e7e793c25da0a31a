"""What a broken Redis adds to renders of what is held: `make bench-mirror`.

Two sidecars follow one origin, one of them with a mirror. They are asked in turns of fifty renders, 200 a second, while Redis is
well, hangs, is gone and refuses everybody; printed are the 50th and 99th percentile of each, and what the mirror adds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import itertools
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from promptops.dev.distribution import REDIS, provide
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from promptops.telemetry.logging import configure
from tests.sidecar.test_feed import Following
from tests.support.hop import Hop, hop
from tests.support.redis import Server, servers
from tests.support.sidecar import Sidecar, sidecars

TURN = 50
PACE_SECONDS = 0.005
GOAL_MS = 1.0


class Asker:
    """One connection to a sidecar's socket, kept."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.milliseconds: list[float] = []
        self.failed = 0
        self._connection = http.client.HTTPConnection("sidecar")
        self._connection.sock = socket.socket(socket.AF_UNIX)
        self._connection.sock.connect(str(sidecar.socket))

    def turn(self) -> None:
        """Render at the pace, and note how long each took."""
        for _ in range(TURN):
            began = time.perf_counter()
            self._connection.request("POST", "/v1/prompts/greeting/render", b"{}")
            answer = self._connection.getresponse()
            answer.read()
            took = time.perf_counter() - began
            self.milliseconds.append(took * 1000)
            self.failed += answer.status != 200
            time.sleep(max(0.0, PACE_SECONDS - took))

    def taken(self) -> tuple[float, float]:
        """Return the 50th and the 99th percentile since they were last taken."""
        found, self.milliseconds = sorted(self.milliseconds), []
        return found[len(found) // 2], found[len(found) * 99 // 100]


@contextlib.contextmanager
def origin() -> Iterator[tuple[Hop, asyncio.AbstractEventLoop]]:
    """Run an origin in a thread of its own; return it and the loop that it belongs to."""
    running: list[tuple[Hop, asyncio.AbstractEventLoop]] = []
    up, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with hop(leads=True) as made:
            running.append((made, asyncio.get_running_loop()))
            up.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    up.wait()
    try:
        yield running[0]
    finally:
        over.set()
        thread.join()


def faults(server: Server) -> tuple[tuple[str, Callable[[], object]], ...]:
    """Name what is done to Redis, one after the other."""
    return (
        ("well", lambda: None),
        ("hangs", server.pause),
        ("well again", server.go_on),
        ("refuses everybody", lambda: server.client.config_set("requirepass", "another")),
        ("is gone", server.kill),
    )


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=20.0, help="for each state of Redis")
    seconds = options.parse_args().seconds
    configure("error")  # the origin runs in this process, and what it has to say of readers stands between the figures
    home = Path(tempfile.mkdtemp(prefix="bench-mirror-"))
    with (
        origin() as (above, loop),
        contextlib.contextmanager(sidecars)() as start,
        contextlib.contextmanager(servers)(provide(REDIS, DevSettings.from_environment(), Progress())) as new_server,
    ):
        server = new_server()
        mirror = server.environment(server.settings(writes=True))
        askers: list[Asker] = []
        told: dict[str, dict[str, str]] = {"alone": {}, "mirrored": mirror}
        for name, environment in told.items():
            folder = home / name
            folder.mkdir()
            following = Following(above, start, folder)
            asyncio.run(following.start(**environment, PROMPTOPS_INSTANCE=name, PYTHONASYNCIODEBUG=""))
            asyncio.run(following.answers("Hello"))
            askers.append(Asker(following.sidecar))
        revisions = itertools.count(2)

        def change() -> None:
            loop.call_soon_threadsafe(lambda: above.put(("other", "Hello"), revision=next(revisions)))

        measure(askers, server, change, seconds)


def measure(askers: list[Asker], server: Server, change: Callable[[], None], seconds: float) -> None:
    """Ask in turns in every state of Redis; a prompt changes each second, so that there is something to mirror."""
    print(f"{'Redis':20}{'alone p50':>11}{'p99':>8}{'mirrored p50':>15}{'p99':>8}{'added p99':>12}   ms")
    for name, hurt in faults(server):
        hurt()
        until, due = time.monotonic() + seconds, 0.0
        while time.monotonic() < until:
            for asker in askers:
                asker.turn()
            if time.monotonic() > due:
                due = time.monotonic() + 1
                change()
        (alone50, alone99), (mirrored50, mirrored99) = (asker.taken() for asker in askers)
        added = mirrored99 - alone99
        print(f"{name:20}{alone50:11.3f}{alone99:8.3f}{mirrored50:15.3f}{mirrored99:8.3f}{added:12.3f}")
    failed = sum(asker.failed for asker in askers)
    print(f"failed renders: {failed}; the goal is at most {GOAL_MS:g} ms added to the 99th percentile")


if __name__ == "__main__":
    main()
