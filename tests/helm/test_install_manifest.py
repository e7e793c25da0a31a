"""manifests/install.yaml: the chart without Helm, applied in each of the ways people apply things."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptops.codegen.install import RenderFailed, install_manifest
from promptops.dev.plane import Plane
from tests.helm.command import Helm


@pytest.fixture
def manifest(root: Path) -> str:
    return (root / "manifests" / "install.yaml").read_text()


def test_it_is_what_the_chart_renders(helm: Helm, manifest: str, binary: Callable[[str], Path]) -> None:
    assert manifest == install_manifest(binary("helm"), helm.chart)


def test_it_has_what_the_chart_has_and_the_namespace(
    render: Callable[..., list[dict[str, Any]]], manifest: str
) -> None:
    installed = [(m["kind"], m["metadata"]["name"]) for m in yaml.load_all(manifest, yaml.CSafeLoader)]

    assert installed == [
        ("Namespace", "promptops-system"),
        *((m["kind"], m["metadata"]["name"]) for m in render(arguments=("--skip-tests",))),
    ]


def test_it_does_not_claim_to_be_helms(manifest: str) -> None:
    assert "managed-by" not in manifest


@pytest.mark.parametrize(
    "path",
    ["crds/prompts.yaml", "crds/promptversions.yaml", "crds/tenants.yaml", "manifests/install.yaml"],
)
def test_every_definition_tells_whoever_prunes_to_leave_it(root: Path, path: str) -> None:
    documents = yaml.load_all((root / path).read_text(), yaml.CSafeLoader)
    definitions = [m for m in documents if m["kind"] == "CustomResourceDefinition"]

    assert definitions
    for definition in definitions:
        assert definition["metadata"]["annotations"] == {
            "helm.sh/resource-policy": "keep",
            "kustomize.toolkit.fluxcd.io/prune": "disabled",
            "argocd.argoproj.io/sync-options": "Prune=false",
        }


def test_a_chart_that_does_not_render_is_told_in_words(tmp_path: Path, binary: Callable[[str], Path]) -> None:
    with pytest.raises(RenderFailed, match="unable to detect chart"):
        install_manifest(binary("helm"), tmp_path)


def test_kustomize_makes_the_same_of_it(root: Path, manifest: str, binary: Callable[[str], Path]) -> None:
    built = subprocess.run(
        (binary("kubectl"), "kustomize", root / "manifests"), capture_output=True, text=True, check=True
    )

    assert _objects(built.stdout) == _objects(manifest)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("apply", "-f", "manifests/install.yaml"), id="client-side"),
        pytest.param(("apply", "--server-side", "-f", "manifests/install.yaml"), id="server-side"),
    ],
)
def test_it_applies_in_one_go_and_again(file_plane: Plane, root: Path, arguments: tuple[str, ...]) -> None:
    """The one way on a cluster that has nothing, the other over what the one has left, as when somebody changes over."""
    command = [str(root / word) if word.startswith("manifests") else word for word in arguments]
    file_plane.kubectl(*command)
    file_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=90s")
    before = _resource_versions(file_plane)

    again = file_plane.kubectl(*command).stdout

    # Of a selector that is replaced as a whole kubectl says so every time; the server finds nothing to change.
    configured = [line for line in again.splitlines() if line.endswith("configured")]
    assert [line for line in configured if not line.startswith("poddisruptionbudget.policy/")] == []
    assert _resource_versions(file_plane) == before


def _objects(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(m["kind"], m["metadata"]["name"]): m for m in yaml.load_all(text, yaml.CSafeLoader)}


def _resource_versions(plane: Plane) -> set[tuple[str, str, str]]:
    """Return kind, name and resourceVersion of what is installed and nobody else writes."""
    kinds = "crd,clusterrole,role,serviceaccount,validatingadmissionpolicybinding"
    found = plane.kubectl("get", kinds, "-A", "-l", "app.kubernetes.io/part-of=promptops", "-o", "json").stdout
    return {(m["kind"], m["metadata"]["name"], m["metadata"]["resourceVersion"]) for m in json.loads(found)["items"]}
