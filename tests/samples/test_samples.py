"""The samples, as the folder that people apply: by kubectl in either way, and from the directory with no cluster at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml

from promptops import codegen
from promptops.api.v1alpha1 import KINDS
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, Stack, start_stack
from tests.support.sidecar import sidecars

Manifest = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "manifests" / "samples"
FILES = sorted(FOLDER.rglob("*.yaml"))
MODELS = {kind.NAMES.kind: kind for kind in KINDS}
OBJECTS = ",".join(("prompts", "promptversions", "configmaps", "tenants"))

RENDERS: dict[str, tuple[dict[str, Any], str]] = {
    "greeting": ({"name": "Ada"}, "Greet Ada in one short, friendly sentence.\n"),
    "support-chat": ({"question": "Where is my book?"}, "Where is my book?"),
    "release-notes": (
        {"release": "1.2", "changes": "Faster."},
        "Write release notes for version 1.2 in at most 5 sentences.\nWrite for users. Changes:\nFaster.\n",
    ),
    "house-style": (
        {"text": "Utilise."},
        "Rewrite the following text in our house style: short sentences, active voice, no jargon.\nUtilise.\n",
    ),
    "team/summarise.v1": (
        {"document": "Once upon a time.", "words": 30, "hint": "Look for the moral."},
        "Summarise the document below in English, in at most 30 words. Look for the moral.\n---\nOnce upon a time.\n",
    ),
}
"""What each sample is asked with, and how its answer ends."""
PROVENANCE = ("prompt_id", "version", "digest", "rendered_content", "messages", "parameters", "variables_used")


def documents(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text()))


def answers(url: str) -> dict[str, dict[str, Any]]:
    """Render every sample."""
    found = {}
    with httpx.Client(base_url=url, trust_env=False) as client:
        for prompt, (variables, _) in RENDERS.items():
            asked = client.post(f"/v1/prompts/{quote(prompt, safe='')}/render", json={"variables": variables})
            found[prompt] = asked.raise_for_status().json()
    return found


@pytest.fixture(scope="module")
def applied(file_plane: Plane) -> Stack:
    """The operator and a sidecar on a plane on which nobody else applies anything."""
    return start_stack(file_plane, codegen.manifests(NAMESPACE))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_sample_explains_one_idea(path: Path) -> None:
    objects = documents(path)

    assert path.read_text().startswith("# ")
    assert {each["metadata"]["name"].partition("-1.")[0] for each in objects} in ({path.stem}, {"samples"})
    assert not any("namespace" in each["metadata"] for each in objects)


def test_the_folder_holds_nothing_but_samples_and_what_an_author_may_apply() -> None:
    kinds = {each["kind"] for path in FOLDER.glob("*.yaml") for each in documents(path)}

    assert {path.suffix for path in FOLDER.rglob("*") if path.is_file()} == {".yaml"}
    assert kinds == {"Prompt", "PromptVersion", "ConfigMap"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_sample_is_valid_without_a_cluster(path: Path) -> None:
    ours = [each for each in documents(path) if each["kind"] in MODELS]

    for each in ours:
        MODELS[each["kind"]].model_validate({"metadata": each["metadata"], "spec": each["spec"]})

    assert ours


def test_every_prompt_among_the_samples_is_rendered_here() -> None:
    prompts = [each for path in FILES for each in documents(path) if each["kind"] == "Prompt"]

    assert {each["spec"].get("promptId", each["metadata"]["name"]) for each in prompts} == set(RENDERS)


@pytest.mark.parametrize("way", ["--server-side=false", "--server-side=true"], ids=["client-side", "server-side"])
def test_the_folder_applies_converges_differs_in_nothing_and_is_deleted_in_one_go(applied: Stack, way: str) -> None:
    kubectl = applied.plane.kubectl

    kubectl("apply", way, "-R", "-f", str(FOLDER))
    kubectl("wait", "--for=condition=Ready", "prompts,promptversions", "--all", "--timeout=90s")
    kubectl("wait", "--for=jsonpath={.status.served}=all", "prompts", "--all", "--timeout=60s")
    kubectl("wait", "--for=condition=Converged", "prompts", "--all", "--timeout=60s")
    kubectl("wait", "--for=condition=Ready", "tenants", "--all", "--timeout=60s")
    differences = kubectl("diff", way, "-R", "-f", str(FOLDER), check=False)
    rendered = answers(applied.sidecar.url)
    found = json.loads(kubectl("get", OBJECTS, "-o", "json").stdout)["items"]
    _delete(applied.plane)

    assert (differences.returncode, differences.stdout) == (0, "")
    assert {p: answer["rendered_content"].endswith(RENDERS[p][1]) for p, answer in rendered.items()} == dict.fromkeys(
        RENDERS, True
    )
    assert [each for each in found if _marked_by_us(each)] == []
    left = json.loads(kubectl("get", "prompts,tenants", "-o", "json").stdout)["items"]
    assert left == []


def test_the_directory_gives_the_same_answers_as_the_cluster(applied: Stack) -> None:
    kubectl = applied.plane.kubectl
    kubectl("apply", "-R", "-f", str(FOLDER))
    kubectl("wait", "--for=jsonpath={.status.served}=all", "prompts", "--all", "--timeout=60s")

    for start in sidecars():
        without_a_cluster = answers(start(FOLDER).url)

    with_a_cluster = answers(applied.sidecar.url)
    _delete(applied.plane)
    assert _provenance(without_a_cluster) == _provenance(with_a_cluster)
    assert {answer["source"] for answer in without_a_cluster.values()} == {"directory"}
    assert {answer["source"] for answer in with_a_cluster.values()} == {"live"}


def _delete(plane: Plane) -> None:
    plane.kubectl("delete", "-R", "-f", str(FOLDER), "--timeout=90s")
    # Generated versions go with their prompt, by garbage collection; until then their numbers are taken.
    # The collector looks for new kinds every 30 seconds.
    plane.kubectl("wait", "--for=delete", "promptversions", "--all", "--timeout=60s")


def _provenance(rendered: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {prompt: {name: answer[name] for name in PROVENANCE} for prompt, answer in rendered.items()}


def _marked_by_us(manifest: Manifest) -> bool:
    """Whether an object that a user wrote carries an annotation or finalizer of ours."""
    metadata = manifest["metadata"]
    is_generated = metadata.get("labels", {}).get("promptops.io/generated") == "true"
    annotations = [name for name in metadata.get("annotations", {}) if "promptops.io" in name]
    return not is_generated and bool(annotations or metadata.get("finalizers"))
