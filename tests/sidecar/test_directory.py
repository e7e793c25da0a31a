"""A directory instead of a cluster: what is in it is served, what changes is noticed, what is bad displaces nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.manifests import config_map, manifest, owner, sourced, version
from tests.support.sidecar import Sidecar, Start, sidecars, write
from tests.support.waiting import wait_until


def text(sidecar: Sidecar, prompt: str) -> str | None:
    """Return what a prompt without variables renders, None when it is not served."""
    answer = sidecar.render(prompt)
    return answer.json()["rendered_content"] if answer.status_code == 200 else None


def problems(sidecar: Sidecar) -> dict[str, str]:
    dependencies = sidecar.get("/v1/health").json()["dependencies"]
    return {place: said for place, said in dependencies.items() if place != "directory"}


def serves(sidecar: Sidecar, prompt: str, expected: str | None) -> None:
    wait_until(lambda: text(sidecar, prompt) == expected, f"{prompt} renders {expected}; log: {sidecar.log}")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar over a directory of the file's own, in which there is something."""
    directory = tmp_path_factory.mktemp("directory")
    write(directory / "a.yaml", sourced("a", {"text": "first"}))
    for start in sidecars():
        yield start(directory)


@pytest.fixture
def started(shared: Sidecar) -> Sidecar:
    """A sidecar over a directory with the prompt `a`: what another test had in it is forgotten, and what was said of that."""
    full = from_now_on(shared)
    for path in shared.directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    wait_until(lambda: '"prompts": 0, "problems": 0' in full.log, lambda: full.log)
    emptied = from_now_on(shared)
    write(shared.directory / "a.yaml", sourced("a", {"text": "first"}))
    wait_until(lambda: '"prompts": 1, "problems": 0' in emptied.log, lambda: emptied.log)
    return from_now_on(shared)


def from_now_on(sidecar: Sidecar) -> Sidecar:
    """The same sidecar, and nothing of what it has said."""
    return replace(sidecar, said_before=sidecar.log_file.stat().st_size)


@pytest.fixture
def own(start_sidecar: Start, tmp_path: Path) -> Sidecar:
    """A sidecar of the test's own over a directory with the prompt `a`."""
    write(tmp_path / "own" / "a.yaml", sourced("a", {"text": "first"}))
    return start_sidecar(tmp_path / "own")


def test_a_changed_file_is_served_as_a_new_version(started: Sidecar) -> None:
    write(started.directory / "a.yaml", sourced("a", {"text": "second"}))

    serves(started, "a", "second")
    versions = started.get("/v1/prompts/a/versions").json()["versions"]
    assert [(each["version"], each["active"]) for each in versions] == [("1.0.1", True), ("1.0.0", False)]


def test_files_come_and_go(started: Sidecar) -> None:
    write(started.directory / "deep" / "er" / "b.json", sourced("b", {"text": "b"}))
    serves(started, "b", "b")

    (started.directory / "deep" / "er" / "b.json").unlink()

    serves(started, "b", None)
    assert started.render("b").json()["code"] == "PromptNotFound"
    assert text(started, "a") == "first"


def test_activation_and_rollback_are_an_edit(started: Sidecar) -> None:
    versions = [version("v", "1.0.0", {"text": "one"}), version("v", "2.0.0", {"text": "two"})]
    write(started.directory / "versions.yaml", *versions)
    for number, expected in (("1.0.0", "one"), ("2.0.0", "two"), ("1.0.0", "one")):
        write(started.directory / "v.yaml", manifest("Prompt", "v", activeVersion=number))

        serves(started, "v", expected)
    assert started.get("/v1/prompts/v").json()["revision"] == 3


