"""The operator lives on what the chart grants: with it everything works and nothing is refused; without a part of it, that part fails."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptops.cluster.resources import EVENTS
from promptops.codegen.rbac import PEOPLE
from promptops.dev.plane import Kubectl, Plane
from promptops.dev.stack import OPERATOR, Stack
from tests.helm.command import NAMESPACE, RELEASE, UNREAD, Helm
from tests.support.audit import audited, position
from tests.support.manifests import placed, sourced
from tests.support.rehearsed import STANDS_IN
from tests.support.waiting import wait_until

USER = f"system:serviceaccount:{NAMESPACE}:promptops"
POWERS = {"escalate", "bind", "impersonate", "*"}


@pytest.fixture
def stack(helm: Helm, file_plane: Plane) -> Iterator[Stack]:
    """Nothing yet; what a test installs and starts is gone afterwards."""
    stack = Stack(file_plane)
    yield stack
    for name in stack.processes:
        file_plane.stop(name)
    helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", plane=file_plane)
    file_plane.kubectl("delete", "prompts,promptversions,tenants", "--all")
    file_plane.kubectl("delete", "secret,lease", "--all", "-n", NAMESPACE)


def _install(helm: Helm, plane: Plane, chart: Path) -> None:
    helm("install", RELEASE, str(chart), "--namespace", NAMESPACE, "--create-namespace", UNREAD, plane=plane)


def _settings(kubectl: Kubectl) -> dict[str, str]:
    """What the installed Deployment says, but for the ports, which are free ones on this file_plane."""
    found = json.loads(kubectl("get", "deployment", "promptops", "-n", NAMESPACE, "-o", "json").stdout)
    variables = found["spec"]["template"]["spec"]["containers"][0]["env"]
    given = {variable["name"]: variable.get("value", NAMESPACE) for variable in variables}
    return {name: value for name, value in given.items() if not name.endswith("_ADDRESS")}


def _refused(plane: Plane, since: int = 0) -> set[tuple[str, str]]:
    """Return verb and resource of what the API server refused the operator, from a position in the audit log on."""
    return {
        (event["verb"], "/".join(filter(None, (event["objectRef"]["resource"], event["objectRef"].get("subresource")))))
        for event in audited(plane, since)
        if event["user"]["username"] == USER and event.get("responseStatus", {}).get("code") == httpx.codes.FORBIDDEN
    }


def _source(text: str) -> str:
    """A prompt that keeps one version beside the one in use, and what it says in a ConfigMap."""
    places = [{"configMap": "pruned", "key": "text"}] if text != "three" else []
    return json.dumps(placed(sourced("pruned", text, historyLimit=1, projections=places), "default"))


def _projected(kubectl: Kubectl) -> str:
    """What the prompt's ConfigMap says."""
    return kubectl("get", "configmap", "pruned", "--ignore-not-found", "-o", "jsonpath={.data.text}").stdout


def _rendered(url: str) -> str:
    """What a sidecar answers; nothing before it can."""
    asked = {"variables": {"name": "Ada"}}
    answer = httpx.post(f"{url}/v1/prompts/greeting/render", json=asked, trust_env=False, timeout=30)
    return str(answer.json()["rendered_content"]) if answer.is_success else ""


def _told(plane: Plane) -> set[str]:
    """Reasons of the Events about prompts."""
    events = plane.ask(EVENTS.path("default")).json()["items"]
    return {event["reason"] for event in events if event["involvedObject"]["kind"] == "Prompt"}


def test_with_the_charts_rights_everything_works(stack: Stack, helm: Helm, file_plane: Plane, root: Path) -> None:
    _install(helm, file_plane, helm.chart)
    file_plane.kubectl("apply", "-f", "-", input=STANDS_IN)
    operator = stack.start_operator(_settings(file_plane.kubectl))
    sidecar = stack.start_sidecar()
    kubectl = file_plane.kubectl

    kubectl("apply", "-R", "-f", str(root / "manifests" / "samples"))
    kubectl("wait", "--for=condition=Ready", "prompts,promptversions", "--all", "--timeout=90s")
    kubectl("wait", "--for=condition=Ready", "tenant", "--all", "--timeout=90s")
    # Followers are told what stands in a status already.
    rendered = wait_until(lambda: _rendered(sidecar.url), lambda: kubectl("get", "prompts").stdout)
    for number, text in enumerate(("one", "two", "three")):
        kubectl("apply", "-f", "-", input=_source(text))
        kubectl(
            "wait", f"--for=jsonpath={{.status.serving.stable.version}}=1.0.{number}", "prompt/pruned", "--timeout=90s"
        )
        if text == "two":
            wait_until(lambda: _projected(kubectl) == "two", lambda: _projected(kubectl))
    wait_until(lambda: _projected(kubectl) == "", lambda: _projected(kubectl))
    wait_until(lambda: "pruned-1.0.0" not in kubectl("get", "promptversions").stdout, "the oldest version is pruned")
    kubectl("delete", "-f", "-", input=STANDS_IN)

    assert rendered == "Greet Ada in one short, friendly sentence.\n"
    assert _refused(file_plane) == set()
    # Leases and Events are in no audit log; the operator counts what it was refused there, too.
    metrics = httpx.get(operator.metrics_url, trust_env=False).text
    assert "promptops_leader 1.0" in metrics
    assert "promptops_api_errors_total{" not in metrics
    wait_until(lambda: _told(file_plane) >= {"Activated", "SourceChanged"}, lambda: _told(file_plane))


