"""The cluster under the operator goes back in time, or loses a definition and gets it again: what is served follows what is there."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import httpx
import pytest

from promptops.cluster.resources import PROMPTS
from promptops.dev.stack import Stack
from tests.support.manifests import many, prompt, version
from tests.support.waiting import wait_until

TRUTH_WITHIN_SECONDS = 60.0
DEFINITION = "prompts.promptops.io"

pytestmark = pytest.mark.cluster


@pytest.fixture
def serving(broken_stack: Stack) -> Stack:
    """1.0.0 of a prompt is served."""
    made = (version("greeting", number, number) for number in ("1.0.0", "1.1.0"))
    broken_stack.plane.kubectl("apply", "-f", "-", input=many(*made, prompt("greeting", activeVersion="1.0.0")))
    until_served(broken_stack, "1.0.0")
    return broken_stack


def served(stack: Stack) -> str | None:
    """The version that the sidecar serves."""
    prompts = httpx.get(f"{stack.sidecar.url}/v1/prompts").json()["prompts"]
    return next((row["version"] for row in prompts if row["name"] == "greeting"), None)


def until_served(stack: Stack, number: str | None) -> float:
    """Return the seconds it took."""
    begun = time.monotonic()
    wait_until(lambda: served(stack) == number, lambda: f"{served(stack)}", within=TRUTH_WITHIN_SECONDS)
    return time.monotonic() - begun


def activate(stack: Stack, number: str) -> None:
    """Edit the one line."""
    stack.plane.kubectl(
        "patch", "prompt", "greeting", "--type=merge", "-p", json.dumps({"spec": {"activeVersion": number}})
    )


def status(stack: Stack) -> str:
    """The version that status says is served."""
    found = stack.plane.ask(PROMPTS.path("default", "greeting")).json()
    return str(found["status"].get("serving", {}).get("stable", {}).get("version"))


@pytest.mark.timeout(300)
def test_etcd_restored_from_a_copy_under_a_running_operator(serving: Stack, tmp_path: Path) -> None:
    plane = serving.plane
    plane.stop("kube-apiserver")
    plane.stop("etcd")
    shutil.copytree(plane.folder / "etcd", tmp_path / "copy")
    plane.start("etcd", wait=False)
    plane.start("kube-apiserver")
    for number in ("1.1.0", "1.0.0", "1.1.0"):
        activate(serving, number)
        until_served(serving, number)
    plane.kill("kube-apiserver")
    plane.kill("etcd")
    shutil.rmtree(plane.folder / "etcd")
    shutil.copytree(tmp_path / "copy", plane.folder / "etcd")
    plane.start("etcd", wait=False)
    plane.start("kube-apiserver")

    until_served(serving, "1.0.0")

    assert status(serving) == "1.0.0"
    activate(serving, "1.1.0")
    until_served(serving, "1.1.0")
    wait_until(lambda: status(serving) == "1.1.0", lambda: status(serving), within=TRUTH_WITHIN_SECONDS)


@pytest.mark.timeout(300)
def test_a_definition_that_is_deleted_and_applied_again_is_watched_again(serving: Stack) -> None:
    assert serving.operator is not None
    kubectl, ready = serving.plane.kubectl, f"{serving.operator.operations_url}/readyz"
    definition = json.loads(kubectl("get", "crd", DEFINITION, "-o", "json").stdout)
    applied = {"apiVersion": definition["apiVersion"], "kind": definition["kind"], "spec": definition["spec"]}
    applied["metadata"] = {"name": DEFINITION}
    kubectl("delete", "crd", DEFINITION, "--timeout=60s")
    wait_until(lambda: "prompts" in httpx.get(ready).text, lambda: httpx.get(ready).text, within=TRUTH_WITHIN_SECONDS)
    kubectl("apply", "--server-side", "-f", "-", input=json.dumps(applied))
    kubectl("wait", "--for=condition=Established", "--timeout=90s", f"crd/{DEFINITION}")
    wait_until(lambda: httpx.get(ready).status_code == 200, lambda: httpx.get(ready).text, within=TRUTH_WITHIN_SECONDS)
    kubectl("apply", "-f", "-", input=many(prompt("greeting", activeVersion="1.1.0")))

    until_served(serving, "1.1.0")

    assert status(serving) == "1.1.0"
