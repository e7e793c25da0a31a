"""What thousands of prompts cost: until all are ready, while pods join, for two hundred activations at once, and after a restart.

Prints seconds, processor time, memory and writes per object; writes are counted from the API server's audit log.
    PYTHONPATH=. python tests/bench/scale.py [--prompts 2000]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from promptops import codegen
from promptops.dev.lifecycle import bring_up, plane_folder, take_down
from promptops.dev.plane import Plane
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE, OPERATOR, Stack
from promptops.settings.dev import DevSettings
from tests.bench.activation import OPERATOR as OPERATOR_USER
from tests.bench.activation import SAMPLE, administrator, heading, lines, measure, memory_volume, on_a_memory_volume
from tests.bench.fairness import create, going_on
from tests.bench.operator_metrics import healthy, seconds_until
from tests.support.manifests import prompt, version

SERVED = "default"
"""The namespace that the stack's sidecar follows."""
AT_ONCE = 200
PODS = 10
WRITERS = 8
LATER_SECONDS = 10.0
"""After a restart: so long is waited for writes and work that come late."""
WRITING = ("create", "update", "patch", "delete")


@dataclass(frozen=True)
class Cost:
    """What the operator used so far: processor seconds, resident bytes, and writes of prompts and their versions."""

    seconds: float
    resident: int
    writes: int


