"""kustomize with our component: what it gives another name is found under that name by whoever refers to it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptops.api.v1alpha1 import KINDS
from tests.support.manifests import including, prompt, reading, version

Manifest = dict[str, Any]
Build = Callable[..., list[Manifest]]
MODELS = {kind.NAMES.kind: kind for kind in KINDS}

CHAT: Manifest = {"text": "{% include 'rules' %} {{ name }}", "variables": [{"name": "name", "type": "string"}]}
TEAM = [
    prompt("greeting", activeVersion="1.0.0", valuesFrom=[{"configMapName": "theirs"}, {"configMapName": "words"}]),
    version("greeting", "1.0.0", including(CHAT, rules="rules-1.0.0")),
    prompt("rules"),
    version("rules", "1.0.0", "Be kind."),
    prompt("shown", activeVersion="1.0.0", projections=[{"configMap": "shown-text", "key": "text"}]),
    prompt("styled", source=reading("words")),
    prompt("composed", source={"content": including(CHAT, rules="rules-1.0.0")}),
]


@pytest.fixture
def build(root: Path, binary: Callable[[str], Path], tmp_path: Path) -> Build:
    """Return what kustomize makes of the team's objects with further lines of a kustomization."""

    def run(**lines: Any) -> list[Manifest]:
        (tmp_path / "team.yaml").write_text(yaml.safe_dump_all(TEAM))
        (tmp_path / "ours").symlink_to(root / "manifests" / "kustomize")
        generated = {"name": "words", "literals": ["text=Say it nicely."]}
        kustomization = {"resources": ["team.yaml"], "configMapGenerator": [generated], "components": ["ours"], **lines}
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        command = (str(binary("kubectl")), "kustomize", "--load-restrictor=LoadRestrictionsNone", str(tmp_path))
        built = subprocess.run(command, capture_output=True, text=True, check=True)
        return list(yaml.safe_load_all(built.stdout))

    return run


def _of(built: list[Manifest], kind: str, name: str) -> Manifest:
    return next(each["spec"] for each in built if each["kind"] == kind and each["metadata"]["name"] == name)


def test_a_prefix_goes_to_all_that_refer(build: Build) -> None:
    built = build(namePrefix="eu-")

    version_of_greeting = _of(built, "PromptVersion", "eu-greeting-1.0.0")
    composed = _of(built, "Prompt", "eu-composed")
    assert version_of_greeting["promptRef"] == {"name": "eu-greeting"}
    assert version_of_greeting["content"]["includes"][0]["promptRef"] == {"name": "eu-rules"}
    assert _of(built, "Prompt", "eu-shown")["projections"] == [{"configMap": "eu-shown-text", "key": "text"}]
    assert composed["source"]["content"]["includes"][0]["promptRef"] == {"name": "eu-rules"}


def test_a_generated_config_map_is_found_under_its_hash(build: Build) -> None:
    built = build()

    (generated,) = (each["metadata"]["name"] for each in built if each["kind"] == "ConfigMap")
    assert generated.startswith("words-")
    assert _of(built, "Prompt", "styled")["source"]["configMapKeyRef"]["name"] == generated
    assert _of(built, "Prompt", "greeting")["valuesFrom"] == [
        {"configMapName": "theirs"},
        {"configMapName": generated},
    ]


def test_what_kustomize_made_is_valid(build: Build) -> None:
    ours = [each for each in build(namePrefix="eu-") if each["kind"] in MODELS]

    for each in ours:
        MODELS[each["kind"]].model_validate({"metadata": each["metadata"], "spec": each["spec"]})

    assert len(ours) == len(TEAM)
