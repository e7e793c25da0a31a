"""The controller's watches break, the world moves on, and the watches are resumed by 410 Gone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from promptops.dev import kubeconfig
from promptops.dev.stack import Stack
from tests.faults.api_proxy import ApiProxy
from tests.support.manifests import many, prompt, tenant, version
from tests.support.waiting import wait_until

TRUTH_WITHIN_SECONDS = 20.0
NAMES = ("one", "two", "three", "four", "five", "six", "seven")

pytestmark = pytest.mark.cluster


def manifests(names: tuple[str, ...]) -> str:
    """For every name a prompt with the versions 1.0.0, served, and 1.1.0."""
    prompts = [prompt(name, activeVersion="1.0.0") for name in names]
    versions = [version(name, number, f"{name} {number}") for name in names for number in ("1.0.0", "1.1.0")]
    return many(*prompts, *versions, tenant("team", "default"))


@pytest.fixture
def proxied(broken_stack: Stack, tmp_path: Path) -> Iterator[tuple[Stack, ApiProxy]]:
    """Seven prompts are served. The operator talks to the API server through a proxy; the sidecar and we do not."""
    plane = broken_stack.plane
    proxy = ApiProxy(plane.server, plane.authority, tmp_path)
    proxy.start()
    own = plane.folder / "operator.kubeconfig"
    token = json.loads(own.read_text())["users"][0]["user"]["token"]
    (tmp_path / "kubeconfig").write_text(kubeconfig.for_token(proxy.url, proxy.authority, token, "promptops-system"))
    plane.stop("operator")
    plane.start("operator", environment={"KUBECONFIG": str(tmp_path / "kubeconfig")})
    plane.kubectl("apply", "-f", "-", input=manifests(NAMES))
    wait_until_served(broken_stack, dict.fromkeys(NAMES, "1.0.0"), 60)

    yield broken_stack, proxy

    plane.stop("operator")
    proxy.stop()


def served(stack: Stack) -> dict[str, str]:
    """What the sidecar serves: name → version."""
    prompts = httpx.get(f"{stack.sidecar.url}/v1/prompts").json()["prompts"]
    return {row["name"]: row["version"] for row in prompts}


def wait_until_served(stack: Stack, wanted: dict[str, str], seconds: float) -> float:
    """Return the seconds it took; fail with the difference when it took too long."""
    begun = time.monotonic()
    wait_until(lambda: served(stack) == wanted, lambda: f"{served(stack)} instead of {wanted}", within=seconds)
    return time.monotonic() - begun


@pytest.mark.timeout(240)
def test_three_deleted_one_changed_one_kind_emptied(proxied: tuple[Stack, ApiProxy]) -> None:
    stack, proxy = proxied
    kubectl = stack.plane.kubectl
    proxy.cut_watches()
    kubectl("delete", "prompt", "one", "two", "three")
    kubectl("delete", "tenant", "team")  # leaves the kind empty
    kubectl("patch", "prompt", "four", "--type=merge", "-p", '{"spec": {"activeVersion": "1.1.0"}}')
    proxy.resume_watches_with_gone()

    took = wait_until_served(stack, {"four": "1.1.0", **dict.fromkeys(NAMES[4:], "1.0.0")}, TRUTH_WITHIN_SECONDS)

    assert proxy.told_gone, "the watches were resumed, and told 410"
    assert took < TRUTH_WITHIN_SECONDS


@pytest.mark.timeout(240)
def test_watches_that_break_off_within_an_event(proxied: tuple[Stack, ApiProxy]) -> None:
    """kopf gives up on half a line, and its other watchers would then wait for ever."""
    stack, proxy = proxied
    kubectl = stack.plane.kubectl
    proxy.cut_watches(mid_event=True)
    kubectl("delete", "prompt", "one")
    kubectl("patch", "prompt", "four", "--type=merge", "-p", '{"spec": {"activeVersion": "1.1.0"}}')
    proxy.resume_watches_with_gone()

    wanted = dict.fromkeys(NAMES[1:], "1.0.0") | {"four": "1.1.0"}
    took = wait_until_served(stack, wanted, TRUTH_WITHIN_SECONDS)

    assert took < TRUTH_WITHIN_SECONDS


@pytest.mark.timeout(240)
def test_the_kind_itself_left_empty(proxied: tuple[Stack, ApiProxy]) -> None:
    stack, proxy = proxied
    kubectl = stack.plane.kubectl
    proxy.cut_watches()
    kubectl("delete", "prompt", "--all")
    proxy.resume_watches_with_gone()

    took = wait_until_served(stack, {}, TRUTH_WITHIN_SECONDS + 5)  # a shrink of all is looked at twice, 10 s apart

    assert took < TRUTH_WITHIN_SECONDS + 5
