"""How long one namespace's activations take while others are busy or hostile, beside the same activations on a quiet plane.

One namespace of many prompts has pods that join and leave all the time; in another somebody applies the dearest content that is
legal, and keys of ConfigMaps that are not. Prints p50, p99 and worst of the third's activations, where the time goes, what the
operator says of itself, who used the processors and who stood in line for one, and whether the Lease changed hands.
    PYTHONPATH=. python tests/bench/fairness.py [--prompts 2000] [--activations 40]
"""

from __future__ import annotations

import argparse
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, Stack
from tests.bench.activation import Measured, heading, lines, measure
from tests.bench.operator_metrics import healthy, metrics_of, own_share, seconds_until, since
from tests.bench.plane import administrator, bench_plane
from tests.bench.processes import Usage, table
from tests.support.manifests import config_map, prompt, version

EVERY_SECONDS = 1.0
CROWD, HOSTILE = "crowd", "hostile"
SLOTS = "{{ a }}" * 7000
"""As many places for a value as a text may hold."""
YAML = "text: hi\nparameters:\n  extra: [" + "a, " * 160_000 + "a]\n"
"""Half a megabyte that is read for seconds and means too much."""


def create(api: httpx.Client, namespace: str, manifest: dict[str, Any]) -> None:
    """Create an object, or take another state of it for as good."""
    groups = {"Prompt": "promptops.io/v1alpha1", "PromptVersion": "promptops.io/v1alpha1"}
    group = groups.get(manifest["kind"])
    root = f"/apis/{group}" if group else "/api/v1"
    path = f"{root}/namespaces/{namespace}/{manifest['kind'].lower()}s/{manifest['metadata']['name']}"
    query = {"fieldManager": "bench", "force": "true"}
    headers = {"content-type": "application/apply-patch+yaml"}
    api.patch(path, params=query, content=json.dumps(manifest), headers=headers, timeout=60)


def fill(plane: Plane, prompts: int) -> None:
    """Create the crowd's prompts, a version each."""
    text = "Answer {{ question }} " + "x" * 1500
    content = {"text": text, "variables": [{"name": "question", "type": "string"}]}
    with administrator(plane) as api, ThreadPoolExecutor(8) as pool:
        for number in range(prompts):
            name = f"p{number}"
            for manifest in (version(name, "1.0.0", content), prompt(name, activeVersion="1.0.0")):
                pool.submit(create, api, CROWD, dict(manifest))


@contextmanager
def going_on(*work: Callable[[int], object]) -> Iterator[None]:
    """Do each again and again, on a thread of its own, with a number that grows."""
    over = threading.Event()

    def again(one: Callable[[int], object]) -> None:
        for number in itertools.count():
            if over.is_set():
                return
            one(number)

    threads = [threading.Thread(target=again, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def lease(plane: Plane) -> tuple[str, int]:
    """Who leads, and in which term."""
    read = json.loads(plane.kubectl("get", "lease", "promptops", "-n", NAMESPACE, "-o", "json").stdout)["spec"]
    return str(read["holderIdentity"]), int(read["leaseTransitions"])


@dataclass
class Phase:
    """A minute of activations, and what the machine and the operator did meanwhile."""

    measured: Measured
    seconds: float
    used: list[str]
    """A line for each process."""
    told: list[str]
    """What the operator says of itself."""


def observed(stack: Stack, count: int) -> Phase:
    """Activate once a second, and look at everybody."""
    assert stack.operator is not None
    usage, url = Usage(stack.plane), stack.operator.metrics_url
    used, told, begun = usage.look(), metrics_of(url), time.monotonic()

    def look_again(_: int) -> None:
        usage.look()
        time.sleep(EVERY_SECONDS / 4)

    with going_on(look_again):
        measured = measure(stack, count, pause=EVERY_SECONDS)
    seconds = time.monotonic() - begun
    return Phase(
        measured, seconds, table(used, usage.look(), seconds), list(own_share(since(told, metrics_of(url)), seconds))
    )


def compare(stack: Stack, count: int) -> tuple[Phase, Phase]:
    """Return the third's activations on a quiet plane, and beside the other two namespaces."""
    plane = stack.plane
    quiet = observed(stack, count)
    with administrator(plane) as api:

        def join_and_leave(number: int) -> None:
            name = f"{CROWD}-{number % 2}"
            stack.start_sidecar(name, CROWD)
            time.sleep(EVERY_SECONDS)
            plane.stop(name)

        def dear_content(number: int) -> None:
            content = {"text": f"{number} {SLOTS}", "variables": [{"name": "a", "type": "string"}]}
            create(api, HOSTILE, dict(version("dear", f"1.0.{number}", content)))

        def dear_source(number: int) -> None:
            create(api, HOSTILE, dict(config_map("dear", {"key": f"# {number}\n{YAML}"})))
            time.sleep(EVERY_SECONDS)

        source = {"configMapKeyRef": {"name": "dear", "key": "key", "format": "yaml"}}
        create(api, HOSTILE, dict(prompt("dear", activeVersion="1.0.0")))
        for number in range(20):
            create(api, HOSTILE, dict(prompt(f"reads-{number}", source=source)))
        with going_on(join_and_leave, dear_content, dear_source):
            beside = observed(stack, count)
    return quiet, beside


def prompt_writes(plane: Plane, since: int) -> int:
    """Return how many statuses of the crowd's prompts were written since a place in the audit log."""
    with plane.audit_log.open("rb") as log:
        log.seek(since)
        about = (json.loads(line).get("objectRef", {}) for line in log)
        return sum(
            (each.get("namespace"), each.get("resource"), each.get("subresource")) == (CROWD, "prompts", "status")
            for each in about
        )


def report(title: str, phase: Phase) -> None:
    """Print one phase."""
    print(heading(title))
    print("\n".join(lines(phase.measured)))
    print("\n".join(phase.told))
    print(f"{'process':<44} {'ran':>10} {'waited':>10} {'of a core':>10}")
    print("\n".join(phase.used))
    print()


def main() -> None:
    """Measure on a plane of its own, and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--prompts", type=int, default=2000)
    arguments.add_argument("--activations", type=int, default=40)
    chosen = arguments.parse_args()
    with bench_plane("bench-fairness") as (stack, progress):
        plane = stack.plane
        for namespace in (CROWD, HOSTILE):
            plane.kubectl("create", "namespace", namespace)
        # One pod that stays: that a namespace has any consumer at all is news to each of its prompts, once.
        stack.start_sidecar(f"{CROWD}-stays", CROWD)
        with progress.step(f"{chosen.prompts} prompts in a namespace", seconds=chosen.prompts // 40):
            fill(plane, chosen.prompts)
            assert stack.operator is not None
            url = stack.operator.metrics_url
            seconds_until(lambda: healthy(url) > chosen.prompts)
        before = lease(plane)
        with progress.step(f"2 x {chosen.activations} activations", seconds=2 * chosen.activations):
            position = plane.audit_log.stat().st_size
            quiet, beside = compare(stack, chosen.activations)
        after, written = lease(plane), prompt_writes(plane, position)
    report("one namespace's activation on a quiet plane", quiet)
    report("the same beside a busy and a hostile one", beside)
    print(f"statuses written of the {chosen.prompts} prompts whose pods joined and left: {written}")
    print(f"the Lease: {before[0]} in term {before[1]}, then {after[0]} in term {after[1]}")


if __name__ == "__main__":
    main()
