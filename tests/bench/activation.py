"""How long an activation takes until an application gets the new version, beside a bare watch of the same object.

Prints p50 and p99 of both and their ratio - the watch is what anything in Kubernetes could be told at the earliest - and
where the time goes, seen from outside: the watch's events, the API server's audit log, a bare follower of the feed.
    PYTHONPATH=. python tests/bench/activation.py [--activations 200]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection

import httpx

from promptops.api.feed import AUDIENCE
from promptops.client import SyncPromptOpsClient
from promptops.dev.plane import Plane
from promptops.dev.stack import Stack
from tests.bench.plane import OPERATOR, administrator, bench_plane

PROMPT = "/apis/promptops.io/v1alpha1/namespaces/default/prompts/greeting"
BETWEEN_SECONDS = 0.15
"""Pause after each activation, so that each meets an idle plane."""
LOOK_SECONDS = 0.002
"""Pause between two renders: whoever asks without one takes the processor from what is measured."""
STAGES = ("watch", "decide", "write", "publish", "fetch, persist, swap")


class BareWatch:
    """Remembers when an activeVersion first came through a plain watch."""

    def __init__(self, plane: Plane) -> None:
        self.version = ""
        self.at = 0.0
        self._client = administrator(plane)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        query = {"watch": "1", "fieldSelector": "metadata.name=greeting"}
        with suppress(httpx.HTTPError), self._client.stream("GET", PROMPT.rsplit("/", 1)[0], params=query) as answer:
            for line in answer.iter_lines():
                version = json.loads(line)["object"]["spec"].get("activeVersion", "")
                if version != self.version:
                    self.version, self.at = version, time.time()


class BareFollower:
    """Remembers when a patch of the feed arrived, and does nothing with it."""

    def __init__(self, stack: Stack) -> None:
        """Return once the stream is open."""
        self.arrivals: list[float] = []
        self._open = threading.Event()
        token = stack.plane.kubectl("create", "token", "default", f"--audience={AUDIENCE}").stdout.strip()
        assert stack.operator is not None
        self._url = f"{stack.operator.feed_url}/v1/stream"
        self._context = stack.feed_context()
        self._headers = {"Authorization": f"Bearer {token}"}
        threading.Thread(target=self._run, daemon=True).start()
        self._open.wait(10)

    def _run(self) -> None:
        with (
            suppress(httpx.HTTPError),
            httpx.stream("GET", self._url, headers=self._headers, timeout=None, verify=self._context) as answer,  # noqa: S113
        ):
            for line in answer.iter_lines():
                self._open.set()
                if line == "event: patch":
                    self.arrivals.append(time.time())


class Application:
    """Renders again and again in a process of its own: in ours it would wait for the threads that look at everything else."""

    def __init__(self, socket: str) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._ours, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_render, args=(socket, theirs), daemon=True)
        self._process.start()
        self._ours.recv()

    def wait_for(self, version: str) -> None:
        """Begin to render; `served` says when a version came."""
        self._ours.send(version)

    def served(self) -> float:
        """Return when the version that is waited for was rendered, in seconds since the epoch."""
        at: float = self._ours.recv()
        return at

    def end(self) -> None:
        """Render no more."""
        self._process.terminate()
        self._process.join()


def _render(socket: str, pipe: Connection) -> None:
    with SyncPromptOpsClient(socket=socket) as client:
        pipe.send("ready")
        while True:
            version = pipe.recv()
            while client.render_prompt("greeting", variables={"name": "Ada"}).version != version:
                time.sleep(LOOK_SECONDS)
            pipe.send(time.time())


@dataclass
class Activation:
    """One activation, in seconds since the epoch."""

    sent: float
    watched: float = 0.0
    served: float = 0.0


@dataclass
class Measured:
    """Every activation, and what others saw of it."""

    activations: list[Activation] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    writes: list[tuple[float, float]] = field(default_factory=list)
    """When the operator's status writes were received and answered."""

    def served(self) -> list[float]:
        """Seconds until the new version was rendered."""
        return [each.served - each.sent for each in self.activations]

    def watched(self) -> list[float]:
        """Seconds until the bare watch's event."""
        return [each.watched - each.sent for each in self.activations]

    def stages(self) -> Mapping[str, list[float]]:
        """Return how long each stage took, as far as all its ends were seen."""
        found: dict[str, list[float]] = {stage: [] for stage in STAGES}
        for each in self.activations:
            received, answered = next((write for write in self.writes if write[0] >= each.sent), (0.0, 0.0))
            arrived = next((arrival for arrival in self.arrivals if arrival >= each.sent), 0.0)
            marks = (each.sent, each.watched, received, answered, arrived, each.served)
            if all(marks):
                for stage, begun, ended in zip(STAGES, marks, marks[1:], strict=False):
                    found[stage].append(ended - begun)
        return found


