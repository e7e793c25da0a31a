"""Who is cut off while the operator restarts goes on rendering what it holds: no status may say that everybody has what is new."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from promptops import codegen
from promptops.api.names import CENSUS_CONFIG_MAP, CENSUS_KEY
from promptops.dev import processes
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, OPERATOR, Stack, install
from promptops.domain.convergence import WARM_UP_SECONDS
from tests.support.manifests import prompt, version
from tests.support.waiting import eventually
from tests.support.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
ALONE, BOTH = "alone", "both"


@pytest.fixture
def stack(own_plane: Plane) -> Stack:
    """An operator, a namespace with one sidecar, and one with two."""
    install(own_plane, codegen.manifests(NAMESPACE))
    made = Stack(own_plane)
    made.start_operator()
    for namespace in (ALONE, BOTH):
        own_plane.kubectl("create", "namespace", namespace)
    made.start_sidecar("one", BOTH)
    made.start_sidecar("other", BOTH)
    made.start_sidecar("only", ALONE)
    return made


def test_who_is_cut_off_at_a_restart_is_not_forgotten(stack: Stack) -> None:
    alone, both = worlds = [World(stack.plane, name) for name in (ALONE, BOTH)]
    versions = (version("greeting", "1.0.0", "A"), version("greeting", "1.1.0", "B"))
    for world in worlds:
        world.apply(*versions, prompt("greeting", activeVersion="1.0.0"))
        world.until_serves("greeting", "1.0.0", served="all")
    eventually(lambda: recorded(stack), [1, 2])
    with silent(stack, "only"), silent(stack, "other"):
        alone.activate("greeting", "1.1.0")
        alone.until_decided("greeting", "1.1.0")
        stack.plane.stop(OPERATOR)
        stack.plane.start(OPERATOR)
        both.activate("greeting", "1.1.0")
        eventually(lambda: both.status("greeting").get("served"), "1/2", within=3 * WARM_UP_SECONDS)
        eventually(lambda: missing(stack), {ALONE: 1, BOTH: 1}, within=WARM_UP_SECONDS)

        for world in worlds:
            assert world.condition("greeting", "Converged")[:2] == ("False", "Converging")
    for world in worlds:
        world.until_serves("greeting", "1.1.0", served="all")


@contextmanager
def silent(stack: Stack, name: str) -> Iterator[None]:
    """Have a sidecar fall silent without a goodbye, as one does whose network is cut."""
    (process,) = processes.find(stack.plane.folder, name)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def recorded(stack: Stack) -> list[int]:
    """How many instances the record says that namespaces have, the fewest first."""
    found = stack.plane.kubectl("get", "configmap", CENSUS_CONFIG_MAP, "-n", NAMESPACE, "-o", "json", check=False)
    return sorted(json.loads(json.loads(found.stdout)["data"][CENSUS_KEY]).values()) if found.returncode == 0 else []


def missing(stack: Stack) -> dict[str, int]:
    """Namespace → instances that the operator misses."""
    assert stack.operator is not None
    said = httpx.get(stack.operator.metrics_url, timeout=10).text
    found = re.findall(r'^promptops_instances{consumer_namespace="(.*)",state="missing"} (.*)$', said, re.MULTILINE)
    return {namespace: int(float(count)) for namespace, count in found}
