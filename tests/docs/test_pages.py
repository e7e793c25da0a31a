"""The guides, typed in by a program: what they have one type is done, and what they say comes of it does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from promptops.dev.ports import free_or_else
from promptops.dev.stack import DATA_PORT
from tests.docs.pages import ROOT, Step, steps
from tests.helm.command import Helm
from tests.support.manifests import prompt

CONFIGURATIONS = re.findall(
    r"^## ([^\n]*)\n(?:(?!^## ).)*?^```yaml\n(.*?)^```",
    (ROOT / "docs" / "guides" / "configuration.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
SUMMARY = {"text": "Sum up: {{ ticket }}", "variables": [{"name": "ticket", "type": "string"}]}
TESTS = [{"name": "sums up", "variables": {"ticket": "Late"}, "expect": [{"contains": "Sum up: Late"}]}]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of somebody in an empty folder whose shell knows promptops."""
    command = tmp_path / "bin" / "promptops"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "operator"} exec {sys.executable} -m promptops.cli.main "$@"\n')
    command.chmod(0o755)
    return {"PATH": f"{command.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}


def typed_in(page: list[Step], environment: dict[str, str], folder: Path) -> list[tuple[str, str]]:
    """Type the blocks of a page into one shell; return the lines that did not come, each with its block."""
    text = "".join(f"printf '\\n=== step\\n'\n{step.typed}\n" for step in page)
    command = ("bash", "-euo", "pipefail", "-c", text)
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    outputs = done.stdout.split("\n=== step\n")[1:]
    return [
        (step.typed, f"{line!r} in {output!r}")
        for step, output in zip(page, outputs, strict=True)
        for line in step.expected
        if line not in output
    ]


def prompts(folder: Path) -> None:
    """Put a prompt with a test into the folder that pages speak of."""
    (folder / "prompts").mkdir()
    described = prompt("summary", source={"content": SUMMARY, "tests": TESTS})
    (folder / "prompts" / "summary.yaml").write_text(yaml.safe_dump(described))


def test_the_tutorial(environment: dict[str, str], tmp_path: Path) -> None:
    assert typed_in(steps("docs/guides/tutorial.md"), environment, tmp_path) == []


def test_ci(environment: dict[str, str], tmp_path: Path) -> None:
    prompts(tmp_path)
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "all")):
        subprocess.run(("git", *words), cwd=tmp_path, env=environment, check=True)
    (port,) = free_or_else((DATA_PORT,))
    # Another program may have the documented port.
    page = [_elsewhere(step, port) for step in steps("docs/guides/ci.md")]
    environment |= {"PROMPTOPS_DATA_ADDRESS": f"127.0.0.1:{port}", "PROMPTOPS_OPERATIONS_ADDRESS": "127.0.0.1:0"}

    assert typed_in(page, environment, tmp_path) == []


def _elsewhere(step: Step, port: int) -> Step:
    return Step(step.heading, step.typed.replace(f":{DATA_PORT}", f":{port}"), step.expected)


@pytest.mark.parametrize(("title", "values"), CONFIGURATIONS, ids=[title for title, _ in CONFIGURATIONS])
def test_a_configuration_is_taken(helm: Helm, tmp_path: Path, title: str, values: str) -> None:
    (tmp_path / "values.yaml").write_text(values)

    rendered = helm.render(arguments=(f"--values={tmp_path / 'values.yaml'}", "--kube-version=1.37.0"))

    assert rendered != helm.render(arguments=("--kube-version=1.37.0",)) or title == "Scraping and alerts"


def test_every_image_comes_from_the_registry_that_the_page_names(helm: Helm, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "guides" / "packages.md").read_text()
    (values,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "values.yaml").write_text(f"{values}relay: {{replicas: 1}}\ngateway: {{replicas: 1}}\n")

    rendered = json.dumps(helm.render(arguments=(f"--values={tmp_path / 'values.yaml'}",)))

    images = re.findall(r'"image": "(.*?)"', rendered)
    assert len(images) == 6
    assert {image.rpartition("/")[0] for image in images} == {"mirror.example.com/team"}


@pytest.fixture(scope="module")
def helm(binary: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm for the chart of this repository."""
    return Helm(binary("helm"), ROOT / "helm" / "promptops", tmp_path_factory.mktemp("helm"))


def test_every_pipeline_can_be_read() -> None:
    text = (ROOT / "docs" / "guides" / "ci.md").read_text()
    found = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    assert {type(yaml.safe_load(each)) for each in found} == {dict}