@pytest.mark.parametrize(
    ("file", "broken", "place", "problem"),
    [
        pytest.param("a.yaml", "kind: [", "a.yaml:2", "not YAML: did not find expected node content", id="no YAML"),
        pytest.param("a.yaml", "apiVersion: promptops.io/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec: [", "a.yaml:5", "not YAML: did not find expected node content", id="saved half"),
        pytest.param("a.yaml", b"\n\xff\n", "a.yaml:2", "the file is not UTF-8", id="no UTF-8"),
        pytest.param("a.yaml", "apiVersion: promptops.io/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec: {activ: 1.0.0}\n", "a.yaml:1", "Prompt a: spec.activ: is not a field of this kind", id="unknown field"),
        pytest.param("a.yaml", "# c\n---\napiVersion: promptops.io/v2\nkind: Prompt\nmetadata: {name: a}\n", "a.yaml:3", "Prompt of promptops.io/v2 is not known; promptops.io/v1alpha1 has Prompt, PromptVersion and Tenant", id="unknown version"),
        pytest.param("a.yaml", "hello: world\n", "a.yaml:1", "this is not a manifest: apiVersion and kind are required", id="no manifest"),
    ],
)  # fmt: skip
def test_a_bad_file_displaces_nothing(
    started: Sidecar, file: str, broken: str | bytes, place: str, problem: str
) -> None:
    target = started.directory / file
    target.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    write(started.directory / "b.yaml", sourced("b", {"text": "b"}))

    serves(started, "b", "b")
    health = started.get("/v1/health").json()
    assert text(started, "a") == "first"
    assert health["status"] == "degraded"
    assert problems(started) == {place: problem}
    wait_until(lambda: json.dumps(place) in started.log, "the problem is told")
    assert started.log.count(json.dumps(place)) == 1


def test_a_mended_file_is_served_and_no_longer_a_problem(started: Sidecar) -> None:
    (started.directory / "a.yaml").write_text("kind: [")
    wait_until(lambda: problems(started), "the problem is reported")

    write(started.directory / "a.yaml", sourced("a", {"text": "mended"}))

    serves(started, "a", "mended")
    assert problems(started) == {}
    assert started.get("/v1/health").json()["status"] == "healthy"


def test_a_bad_document_takes_none_of_its_file_with_it(started: Sidecar) -> None:
    documents = [yaml.safe_dump(sourced("b", {"text": "b"})), "kind: [\n", yaml.safe_dump(sourced("c", {"text": "c"}))]
    (started.directory / "many.yaml").write_text("---\n".join(documents))

    serves(started, "c", "c")
    assert text(started, "b") == "b"
    assert list(problems(started)) == ["many.yaml:11"]


def test_bad_content_keeps_the_last_good_one(started: Sidecar) -> None:
    write(started.directory / "a.yaml", sourced("a", {"text": "x\n{% if x %}"}))

    (said,) = wait_until(lambda: problems(started), "the problem is reported").items()

    assert said[0] == "a.yaml:1 Prompt a"
    assert said[1].startswith("SourceInvalid: ")
    assert "line 2, column 1" in said[1]
    assert "{% if %} is never closed" in said[1]
    assert text(started, "a") == "first"


def test_an_immutable_version_stays_what_it_was(started: Sidecar) -> None:
    prompt = manifest("Prompt", "v", activeVersion="1.0.0")
    write(started.directory / "v.yaml", prompt, version("v", "1.0.0", {"text": "one"}))
    serves(started, "v", "one")

    write(started.directory / "v.yaml", prompt, version("v", "1.0.0", {"text": "changed"}))

    (said,) = wait_until(lambda: problems(started), "the problem is reported").values()
    assert said.startswith("PromptVersion v-1.0.0: spec.content: it cannot be changed: create a new version")
    assert text(started, "v") == "one"


def test_a_recreated_version_is_another_one(started: Sidecar) -> None:
    prompt = manifest("Prompt", "v", activeVersion="1.0.0")
    write(started.directory / "v.yaml", prompt, version("v", "1.0.0", {"text": "one"}))
    serves(started, "v", "one")
    (started.directory / "v.yaml").unlink()
    serves(started, "v", None)

    write(started.directory / "v.yaml", prompt, version("v", "1.0.0", {"text": "another"}))

    serves(started, "v", "another")


def test_of_two_objects_with_one_name_the_first_file_has_it(started: Sidecar) -> None:
    write(started.directory / "z.yaml", sourced("a", {"text": "second"}))

    said = wait_until(lambda: problems(started), "the problem is reported")

    assert said == {"z.yaml:1": "Prompt a stands in a.yaml:1 already; it is ignored"}
    assert text(started, "a") == "first"


def test_a_missing_version_is_a_problem_until_it_comes(started: Sidecar) -> None:
    write(started.directory / "v.yaml", manifest("Prompt", "v", activeVersion="1.0.0"))
    said = wait_until(lambda: problems(started), "the problem is reported")

    write(started.directory / "version.yaml", version("v", "1.0.0", {"text": "here"}))

    assert said["v.yaml:1 Prompt v"].startswith("VersionNotFound: ")
    serves(started, "v", "here")
    assert problems(started) == {}


