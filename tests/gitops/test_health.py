"""Argo CD's health of our objects, read by the Lua that Argo CD uses: what kstatus, and so Flux, says of the same states."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptops.dev.plane import Plane
from tests.domain.reconcile.conftest import World
from tests.domain.reconcile.test_kstatus import PROMPTS, VERSIONS, Make

Manifest = dict[str, Any]
KINDS = ("Prompt", "PromptVersion", "Tenant")

SAME = {"Current": "Healthy", "InProgress": "Progressing", "Failed": "Degraded"}
"""kstatus and Argo CD."""
OTHERWISE = {
    "switched off": "Suspended",
    "some do not have it after a minute": "Progressing",
}
"""Where Argo CD has a better word, or a gate that waits for health must not open."""
ON_ITS_WAY_OUT = "on its way out"
"""What is deleted Argo CD judges itself."""


@dataclass(frozen=True)
class Health:
    """What Argo CD shows."""

    status: str
    message: str


@pytest.fixture
def world() -> World:
    """A Prompt that nobody looked at yet."""
    return World()


@pytest.fixture
def health(root: Path, binary: Callable[[str], Path]) -> Callable[[Manifest], Health]:
    """Return what the script says of an object."""
    script = root / "manifests" / "argocd" / "health.lua"

    def read(manifest: Manifest) -> Health:
        command = (str(binary("lua")), str(script))
        answered = subprocess.run(command, input=json.dumps(manifest), capture_output=True, text=True, check=True)
        return Health(**json.loads(answered.stdout))

    return read


@pytest.mark.parametrize(
    ("name", "make", "kstatus"),
    [pytest.param(name, *row, id=name) for name, row in PROMPTS.items() if name != ON_ITS_WAY_OUT],
)
def test_a_prompt(world: World, health: Callable[[Manifest], Health], name: str, make: Make, kstatus: str) -> None:
    make(world)

    found = health(world.prompt)

    assert found.status == OTHERWISE.get(name, SAME[kstatus])
    assert found.message


@pytest.mark.parametrize(("make", "number", "kstatus"), [pytest.param(*row, id=name) for name, row in VERSIONS.items()])
def test_a_version(world: World, health: Callable[[Manifest], Health], make: Make, number: str, kstatus: str) -> None:
    make(world)

    found = health(world.versions[f"greeting-{number}"])

    assert found.status == SAME[kstatus]
    assert found.message


def condition(kind: str, status: str, reason: str = "Why") -> Manifest:
    """A condition."""
    return {"type": kind, "status": status, "reason": reason, "message": f"{kind} is {status}"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(None, Health("Progressing", "the operator has not looked at generation 2 yet"), id="no status"),
        pytest.param({"observedGeneration": -1}, Health("Progressing", "the operator has not looked at generation 2 yet"), id="the default status"),
        pytest.param({"observedGeneration": 1, "conditions": [condition("Ready", "True")]}, Health("Progressing", "the operator has not looked at generation 2 yet"), id="an older generation"),
        pytest.param({"observedGeneration": 2, "conditions": []}, Health("Progressing", "there is no word of Ready yet"), id="no condition"),
        pytest.param({"observedGeneration": 2, "conditions": [condition("Ready", "True")]}, Health("Healthy", "Ready is True"), id="ready"),
        pytest.param({"observedGeneration": 2, "conditions": [condition("Ready", "Unknown")]}, Health("Progressing", "Ready is Unknown"), id="nobody knows"),
        pytest.param({"observedGeneration": 2, "conditions": [condition("Ready", "False"), condition("Stalled", "True")]}, Health("Degraded", "Stalled is True"), id="stalled"),
        pytest.param({"observedGeneration": 2, "conditions": [condition("Ready", "True"), condition("InjectionMissed", "True")]}, Health("Healthy", "Ready is True"), id="a condition of another kind"),
        pytest.param({"observedGeneration": 2, "conditions": [condition("Ready", "True"), condition("Converged", "False", "Lagging")]}, Health("Progressing", "Converged is False"), id="not served by all"),
        pytest.param({"observedGeneration": 2, "conditions": [condition("Converged", "False", "NothingServed"), condition("Ready", "True", "NothingAsked")]}, Health("Healthy", "Ready is True"), id="nothing asked for"),
    ],
)  # fmt: skip
def test_any_of_our_kinds(health: Callable[[Manifest], Health], status: Manifest | None, expected: Health) -> None:
    manifest: Manifest = {"metadata": {"generation": 2}} | ({"status": status} if status is not None else {})

    assert health(manifest) == expected


def test_the_folder_gives_argo_cd_the_script_for_every_kind(root: Path, binary: Callable[[str], Path]) -> None:
    folder = root / "manifests" / "argocd"
    command = (str(binary("kubectl")), "kustomize", str(folder))

    built = subprocess.run(command, capture_output=True, text=True, check=True)

    config_map = yaml.safe_load(built.stdout)
    assert (config_map["metadata"]["name"], config_map["metadata"]["namespace"]) == ("argocd-cm", "argocd")
    script = (folder / "health.lua").read_text()
    assert config_map["data"] == {f"resource.customizations.health.promptops.io_{kind}": script for kind in KINDS}


def test_what_the_guide_says_leaves_the_other_settings_of_argo_cd_alone(plane: Plane, root: Path) -> None:
    """kubectl takes away what it applied under the same name before: Argo CD is installed by it, and so are its settings."""
    guide = (root / "docs" / "guides" / "gitops.md").read_text()
    (command,) = re.findall(r"^kubectl (apply .*) -k (manifests/argocd)$", guide, re.MULTILINE)
    theirs = {"application.sync.impersonation.enabled": "true"}
    metadata = {"name": "argocd-cm", "namespace": "argocd", "labels": {"app.kubernetes.io/part-of": "argocd"}}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": theirs}
    plane.kubectl("create", "namespace", "argocd")
    try:
        plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(settings))
        plane.kubectl(*command[0].split(), "-k", str(root / command[1]))
        data = json.loads(plane.kubectl("get", "configmap", "argocd-cm", "-n", "argocd", "-o", "json").stdout)["data"]
    finally:
        plane.kubectl("delete", "namespace", "argocd", "--wait=false")

    assert data == theirs | {
        f"resource.customizations.health.promptops.io_{kind}": (root / command[1] / "health.lua").read_text()
        for kind in KINDS
    }
