"""The sidecar as a kustomize component: what kustomize makes of a Deployment is what a webhook would."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from promptops.codegen.by_hand import DEFAULTS
from promptops.domain.injection.pod import injected
from tests.admission.pods import container, pod

Manifest = dict[str, Any]


def test_a_deployment_gets_its_sidecar(root: Path, binary: Callable[[str], Path], tmp_path: Path) -> None:
    template = pod(initContainers=[container("migrate")])
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {"template": {"metadata": {"labels": template["metadata"]["labels"]}, "spec": template["spec"]}},
    }
    (tmp_path / "deployment.yaml").write_text(yaml.safe_dump(deployment))
    (tmp_path / "component").symlink_to(root / "manifests" / "sidecar")
    listed = {"resources": ["deployment.yaml"], "components": ["component"]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(listed))

    built = subprocess.run(
        (binary("kubectl"), "kustomize", "--load-restrictor=LoadRestrictionsNone", str(tmp_path)),
        capture_output=True,
        text=True,
        check=True,
    )

    made = yaml.safe_load(built.stdout)["spec"]["template"]["spec"]
    wanted = injected(template, DEFAULTS | {"trust.json": "?"})["spec"]
    assert [each["name"] for each in made["initContainers"]] == ["promptops", "migrate"]
    assert _known(made["initContainers"][0]) == _known(wanted["initContainers"][0])
    assert {each["name"]: each for each in made["volumes"]} == {each["name"]: each for each in wanted["volumes"]}


def _known(sidecar: Manifest) -> Manifest:
    """Everything but whom to believe, which comes from a ConfigMap."""
    return {**sidecar, "env": [each for each in sidecar["env"] if each["name"] != "PROMPTOPS_TRUST"]}


def test_defaults_are_the_charts(root: Path) -> None:
    values = yaml.safe_load((root / "helm" / "promptops" / "values.yaml").read_text())["injection"]

    texts = {key: value for key, value in values.items() if isinstance(value, str) and key != "mode"}
    assert texts.items() <= DEFAULTS.items()
    assert DEFAULTS["image"].partition(":")[0] == values["image"]["repository"]
