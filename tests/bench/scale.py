"""What thousands of prompts cost: until all are ready, while pods join, for two hundred activations at once beside
the same patches without an operator, and after a restart.

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

from promptops.client import SyncPromptOpsClient
from promptops.dev.plane import Plane
from promptops.dev.stack import OPERATOR, Stack
from tests.bench.activation import LOOK_SECONDS, PROMPT, activate, heading, lines, measure
from tests.bench.fairness import create, going_on
from tests.bench.operator_metrics import healthy, seconds_until
from tests.bench.plane import OPERATOR as OPERATOR_USER
from tests.bench.plane import administrator, bench_plane
from tests.support.manifests import prompt, version

SERVED = "default"
"""The namespace that the stack's sidecar follows."""
PROMPTS = PROMPT.rpartition("/")[0]
AT_ONCE = 200
PODS = 10
WRITERS = 8
SETTLED_SECONDS = 3.0
"""Nothing was written for so long: what an activation brings about later, such as how many serve it, is written too."""
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
    assert stack.operator is not None
    before, objects, everything = operator.cost(), 2 * count, names(count)
    warmed_up = _ready(stack, everything[: count // 2], operator, stack.operator.metrics_url, 0)
    after = _ready(stack, everything[count // 2 :], operator, stack.operator.metrics_url, count // 2)
    applied, late = (first + second for first, second in zip(warmed_up[1:], after[1:], strict=True))
    yield f"applied in {applied:.1f} s, in two halves, the last ones of which were ready {late:.1f} s later"
    yield f"operator, processor time {1000 * (after[0].seconds - before.seconds) / objects:>10.2f} ms an object"
    yield f"operator, resident       {after[0].resident / 2**20:>10.0f} MiB"
    yield f"  grown by               {(after[0].resident - before.resident) / 1024 / objects:>10.1f} KiB an object"
    yield f"  by the second half     {(after[0].resident - warmed_up[0].resident) / 1024 / count:>10.1f} KiB an object"
    yield f"writes                   {(after[0].writes - before.writes) / objects:>10.2f} an object"


def _ready(stack: Stack, chosen: Sequence[str], operator: Operator, url: str, there: int) -> tuple[Cost, float, float]:
    """Apply prompts with a version each, beside those that are there; return the cost once all are served, the seconds that
    applying took, and how much later the last was ready."""
    begun, count = time.monotonic(), there + len(chosen)
    apply(stack.plane, (made for name in chosen for made in _pair(name)))
    applied = time.monotonic() - begun
    late = seconds_until(lambda: healthy(url) > count)
    seconds_until(lambda: len(served(stack)) > count, every=2.0)
    return operator.cost(), applied, late


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
        measured = measure(stack, 60)
        seconds_until(lambda: joined == PODS)
    time.sleep(1.0)
    yield from lines(measured)
    written = operator.cost().writes - before.writes
    yield f"writes                   {written / len(measured.activations):>10.2f} an activation, {PODS} pods that joined included"
    for number in range(PODS):
        stack.plane.stop(f"joins-{number}")


def settling(operator: Operator) -> Iterator[str]:
    """Yield a line about what is written after activations, until nothing is any more."""
    begun, changed_at, before = time.monotonic(), time.monotonic(), operator.cost().writes
    first = last = before
    while time.monotonic() - changed_at < SETTLED_SECONDS:
        time.sleep(0.2)
        last = operator.cost().writes
        if last != before:
            before, changed_at = last, time.monotonic()
    yield f"the last write after     {changed_at - begun:>10.2f} s more, {last - first} until then"


@dataclass(frozen=True)
class AtOnce:
    """Activations that came together: how many, and the seconds until the last was accepted, and served."""

    count: int
    accepted: float
    served: float


def at_once(stack: Stack, count: int) -> AtOnce:
    """Activate many prompts together: merge patches of the one line, over a few connections."""
    chosen = names(min(AT_ONCE, count))
    apply(stack.plane, (dict(version(name, "1.1.0", content(name, "1.1.0"))) for name in chosen))
    seconds_until(lambda: _is_known(stack.plane, len(chosen)))
    with ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        last_served = pool.submit(_last_served, stack, chosen, "1.1.0")
        accepted = _patched(stack.plane, chosen)
        return AtOnce(len(chosen), accepted, last_served.result() - begun)


def floor(plane: Plane, count: int) -> float:
    """Return how long the same patches take of prompts that nobody decides on. Call while there is no operator: it never hears of them."""
    chosen = [f"nobody-decides-on-{name}" for name in names(count)]
    apply(plane, (dict(prompt(name, activeVersion="1.0.0")) for name in chosen))
    try:
        return _patched(plane, chosen)
    finally:
        with administrator(plane) as api, ThreadPoolExecutor(WRITERS) as pool:
            for each in [pool.submit(api.delete, f"{PROMPTS}/{name}") for name in chosen]:
                each.result().raise_for_status()


def beside(together: AtOnce, without: float) -> Iterator[str]:
    """Yield lines about activations together, beside the same patches without an operator."""
    yield f"{together.count} activations over {WRITERS} connections"
    yield f"the last accepted after  {together.accepted:>10.2f} s"
    yield f"the last served after    {together.served:>10.2f} s"
    yield f"the same patches without an operator (rival) {without:.2f} s"
    yield f"ratio                    {together.served / without:>10.2f}"


def _patched(plane: Plane, chosen: Sequence[str]) -> float:
    """Activate the other version of each prompt; return after how many seconds the last patch was accepted."""
    with administrator(plane) as api, ThreadPoolExecutor(WRITERS) as pool:
        begun = time.monotonic()
        for each in [pool.submit(activate, api, f"{PROMPTS}/{name}", "1.1.0") for name in chosen]:
            each.result()
        return time.monotonic() - begun


def _last_served(stack: Stack, chosen: Sequence[str], number: str) -> float:
    """Return when the last of them was rendered in a version, asking for one after the other."""
    with SyncPromptOpsClient(socket=stack.sidecar.socket) as client:
        for name in chosen:
            while client.render_prompt(name, variables={"question": "why"}).version != number:
                time.sleep(LOOK_SECONDS)
    return time.monotonic()


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
    """Yield lines about a start of the operator, which was stopped."""
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
    """Measure on a plane of its own, and print what was measured, also when it came to no end."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prompts", type=int, default=2000)
    count = arguments.parse_args().prompts
    told: list[str] = []
    try:
        with bench_plane("bench-scale") as (stack, progress):
            operator = Operator(stack.plane)
            with progress.step(f"{count} prompts with a version each", seconds=count // 25):
                told += [f"{count} prompts with a version each", *creating(stack, operator, count), ""]
            with progress.step(f"{PODS} pods join", seconds=30):
                told += [heading(f"one activation while {PODS} pods join"), *joining(stack, operator), ""]
            with progress.step(f"{AT_ONCE} activations at once", seconds=15):
                together, settled = at_once(stack, count), [*settling(operator)]
            with progress.step("the same patches without an operator", seconds=10):
                stack.plane.stop(OPERATOR)
                told += [*beside(together, floor(stack.plane, together.count)), *settled, ""]
            with progress.step("a restart", seconds=20):
                told += ["a restart", *restarting(stack)]
    finally:
        print("\n".join(told))


if __name__ == "__main__":
    main()
