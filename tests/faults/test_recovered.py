"""A backup, everything lost, a restore: whoever rendered goes on, with the same digests, and nothing is let in that was kept out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from promptops import codegen
from promptops.cli.backup import backup
from promptops.cli.restore import restore
from promptops.cluster.resources import PROMPTS
from promptops.dev.stack import NAMESPACE, OPERATOR, SIDECAR, Stack, install
from tests.support.manifests import config_map, many, prompt, sourced, tenant, version
from tests.support.waiting import wait_until

pytestmark = pytest.mark.cluster

OWN_KINDS = "prompts,promptversions,tenants"
WITHIN_SECONDS = 60.0


def command(stack: Stack, called: Any, *arguments: str) -> Result:
    """Run a command of the command line on the plane."""
    return CliRunner().invoke(called, [*arguments, "--kubeconfig", str(stack.plane.kubeconfig)])


def rendered(stack: Stack) -> dict[str, str | None]:
    """The digest that the sidecar answers with, by prompt; None where it renders nothing."""
    answers = {
        name: httpx.post(f"{stack.sidecar.url}/v1/prompts/{name}/render", json={"variables": {"who": "you"}}).json()
        for name in ("greeting", "kept-out", "archived", "made", "including")
    }
    return {name: answer.get("digest") for name, answer in answers.items()}


def statuses(stack: Stack) -> dict[str, tuple[str, str]]:
    """Version that is served, and Ready's reason, by prompt."""
    found = stack.plane.ask(PROMPTS.path("default")).json()["items"]
    return {each["metadata"]["name"]: _said(each.get("status", {})) for each in found}


def _said(status: dict[str, Any]) -> tuple[str, str]:
    ready = next((each["reason"] for each in status.get("conditions", ()) if each["type"] == "Ready"), "")
    return status.get("serving", {}).get("stable", {}).get("version", ""), ready


EXPECTED = {
    "greeting": ("1.0.0", "Active"),
    "kept-out": ("1.0.0", "BreakingChange"),
    "archived": ("1.0.0", "VersionArchived"),
    "made": ("1.0.1", "Active"),
    "including": ("1.0.0", "Active"),
}


@pytest.fixture(scope="module")
def serving(broken_stack: Stack) -> Stack:
    """Prompts of every sort; two ask for versions that are not let in."""
    asks = {"variables": [{"name": "who", "type": "string"}, {"name": "more", "type": "string"}]}
    kubectl = broken_stack.plane.kubectl
    made = [
        tenant("shop", "default"),
        config_map("texts", "Made 1"),
        version("greeting", "1.0.0", "Hello"),
        prompt("greeting", activeVersion="1.0.0"),
        version("kept-out", "1.0.0", "Served"),
        version("kept-out", "2.0.0", {"text": "{{ who }} {{ more }}", **asks}),
        prompt("kept-out", activeVersion="1.0.0"),
        version("archived", "1.0.0", "Served"),
        version("archived", "1.1.0", "Archived", lifecycle="Archived"),
        prompt("archived", activeVersion="1.0.0"),
        sourced("made", "Made 1"),
        version("including", "1.0.0", {"text": "{% include 'it' %}!", "includes": [_include("greeting", "1.0.0")]}),
        prompt("including", activeVersion="1.0.0"),
    ]
    kubectl("apply", "-f", "-", input=many(*made))
    _until(broken_stack, {**EXPECTED, **dict.fromkeys(("kept-out", "archived", "made"), ("1.0.0", "Active"))})
    kubectl("apply", "-f", "-", input=many(sourced("made", "Made 2")))
    for name, number in (("kept-out", "2.0.0"), ("archived", "1.1.0")):
        patch = json.dumps({"spec": {"activeVersion": number}})
        kubectl("patch", "prompt", name, "--type=merge", "-p", patch)
    _until(broken_stack, EXPECTED)
    wait_until(lambda: all(rendered(broken_stack).values()), lambda: rendered(broken_stack), within=WITHIN_SECONDS)
    return broken_stack


def _include(name: str, number: str) -> dict[str, Any]:
    return {"alias": "it", "promptRef": {"name": name}, "version": number}


def _until(stack: Stack, expected: dict[str, tuple[str, str]]) -> None:
    wait_until(lambda: statuses(stack) == expected, lambda: statuses(stack), within=WITHIN_SECONDS)


