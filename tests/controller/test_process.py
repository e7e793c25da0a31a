"""The operator as a process: what it says while it waits, how it ends, and what it needs no second chance for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptops import codegen
from promptops.dev import kubeconfig
from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from promptops.dev.stack import ACCOUNT, NAMESPACE, Stack, install
from tests.support.manifests import prompt, version
from tests.support.waiting import eventually, wait_until
from tests.support.world import World

PATIENCE_SECONDS = 10
"""An operator that is told to end has ended before; it takes two seconds, a pod has thirty, and the machine is shared."""

pytestmark = pytest.mark.cluster


@dataclass
class Process:
    """An operator that the test starts and ends itself."""

    process: subprocess.Popen[str]
    operations_url: str
    log: Path

    def ready(self) -> tuple[int, str]:
        """Ask /readyz; 0 while nobody listens."""
        try:
            answer = httpx.get(f"{self.operations_url}/readyz")
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def until_ready(self, status: int, says: str) -> None:
        """Wait until /readyz answers so."""
        wait_until(lambda: self.ready()[0] == status and says in self.ready()[1], lambda: (self.ready(), self.said()))

    def end(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - begun

    def said(self) -> str:
        """Everything it wrote."""
        return self.log.read_text()


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path, root: Path) -> Iterator[Start]:
    """Start an operator with a kubeconfig; it is killed when the test leaves it running."""
    started: list[Process] = []

    def begin(config: str | None, **environment: str) -> Process:
        path = tmp_path / "kubeconfig"
        if config is not None:
            path.write_text(config)
        feed, operations = free_ports(2)
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(root / "operator"),
            "KUBECONFIG": str(path),
            "PROMPTOPS_FEED_ADDRESS": f"127.0.0.1:{feed}",
            "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
            **environment,
        }
        log = tmp_path / f"operator-{len(started)}.log"
        command = (sys.executable, "-m", "promptops.cli.main", "operator")
        with log.open("w") as stream:
            process = subprocess.Popen(command, env=variables, stderr=stream, stdout=stream, text=True)
        started.append(Process(process, f"http://127.0.0.1:{operations}", log))
        return started[-1]

    yield begin

    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def stack(file_plane: Plane) -> Iterator[Stack]:
    """An operator and a sidecar of the test's own, where nothing is left of what others were given."""
    install(file_plane, codegen.manifests(NAMESPACE))
    file_plane.kubectl("delete", "prompts,promptversions,tenants", "--all")
    made = Stack(file_plane)
    made.start_operator()
    made.start_sidecar()
    yield made
    for name in made.processes:
        file_plane.stop(name)


def administrator(plane: Plane) -> str:
    """The administrator's kubeconfig."""
    return plane.kubeconfig.read_text()


def test_without_an_api_server_it_waits_and_says_for_what(start: Start, file_plane: Plane) -> None:
    nobody = f"https://127.0.0.1:{free_ports(1)[0]}"
    operator = start(kubeconfig.for_token(nobody, file_plane.authority, "none"))
    operator.until_ready(503, f"{nobody} cannot be reached")
    alive = httpx.get(f"{operator.operations_url}/healthz").status_code
    metrics = httpx.get(f"{operator.operations_url}/metrics").text

    code, seconds = operator.end()

    assert alive == 200
    assert 'promptops_api_errors_total{operation="discover"}' in metrics
    assert (code, seconds < PATIENCE_SECONDS) == (0, True)
    assert "Traceback" not in operator.said()
    assert operator.said().count('"waiting"') == 1, "news is told once"


def test_without_the_kinds_it_waits_for_them(start: Start, file_plane: Plane) -> None:
    operator = start(administrator(file_plane))
    operator.until_ready(
        503,
        "the CustomResourceDefinitions prompts.promptops.io, promptversions.promptops.io, tenants.promptops.io "
        "are not installed",
    )
    install(file_plane, codegen.manifests(NAMESPACE))

    operator.until_ready(200, "ok")

    assert operator.end()[0] == 0
    assert "Traceback" not in operator.said()


