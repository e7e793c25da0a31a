"""`promptops export` and `promptops import`: the same digest in another place, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from promptops.cli.export import export
from promptops.cli.import_ import import_
from promptops.dev.stack import Stack
from tests.conftest import namespace_on
from tests.support.manifests import including, prompt, version
from tests.support.world import World

pytestmark = pytest.mark.cluster

Run = Callable[..., Result]


@pytest.fixture
def folder(world: World, run: Run, tmp_path: Path) -> Path:
    """What is exported of a prompt whose version includes another."""
    world.apply(
        version("base", "1.0.0", "Be kind."),
        version(
            "greeting", "1.0.0", including({"text": "{% include 'it' %} Hello"}, it="base-1.0.0"), changelog="First"
        ),
        prompt("greeting", activeVersion="1.0.0"),
    )
    world.until_serves("greeting", "1.0.0")
    done = run(export, "greeting", "-n", world.namespace, "-o", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    return tmp_path / "out"


@pytest.fixture
def elsewhere(stack: Stack) -> Iterator[World]:
    """Another namespace, as another cluster would be."""
    for name in namespace_on(stack.plane):
        yield World(stack.plane, name)


def test_the_same_digest_is_served_elsewhere(world: World, elsewhere: World, run: Run, folder: Path) -> None:
    done = run(import_, str(folder), "-n", elsewhere.namespace)
    again = run(import_, str(folder), "-n", elsewhere.namespace)
    digest = world.status("greeting")["serving"]["stable"]["digest"]
    elsewhere.apply(prompt("greeting", activeVersion="1.0.0", activeDigest=digest))
    elsewhere.until_serves("greeting", "1.0.0")

    assert (done.exit_code, again.exit_code) == (0, 0), done.output
    assert elsewhere.status("greeting")["serving"]["stable"]["digest"] == digest
    assert f'"activeVersion": "1.0.0", "activeDigest": "{digest}"' in done.output
    assert again.output.count("there already") == 2


def test_the_same_digest_goes_through_an_image_layout(
    world: World, elsewhere: World, run: Run, folder: Path, tmp_path: Path
) -> None:
    layout = str(tmp_path / "layout")
    written = run(export, "greeting", "-n", world.namespace, "-o", layout, "--oci")
    done = run(import_, layout, str(folder), "-n", elsewhere.namespace)
    (largest, *_) = sorted((tmp_path / "layout").glob("blobs/*/*"), key=lambda each: -each.stat().st_size)
    largest.write_bytes(largest.read_bytes().replace(b"a", b"b", 1))
    refused = run(import_, layout, "-n", elsewhere.namespace)

    assert (written.exit_code, done.exit_code, refused.exit_code) == (0, 0, 2), done.output
    assert "greeting-1.0.0: sha256:" in written.output
    assert done.output.count(": created, sha256:") == 2
    assert f"{largest.name}: it was changed on the way" in refused.output


def test_another_content_under_the_number_imports_nothing(elsewhere: World, run: Run, folder: Path) -> None:
    elsewhere.apply(version("base", "1.0.0", "Be unkind."))

    done = run(import_, str(folder), "-n", elsewhere.namespace)

    assert done.exit_code == 1
    assert "base-1.0.0: spec.content never changes: delete it first" in done.output
    assert [each["metadata"]["name"] for each in elsewhere.all("promptversions")] == ["base-1.0.0"]


def test_a_dry_run_creates_nothing(elsewhere: World, run: Run, folder: Path) -> None:
    done = run(import_, str(folder), "-n", elsewhere.namespace, "--dry-run")

    assert done.output.count("to be created") == 2
    assert elsewhere.all("promptversions") == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("base-1.0.0", "greeting-1.0.0: its content, with what it includes, has the digest", id="what is included"),
        pytest.param("greeting-1.0.0", "it was changed on the way", id="the version itself"),
    ],
)  # fmt: skip
def test_one_letter_on_the_way_is_refused(elsewhere: World, run: Run, folder: Path, name: str, said: str) -> None:
    path = folder / f"{name}.yaml"
    path.write_text(path.read_text().replace("kind.", "kinD.").replace("Hello", "Hallo"))

    done = run(import_, str(folder), "-n", elsewhere.namespace)

    assert done.exit_code == 2
    assert said in done.output
    assert elsewhere.all("promptversions") == []


def test_a_file_that_is_missing_is_refused(elsewhere: World, run: Run, folder: Path) -> None:
    (folder / "base-1.0.0.yaml").unlink()

    done = run(import_, str(folder), "-n", elsewhere.namespace)

    assert done.exit_code == 2
    assert "what it includes is not among the files: export it again" in done.output


def test_what_travels_names_no_cluster(folder: Path) -> None:
    found = [yaml.safe_load(path.read_text())["metadata"] for path in sorted(folder.glob("*.yaml"))]

    assert [set(each) for each in found] == [{"name", "annotations"}] * 2
    assert [set(each["annotations"]) for each in found] == [{"promptops.io/digest"}] * 2


@pytest.mark.parametrize(
    ("made", "arguments", "said"),
    [
        pytest.param((), ("nobody",), "there is no Prompt nobody", id="no such prompt"),
        pytest.param((prompt("idle"),), ("idle",), "serves nothing: name a version with --version", id="nothing served"),
        pytest.param((), ("a", "--version", "9.0.0"), "there is no PromptVersion a-9.0.0", id="no such version"),
        pytest.param(
            (version("a", "1.0.0", "x", lifecycle="Archived"),),
            ("a", "--version", "1.0.0"),
            "a-1.0.0 is archived: export another version",
            id="archived",
        ),
        pytest.param(
            (version("a", "1.1.0", "{{ nobody }}"),), ("a", "--version", "1.1.0"), "a-1.1.0 may not be served", id="invalid"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_exported(
    world: World, run: Run, tmp_path: Path, made: tuple[dict[str, Any], ...], arguments: tuple[str, ...], said: str
) -> None:
    if made:
        world.apply(*made)

    done = run(export, *arguments, "-n", world.namespace, "-o", str(tmp_path / "out"))

    assert said in done.output
    assert done.exit_code == 1