def _until_ready(stack: Stack) -> None:
    assert stack.operator is not None
    ready = f"{stack.operator.operations_url}/readyz"
    wait_until(lambda: httpx.get(ready).status_code == 200, lambda: httpx.get(ready).text, within=WITHIN_SECONDS)


def _owners(stack: Stack) -> list[bool]:
    """Of each version of `made`, whether the Prompt that is there owns it."""
    kubectl = stack.plane.kubectl
    uid = kubectl("get", "prompt", "made", "-o", "jsonpath={.metadata.uid}").stdout
    versions = json.loads(kubectl("get", "promptversions", "-l", "promptops.io/prompt=made", "-o", "json").stdout)
    return [
        [owner["uid"] for owner in each["metadata"].get("ownerReferences", ())] == [uid] for each in versions["items"]
    ]


@pytest.mark.timeout(300)
def test_all_objects_are_lost_while_the_operator_is_away_and_put_back_while_it_runs(
    serving: Stack, tmp_path: Path
) -> None:
    before = rendered(serving)
    assert command(serving, backup, "-o", str(tmp_path / "first")).exit_code == 0
    serving.plane.stop(OPERATOR)
    serving.plane.kubectl("delete", OWN_KINDS, "--all", "--wait=true")
    while_lost = rendered(serving)
    serving.plane.start(OPERATOR)
    done = command(serving, restore, str(tmp_path / "first"))
    _until(serving, EXPECTED)
    wait_until(lambda: rendered(serving) == before, lambda: rendered(serving), within=WITHIN_SECONDS)

    again = command(serving, restore, str(tmp_path / "first"))

    assert (done.exit_code, again.exit_code) == (0, 0), done.output + again.output
    assert while_lost == before
    assert {line.rpartition(": ")[2] for line in again.output.splitlines()} == {"unchanged"}
    assert _owners(serving) == [True, True]
    # What versions say of themselves follows a moment later.
    first, second = tmp_path / "first", tmp_path / "second"
    wait_until(lambda: _backed_up(serving, second) == _files(first), lambda: _files(second), within=WITHIN_SECONDS)


@pytest.mark.timeout(300)
def test_etcd_is_lost_and_everything_is_made_anew(serving: Stack, tmp_path: Path) -> None:
    plane, before = serving.plane, rendered(serving)
    kept = command(serving, backup, "-o", str(tmp_path / "kept"), "--keys")
    plane.kill(OPERATOR)
    plane.kill("kube-apiserver")
    plane.kill("etcd")
    shutil.rmtree(plane.folder / "etcd")
    plane.start("etcd", wait=False)
    plane.start("kube-apiserver")
    without_definitions = command(serving, restore, str(tmp_path / "kept"))
    plane.kubectl("create", "namespace", NAMESPACE, check=False)
    while_lost = rendered(serving)
    plane.kubectl("wait", "--for=create", "serviceaccount/default", "-n", "default", "--timeout=60s")
    install(plane, codegen.manifests(NAMESPACE))
    done = command(serving, restore, str(tmp_path / "kept"))
    serving.start_operator()
    plane.stop(SIDECAR)
    serving.start_sidecar()
    _until(serving, EXPECTED)

    wait_until(lambda: rendered(serving) == before, lambda: rendered(serving), within=WITHIN_SECONDS)

    assert (kept.exit_code, without_definitions.exit_code, done.exit_code) == (0, 1, 0), kept.output + done.output
    assert "install the chart" in without_definitions.output
    assert "keep it out of git" in kept.output
    assert (tmp_path / "kept" / "keys.yaml").stat().st_mode & 0o777 == 0o600
    assert while_lost == before


def _backed_up(stack: Stack, folder: Path) -> dict[str, list[str]]:
    """What a backup that is taken now has."""
    command(stack, backup, "-o", str(folder))
    return _files(folder)


def _files(folder: Path) -> dict[str, list[str]]:
    """Everything that stands in a backup, but since when a version is in use: who is faster, operator or restore, says when."""
    return {
        str(each.relative_to(folder)): [line for line in each.read_text().splitlines() if "TransitionTime" not in line]
        for each in folder.rglob("*.yaml")
    }