def measure(stack: Stack, activations: int, pause: float = BETWEEN_SECONDS) -> Measured:
    """Activate again and again, with a pause in seconds after each, and look."""
    plane = stack.plane
    watch, follower, measured = BareWatch(plane), BareFollower(stack), Measured()
    application, position = Application(stack.sidecar.socket), plane.audit_log.stat().st_size
    with administrator(plane) as api:
        for number in range(activations):
            version = ("1.1.0", "1.0.0")[number % 2]
            application.wait_for(version)
            activation = Activation(time.time())
            activate(api, PROMPT, version)
            activation.served = application.served()
            while watch.version != version:
                time.sleep(LOOK_SECONDS)
            activation.watched = watch.at
            measured.activations.append(activation)
            time.sleep(pause)
    application.end()
    measured.arrivals = follower.arrivals
    measured.writes = list(status_writes(plane, position))
    return measured


def activate(api: httpx.Client, path: str, version: str) -> None:
    """Edit the one line."""
    body = json.dumps({"spec": {"activeVersion": version}})
    api.patch(path, content=body, headers={"content-type": "application/merge-patch+json"}).raise_for_status()


def status_writes(plane: Plane, since: int) -> Iterable[tuple[float, float]]:
    """Yield when the API server received and answered each status write of the prompt, by its audit log."""
    with plane.audit_log.open("rb") as log:
        log.seek(since)
        for line in log:
            entry = json.loads(line)
            about = entry.get("objectRef", {})
            if entry["user"]["username"] == OPERATOR and about.get("name") == "greeting" and about.get("subresource"):
                yield _moment(entry["requestReceivedTimestamp"]), _moment(entry["stageTimestamp"])


def _moment(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie, in milliseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def line(label: str, values: list[float]) -> str:
    """One line of a table: p50, p99 and worst."""
    if not values:
        return f"{label:<44} not seen"
    p50, p99, worst = (percentile(values, share) for share in (0.5, 0.99, 1.0))
    return f"{label:<44} {p50:>7.1f} ms {p99:>7.1f} ms {worst:>7.1f} ms"


def lines(measured: Measured) -> Iterator[str]:
    """Yield the table of what was measured: the way to the render beside the bare watch's, and its stages."""
    served, watched = measured.served(), measured.watched()
    yield line("the new version being rendered", served)
    yield line("a bare watch's event (rival)", watched)
    ratios = [percentile(served, share) / percentile(watched, share) for share in (0.5, 0.99, 1.0)]
    yield f"{'ratio':<44} " + " ".join(f"{ratio:>10.2f}" for ratio in ratios)
    for stage, values in measured.stages().items():
        yield line(f"  of it: {stage}", values)


def heading(label: str) -> str:
    """What stands above such lines."""
    return f"{label:<44} {'p50':>10} {'p99':>10} {'worst':>10}"


def main() -> None:
    """Measure on a plane of its own, and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--activations", type=int, default=200)
    activations = arguments.parse_args().activations
    with (
        bench_plane("bench") as (stack, progress),
        progress.step(f"{activations} activations", seconds=activations // 4),
    ):
        measured = measure(stack, activations)
    print(heading("from the PATCH being sent to"))
    print("\n".join(lines(measured)))


if __name__ == "__main__":
    main()