def test_a_config_map_is_read_hot_and_only_when_it_is_labelled(started: Sidecar) -> None:
    reference = {"name": "texts", "key": "prompt", "format": "text"}
    write(started.directory / "p.yaml", manifest("Prompt", "p", source={"configMapKeyRef": reference}))
    write(started.directory / "c.yaml", config_map("texts", {"prompt": "unseen"}, labelled=False))
    said = wait_until(lambda: problems(started), "the problem is reported")

    write(started.directory / "c.yaml", config_map("texts", {"prompt": "seen"}))

    serves(started, "p", "seen")
    write(started.directory / "c.yaml", config_map("texts", {"prompt": "changed"}))
    serves(started, "p", "changed")
    (started.directory / "c.yaml").unlink()
    wait_until(lambda: problems(started), "the problem is reported")
    assert said["p.yaml:1 Prompt p"].startswith("ConfigMapNotFound: ")
    assert text(started, "p") == "changed"


def test_a_directory_may_vanish_and_return(own: Sidecar) -> None:
    away = own.directory.with_name("away")
    own.directory.rename(away)
    gone = wait_until(
        lambda: own.get("/v1/health").json()["dependencies"]["directory"] != "ok" and own.get("/v1/health").json(),
        "noticed",
    )
    during = text(own, "a")

    shutil.copytree(away, own.directory)
    write(own.directory / "a.yaml", sourced("a", {"text": "returned"}))

    serves(own, "a", "returned")
    assert gone["status"] == "degraded"
    assert gone["dependencies"]["directory"] == "gone: No such file or directory"
    assert during == "first"
    assert own.get("/v1/health").json()["status"] == "healthy"


def mount(directory: Path, name: str, contents: dict[str, dict[str, Any]]) -> None:
    """Change a directory as the kubelet changes a mounted ConfigMap: a new hidden folder, one link replaced."""
    write_to = directory / f"..{name}"
    for file, content in contents.items():
        write(write_to / file, content)
        if not (directory / file).is_symlink():
            (directory / file).symlink_to(Path("..data") / file)
    (directory / "..tmp").symlink_to(f"..{name}")
    (directory / "..tmp").rename(directory / "..data")


def test_a_mounted_config_map_is_followed_through_its_links(start_sidecar: Start, tmp_path: Path) -> None:
    mount(tmp_path, "1", {"a.yaml": sourced("a", {"text": "one"})})
    sidecar = start_sidecar(tmp_path)
    before = text(sidecar, "a")

    mount(tmp_path, "2", {"a.yaml": sourced("a", {"text": "two"})})
    shutil.rmtree(tmp_path / "..1")

    serves(sidecar, "a", "two")
    assert before == "one"
    assert sidecar.get("/v1/health").json()["prompts"] == 1


def test_what_is_for_others_is_a_notice(started: Sidecar) -> None:
    tenant = manifest("Tenant", "t")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    write(started.directory / "others.yaml", tenant, service)

    wait_until(lambda: "Service is none of ours; it is ignored" in started.log, "the notice")

    assert "a Tenant has a meaning in a cluster only; it is ignored" in started.log
    assert problems(started) == {}


def test_an_exported_list_is_read_without_what_a_cluster_added(started: Sidecar) -> None:
    exported = sourced("e", {"text": "exported"})
    exported["metadata"] |= {"uid": "x", "resourceVersion": "7", "generation": 3, "ownerReferences": []}
    exported["status"] = {"observedGeneration": 3, "phase": "Healthy"}
    orphan = version("f", "1.0.0", {"text": "f"})
    orphan["metadata"]["ownerReferences"] = [owner("f", "elsewhere")]
    items = [exported, orphan, manifest("Prompt", "f", activeVersion="1.0.0")]
    write(started.directory / "list.json", {"apiVersion": "v1", "kind": "List", "items": items})

    serves(started, "e", "exported")
    assert text(started, "f") == "f"
    assert problems(started) == {}


def test_the_samples_are_served(start_sidecar: Start, root: Path) -> None:
    sidecar = start_sidecar(root / "manifests" / "samples")

    assert sidecar.get("/v1/health").json()["status"] == "healthy"
    assert sidecar.render("greeting", {"name": "Ada"}).json()["version"] == "1.0.0"
    assert sidecar.render("team/summarise.v1", {"document": "d"}).status_code == 200


def test_a_restart_decides_the_same(start_sidecar: Start, own: Sidecar) -> None:
    first = own.get("/v1/prompts").json()
    own.stop()

    again = start_sidecar(own.directory)

    assert again.get("/v1/prompts").json() == first