@pytest.mark.parametrize(
    ("config", "environment", "said"),
    [
        pytest.param(None, {}, "cannot be used", id="no kubeconfig"),
        pytest.param("{", {}, "cannot be used", id="a broken kubeconfig"),
        pytest.param(None, {"KUBECONFIG": ""}, "this is not a pod", id="neither kubeconfig nor pod"),
        pytest.param("{}", {"PROMPTOPS_TENANCY_MODE": "Loose"}, "must be Implicit or Strict", id="impossible setting"),
    ],
)
def test_what_can_never_work_ends_it_with_one_sentence(
    start: Start, config: str | None, environment: dict[str, str], said: str
) -> None:
    operator = start(config, **environment)

    code = operator.process.wait(20)

    assert code == 1
    assert said in operator.said()
    assert "Traceback" not in operator.said()


def test_an_address_that_is_taken_is_named(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        operator = start("{}", PROMPTOPS_OPERATIONS_ADDRESS=address)
        code = operator.process.wait(20)

    assert code == 1
    assert f"cannot listen on {address}: Address already in use" in operator.said()


def test_without_its_rights_it_says_which_one_is_missing(start: Start, file_plane: Plane) -> None:
    install(file_plane, codegen.manifests(NAMESPACE))
    token = file_plane.kubectl("create", "token", "default", "-n", NAMESPACE).stdout.strip()
    operator = start(kubeconfig.for_token(file_plane.server, file_plane.authority, token))

    operator.until_ready(503, 'cannot get resource "secrets"')

    assert operator.end()[0] == 0


def test_on_sigterm_it_gives_up_the_lease_and_the_next_one_leads_at_once(start: Start, file_plane: Plane) -> None:
    install(file_plane, codegen.manifests(NAMESPACE))
    token = file_plane.kubectl("create", "token", ACCOUNT, "-n", NAMESPACE).stdout.strip()
    config = kubeconfig.for_token(file_plane.server, file_plane.authority, token)
    first = start(config)
    first.until_ready(200, "ok")
    held = _lease(file_plane)
    code, seconds = first.end()
    released = _lease(file_plane)
    second = start(config)
    second.until_ready(200, "ok")
    taken = _lease(file_plane)

    assert (code, seconds < PATIENCE_SECONDS) == (0, True)
    assert released.get("holderIdentity", "") == ""
    assert taken["holderIdentity"] not in ("", held["holderIdentity"]), "an identity is that of a process"
    assert taken["leaseTransitions"] == held["leaseTransitions"] + 1
    assert second.end()[0] == 0


def test_a_second_replica_stands_by(start: Start, file_plane: Plane) -> None:
    install(file_plane, codegen.manifests(NAMESPACE))
    leader = start(administrator(file_plane))
    leader.until_ready(200, "ok")
    standby = start(administrator(file_plane))
    standby.until_ready(200, "ok")
    world = World(file_plane, "default")
    world.apply(prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "A"))
    world.until_ready("greeting", "True", "Active")

    gauges = [_leads(each) for each in (leader, standby)]

    assert gauges == ["1.0", "0.0"]
    assert 'promptops_status_writes_total{kind="Prompt"}' not in httpx.get(f"{standby.operations_url}/metrics").text


def test_a_restart_writes_nothing(stack: Stack, root: Path) -> None:
    world = World(stack.plane, "default")
    world.kubectl("apply", "-R", "-f", str(root / "manifests" / "samples"))
    world.until_at_rest(served="all")
    eventually(lambda: _uncounted(world), [])
    ending = world.audit_position()
    stack.plane.stop("operator")
    # A leader of half a minute may have been about to say for the first time how many sidecars there are.
    written = {key for key in world.writes(ending) if key[1] != "tenants"}
    before = _states(world)
    since = world.audit_position()
    stack.plane.start("operator")
    stack.plane.kill("operator")
    stack.plane.start("operator")
    # A new leader says for half a minute what was said before; what it says of itself comes after that.
    leading = time.monotonic()
    wait_until(lambda: time.monotonic() - leading > 35, lambda: "", within=60)

    assert written == set()
    assert world.writes(since) == {}
    assert _states(world) == before