class Operator:
    """The operator's process, seen from outside."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._position = plane.audit_log.stat().st_size
        self._writes = 0

    def cost(self) -> Cost:
        """Return what it cost up to now, its worker included."""
        process = psutil.Process(self._plane.running()[OPERATOR])
        everything = [process, *process.children(recursive=True)]
        used = sum(sum(each.cpu_times()[:2]) for each in everything)
        self._writes += sum(self._new_writes())
        return Cost(used, process.memory_info().rss, self._writes)

    def _new_writes(self) -> Iterator[bool]:
        with self._plane.audit_log.open("rb") as log:
            log.seek(self._position)
            for line in log:
                entry = json.loads(line)
                kind = entry.get("objectRef", {}).get("resource")
                is_ours = entry["user"]["username"] == OPERATOR_USER and entry["verb"] in WRITING
                yield is_ours and kind in ("prompts", "promptversions")
            self._position = log.tell()


def names(count: int) -> list[str]:
    """Return the names of the prompts."""
    return [f"p{number}" for number in range(count)]


def content(name: str, number: str) -> dict[str, Any]:
    """Return an ordinary content of one and a half kilobytes."""
    text = f"{name} {number}: answer {{{{ question }}}} " + "x" * 1500
    return {"text": text, "variables": [{"name": "question", "type": "string"}]}


def apply(plane: Plane, manifests: Iterable[dict[str, Any]]) -> None:
    """Apply, a few at a time."""
    with administrator(plane) as api, ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(create, api, SERVED, manifest) for manifest in manifests]:
            done.result()


def served(stack: Stack) -> dict[str, str]:
    """Return the version that the sidecar serves of each prompt."""
    listed = httpx.get(f"{stack.sidecar.url}/v1/prompts", timeout=30, trust_env=False).json()["prompts"]
    return {each["name"]: each["version"] for each in listed}


def creating(stack: Stack, operator: Operator, count: int) -> Iterator[str]:
    """Yield lines about as many prompts, with a version each, from the first apply until all are ready and settled."""
    before, begun, objects = operator.cost(), time.monotonic(), 2 * count
    apply(stack.plane, (made for name in names(count) for made in _pair(name)))
    applied = time.monotonic() - begun
    assert stack.operator is not None
    url = stack.operator.metrics_url
    ready = seconds_until(lambda: healthy(url) > count)
    seconds_until(lambda: len(served(stack)) > count)
    after = operator.cost()
    yield f"applied in {applied:.1f} s, the last one ready {ready:.1f} s later"
    yield f"operator, processor time {1000 * (after.seconds - before.seconds) / objects:>10.2f} ms an object"
    yield f"operator, resident       {after.resident / 2**20:>10.0f} MiB"
    yield f"  grown by               {(after.resident - before.resident) / 1024 / objects:>10.1f} KiB an object"
    yield f"writes                   {(after.writes - before.writes) / objects:>10.2f} an object"


def _pair(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return dict(version(name, "1.0.0", content(name, "1.0.0"))), dict(prompt(name, activeVersion="1.0.0"))


def joining(stack: Stack, operator: Operator) -> Iterator[str]:
    """Yield lines about activations while pods join, one after the other as in a rolling update."""
    joined = 0

    def join(number: int) -> None:
        nonlocal joined
        if number < PODS:
            stack.start_sidecar(f"joins-{number}", SERVED)
            joined += 1
        else:
            time.sleep(0.1)

    before = operator.cost()
    with going_on(join):
        measured = measure(stack.plane, stack, 60)
        seconds_until(lambda: joined == PODS)
    time.sleep(1.0)
    yield from lines(measured)
    written = operator.cost().writes - before.writes
    yield f"writes                   {written / len(measured.activations):>10.2f} an activation, {PODS} pods that joined included"
    for number in range(PODS):
        stack.plane.stop(f"joins-{number}")


def at_once(stack: Stack, count: int) -> Iterator[str]:
    """Yield a line about activations that come together."""
    chosen = names(min(AT_ONCE, count))
    apply(stack.plane, (dict(version(name, "1.1.0", content(name, "1.1.0"))) for name in chosen))
    seconds_until(lambda: _is_known(stack.plane, len(chosen)))
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as waiting:
        all_served = waiting.submit(lambda: seconds_until(lambda: _serves(stack, chosen, "1.1.0"), every=0.05))
        apply(stack.plane, (dict(prompt(name, activeVersion="1.1.0")) for name in chosen))
        patched = time.monotonic() - begun
        last = all_served.result()
    yield f"{len(chosen)} activations, the last accepted after {patched:.2f} s, the last served after {last:.2f} s"


def _serves(stack: Stack, chosen: Sequence[str], number: str) -> bool:
    """Ask once for all of them: a list of thousands takes its time."""
    held = served(stack)
    return all(held.get(name) == number for name in chosen)


def _is_known(plane: Plane, count: int) -> bool:
    found = plane.kubectl(
        "get",
        "promptversions",
        "-n",
        SERVED,
        "-o",
        'jsonpath={range .items[*]}{.spec.version} {.status.digest}{"\\n"}{end}',
    ).stdout
    return sum(line.startswith("1.1.0 sha256:") for line in found.splitlines()) >= count


def restarting(stack: Stack) -> Iterator[str]:
    """Yield lines about a restart."""
    stack.plane.stop(OPERATOR)
    operator = Operator(stack.plane)
    begun = time.monotonic()
    stack.plane.start(OPERATOR)
    ready = time.monotonic() - begun
    published = operator.cost()
    time.sleep(LATER_SECONDS)
    later = operator.cost()
    yield f"published {ready:.1f} s after the start, processor time {published.seconds:.1f} s"
    yield f"{LATER_SECONDS:.0f} s later: processor time {later.seconds:.1f} s, resident {later.resident / 2**20:.0f} MiB, writes {later.writes}"


def main() -> None:
    """Bring up a plane, measure, print, take it down."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prompts", type=int, default=2000)
    count = arguments.parse_args().prompts
    settings, progress = DevSettings.from_environment(), Progress()
    folder = plane_folder(settings.cache, "bench-scale")
    snapshots = memory_volume()
    told: list[str] = []
    try:
        take_down(folder)
        up = bring_up(folder, settings, progress, codegen.manifests(NAMESPACE))
        assert up.stack is not None
        on_a_memory_volume(up.stack, snapshots.name)
        up.plane.kubectl("apply", "-f", str(SAMPLE))
        up.plane.kubectl("wait", "--for=condition=Converged", "--timeout=60s", "prompt/greeting")
        operator = Operator(up.plane)
        with progress.step(f"{count} prompts with a version each", seconds=count // 25):
            told += [f"{count} prompts with a version each", *creating(up.stack, operator, count), ""]
        with progress.step(f"{PODS} pods join", seconds=30):
            told += [heading(f"one activation while {PODS} pods join"), *joining(up.stack, operator), ""]
        with progress.step(f"{AT_ONCE} activations at once", seconds=15):
            told += [*at_once(up.stack, count), ""]
        with progress.step("a restart", seconds=20):
            told += ["a restart", *restarting(up.stack)]
    finally:
        take_down(folder)
        snapshots.cleanup()
        print("\n".join(told))


if __name__ == "__main__":
    main()