@pytest.mark.parametrize(
    ("resource", "verb", "refused"),
    [
        pytest.param("promptversions", "create", ("create", "promptversions"), id="a version from a source"),
        pytest.param("prompts/status", "update", ("update", "prompts/status"), id="a decision"),
    ],
)
def test_what_is_not_granted_fails(
    stack: Stack,
    helm: Helm,
    file_plane: Plane,
    tmp_path: Path,
    resource: str,
    verb: str,
    refused: tuple[str, str],
) -> None:
    before = position(file_plane)
    _install(helm, file_plane, _without(helm.chart, tmp_path / "chart", resource, verb))
    # Whom it may not ask it cannot see asked.
    stack.start_operator(_settings(file_plane.kubectl) | {"PROMPTOPS_WEBHOOK": "false"})
    file_plane.kubectl("apply", "-f", "-", input=_source("one"))

    wait_until(lambda: refused in _refused(file_plane, since=before), f"{refused} is refused")

    assert file_plane.kubectl("get", "prompt", "pruned", "-o", "jsonpath={.status.serving}").stdout == ""
    assert OPERATOR in file_plane.running()


def _without(chart: Path, copy: Path, resource: str, verb: str) -> Path:
    """Return a copy of the chart in which the operator may only get what it could `verb`."""
    shutil.copytree(chart, copy)
    template = copy / "templates" / "rbac" / "operator.yaml"
    text = template.read_text()
    grants = re.compile(rf"(- {re.escape(resource)}\n(?:(?!    resources:|---).*\n)*?      - ){verb}\n")
    weakened, changes = grants.subn(r"\1get\n", text)
    assert changes == 1, f"the chart grants {verb} on {resource} {changes} times"
    template.write_text(weakened)
    return copy


def test_no_rule_is_a_master_key(render: Callable[..., list[dict[str, Any]]]) -> None:
    rules = [rule for m in render() if m["kind"] in ("ClusterRole", "Role") for rule in m["rules"]]

    assert [rule for rule in rules if POWERS & {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}] == []
    assert [rule for rule in rules if "secrets" in rule["resources"] and {"list", "watch"} & set(rule["verbs"])] == []
    # Pods are listed, to count those without the sidecar they ask for: no logs, no exec, no watch, and nothing written.
    pods = [rule for rule in rules if any(name.startswith("pods") for name in rule["resources"])]
    assert [(rule["resources"], rule["verbs"]) for rule in pods] == [(["pods"], ["list"])]


@pytest.fixture(scope="module")
def listed(helm: Helm, file_plane: Plane) -> dict[str, list[str]]:
    """What the operator may do in two namespaces, and each kind of people in one, by the file that has it as reviewed.

    Whoever is authenticated may ask for what nobody may: that is left out.
    """
    kubectl, people = file_plane.kubectl, [role.name for role in PEOPLE]
    _install(helm, file_plane, helm.chart)
    for role in people:
        kubectl("create", "rolebinding", role, f"--clusterrole=promptops-{role}", f"--user={role}", "-n", "default")
    asked = {f"{within}.txt": (within, USER, f"{USER}-nobody") for within in ("default", NAMESPACE)}
    asked |= {f"people/{role}.txt": ("default", role, "nobody") for role in people}
    found = {file: wait_until(partial(_more, kubectl, *who)) for file, who in asked.items()}
    kubectl("delete", "rolebinding", *people, "-n", "default")
    helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", plane=file_plane)
    return found


@pytest.mark.parametrize("file", ["default.txt", f"{NAMESPACE}.txt", *(f"people/{role.name}.txt" for role in PEOPLE)])
def test_can_i_list_is_as_reviewed(listed: dict[str, list[str]], file: str) -> None:
    reviewed = (Path(__file__).parent / "can-i-list" / file).read_text().splitlines()

    assert listed[file] == reviewed


def _more(kubectl: Kubectl, within: str, user: str, nobody: str) -> list[str]:
    """What a user may do and nobody may not."""
    return sorted(_listed(kubectl, within, user) - _listed(kubectl, within, nobody))


def _listed(kubectl: Kubectl, within: str, user: str) -> set[str]:
    lines = kubectl("auth", "can-i", "--list", "--no-headers", "-n", within, f"--as={user}").stdout.splitlines()
    return {" ".join(line.split()) for line in lines}