def test_the_api_server_goes_away_and_returns(stack: Stack) -> None:
    assert stack.operator is not None
    endpoints, sidecar, world = stack.operator, stack.sidecar, World(stack.plane, "default")
    world.apply(
        prompt("greeting", activeVersion="1.0.0"), version("greeting", "1.0.0", "A"), version("greeting", "1.1.0", "B")
    )
    world.until_serves("greeting", "1.0.0", served="all")
    stack.plane.kill("kube-apiserver")
    wait_until(lambda: _gauge(endpoints.operations_url, "promptops_leader") == "0.0", lambda: "still leading")
    while_away = httpx.get(f"{sidecar.url}/v1/prompts").json()["prompts"][0]["version"]
    ready = httpx.get(f"{endpoints.operations_url}/readyz").status_code
    stack.plane.start("kube-apiserver")
    begun = time.monotonic()
    world.activate("greeting", "1.1.0")
    wait_until(lambda: httpx.get(f"{sidecar.url}/v1/prompts").json()["prompts"][0]["version"] == "1.1.0", lambda: "")

    assert (while_away, ready) == ("1.0.0", 200)
    assert time.monotonic() - begun < 10
    assert float(_gauge(endpoints.operations_url, 'promptops_sweeps_total{trigger="returned"}')) >= 1
    assert "Traceback" not in (stack.plane.folder / "logs" / "operator.log").read_text()


def test_a_prompt_that_cannot_be_decided_on_keeps_no_other_from_being_served(stack: Stack) -> None:
    sidecar, world = stack.sidecar, World(stack.plane, "default")
    for name in ("stuck", "free"):
        world.apply(prompt(name, activeVersion="1.0.0"), version(name, "1.0.0", "A"), version(name, "1.1.0", "B"))
        world.until_serves(name, "1.0.0", served="all")
    stack.plane.stop("operator")
    world.apply(*_refusing_status_of("stuck"))
    wait_until(lambda: not _takes_status(world, "stuck"), lambda: "the policy does not refuse")
    for name in ("stuck", "free"):
        world.activate(name, "1.1.0")
    stack.plane.start("operator")
    begun = time.monotonic()

    wait_until(lambda: _served(sidecar.url) == {"stuck": "1.0.0", "free": "1.1.0"}, lambda: _served(sidecar.url))

    assert time.monotonic() - begun < 20
    world.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "refuse-status")
    wait_until(
        lambda: _served(sidecar.url) == {"stuck": "1.1.0", "free": "1.1.0"}, lambda: _served(sidecar.url), within=60
    )


def _refusing_status_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A policy that refuses every status of a prompt, as somebody's mistake might."""
    group = "admissionregistration.k8s.io/v1"
    rule = {
        "apiGroups": ["promptops.io"],
        "apiVersions": ["v1alpha1"],
        "resources": ["prompts/status"],
        "operations": ["UPDATE"],
    }
    policy = {
        "apiVersion": group,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "refuse-status"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": f"object.metadata.name != '{name}'", "message": "refused"}],
        },
    }
    binding = {
        "apiVersion": group,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "refuse-status"},
        "spec": {"policyName": "refuse-status", "validationActions": ["Deny"]},
    }
    return policy, binding


def _takes_status(world: World, name: str) -> bool:
    patch = ("patch", "prompt", name, "--subresource=status", "--type=merge", "--dry-run=server")
    return world.plane.kubectl(*patch, "-p", '{"status": {"versionCount": 7}}', check=False).returncode == 0


def _served(url: str) -> dict[str, str]:
    return {row["name"]: row["version"] for row in httpx.get(f"{url}/v1/prompts").json()["prompts"]}


def _gauge(url: str, name: str) -> str:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next((line.removeprefix(name).strip() for line in lines if line.startswith(f"{name} ")), "absent")


def _leads(operator: Process) -> str:
    return _gauge(operator.operations_url, "promptops_leader")


def _lease(plane: Plane) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(plane.kubectl("get", "lease", "promptops", "-n", NAMESPACE, "-o", "json").stdout)[
        "spec"
    ]
    return spec


def _uncounted(world: World) -> list[dict[str, Any]]:
    """What Tenants say that do not say yet how many prompts and versions there are in their namespaces."""
    counted = {"prompts": len(world.all("prompts")), "versions": len(world.all("promptversions"))}
    statuses = [each["status"] for each in world.all("tenants") if world.namespace in each["spec"]["namespaces"]]
    return [each for each in statuses if not counted.items() <= each.get("usage", {}).items()]


def _states(world: World) -> dict[str, str]:
    """uid → resourceVersion of everything of ours."""
    kinds = ("prompts", "promptversions", "tenants")
    metadata = [each["metadata"] for kind in kinds for each in world.all(kind)]
    return {each["uid"]: each["resourceVersion"] for each in metadata}
