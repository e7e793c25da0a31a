"""`promptops inject`: files in, files with sidecars out; what is not touched stays as it is written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from promptops.api.names import INJECTION_CONFIG_MAP, TRUST_CONFIG_MAP, TRUST_KEY
from promptops.cli.inject import inject
from promptops.domain.injection.pod import injected
from promptops.domain.injection.workloads import TEMPLATES
from promptops.workspace.stream import Document, read_stream
from tests.admission.pods import INJECTED, PARAMETERS, REFUSED, pod

Manifest = dict[str, Any]
SERVICE = "# Not ours, and not changed.\nkind: Service\napiVersion: v1\nmetadata: {name: shop}   # as it is\n"
KINDS = [pytest.param(*kind, path, id=kind[1]) for kind, path in TEMPLATES.items()]


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    """What kubectl answers when it is asked for both ConfigMaps."""
    own = {key: value for key, value in PARAMETERS.items() if key != TRUST_KEY}
    data = {INJECTION_CONFIG_MAP: own, TRUST_CONFIG_MAP: {TRUST_KEY: PARAMETERS[TRUST_KEY]}}
    items = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": each}
        for name, each in data.items()
    ]
    path = tmp_path / "parameters.yaml"
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    return path


def run(parameters: Path, text: str, *more: str) -> Result:
    """Inject what is given on standard input."""
    return CliRunner().invoke(inject, ["-f", "-", "--parameters", str(parameters), *more], input=text)


def parsed(done: Result) -> Any:
    """The one document that was printed, as kubectl reads it."""
    (document,) = read_stream(done.stdout)
    assert isinstance(document, Document)
    return document.value


def wrapped(api_version: str, kind: str, path: tuple[str, ...], template: Manifest) -> Manifest:
    """An object of a kind with a template in its place."""
    value: Manifest = {key: copy.deepcopy(template[key]) for key in ("metadata", "spec")}
    for step in reversed(path):
        value = {step: value}
    return {"apiVersion": api_version, "kind": kind, **({"metadata": {"name": "shop"}} if path else {}), **value}


@pytest.mark.parametrize("asking", [pytest.param(each, id=name) for name, each in INJECTED.items()])
def test_a_pod_is_what_the_description_says(parameters: Path, asking: Manifest) -> None:
    done = run(parameters, json.dumps(asking))

    assert parsed(done) == injected(asking, PARAMETERS)


@pytest.mark.parametrize(("api_version", "kind", "path"), KINDS)
def test_kinds_that_make_pods(parameters: Path, api_version: str, kind: str, path: tuple[str, ...]) -> None:
    done = run(parameters, json.dumps(wrapped(api_version, kind, path, pod())))

    assert yaml.safe_load(done.stdout) == wrapped(api_version, kind, path, injected(pod(), PARAMETERS))


def test_injecting_twice_changes_nothing(parameters: Path) -> None:
    once = run(parameters, json.dumps(pod())).stdout

    assert run(parameters, once).stdout == once


def test_what_is_not_touched_stays_as_it_is_written(parameters: Path) -> None:
    done = run(parameters, f"{SERVICE}---\n{yaml.safe_dump(pod())}---\n{SERVICE}")

    first, second, third = done.stdout.split("---\n")
    assert (first, third) == (SERVICE, SERVICE)
    assert yaml.safe_load(second) == injected(pod(), PARAMETERS)


def test_json_and_lists_are_read(parameters: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [pod(), {"apiVersion": "v1", "kind": "Service"}]}

    done = run(parameters, json.dumps(listed))

    assert yaml.safe_load(done.stdout)["items"] == [injected(pod(), PARAMETERS), listed["items"][1]]


def test_nobody_asks(parameters: Path) -> None:
    done = run(parameters, SERVICE)

    assert (done.exit_code, done.stdout) == (0, SERVICE)
    assert 'no pod template has the label promptops.io/inject: "true"' in done.stderr


@pytest.mark.parametrize(("asking", "said"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_what_a_cluster_refuses(parameters: Path, asking: Manifest, said: str) -> None:
    done = run(parameters, f"{SERVICE}---\n{yaml.safe_dump(asking)}")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: <stdin>:6: Pod pod: ")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [", "<stdin>:", id="no YAML"),
        pytest.param(yaml.safe_dump({**pod(), "spec": {}}), "Pod pod: it has no containers", id="no containers"),
    ],
)
def test_what_cannot_be_injected(parameters: Path, text: str, said: str) -> None:
    done = run(parameters, text)

    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr


def test_parameters_that_are_not_all_there(tmp_path: Path) -> None:
    incomplete = tmp_path / "parameters.yaml"
    incomplete.write_text("kind: List\napiVersion: v1\nitems: []\n")

    done = run(incomplete, yaml.safe_dump(pod()))

    assert done.exit_code == 1
    assert "kubectl get configmap promptops-injection promptops-trust" in done.stderr


@pytest.mark.parametrize(
    "text", ["y", "N", "on", "yes", "null", "~", "1", "08", "1e3", "1.", ".5", "0x1F", "0o7", "0b1", "1_000", "2001-01-01", "12:30", "=", "<<", "", " a", "a\nb", "{", "- a", "# a", "a: b", "true"]
)  # fmt: skip
def test_texts_stay_texts(parameters: Path, text: str) -> None:
    asking = pod({"name": "app", "image": "x", "env": [{"name": "A", "value": text}]})

    assert parsed(run(parameters, json.dumps(asking))) == injected(asking, PARAMETERS)
