"""Every value of the chart, set and taken away: Kubernetes and kustomize take what comes of it, or helm refuses it in words."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptops.dev.plane import Plane
from tests.helm.command import Helm, UniqueKeys
from tests.helm.every_value import EVERYTHING, EXAMPLES, TOGETHER, Value, every_value, merged, nested
from tests.helm.schemas import write_schemas

CHART = Path(__file__).parents[2] / "helm" / "promptops"
VALUES = every_value(CHART)
LEAVES = [value for value in VALUES if not value.is_section]
LEFT_ALONE = [value for value in VALUES if value.path.partition(".")[0] not in EVERYTHING]
"""What is by default beside each other value."""
OWN_DEFAULT = [value for value in LEFT_ALONE if not value.path.endswith(("resources", "labels"))]
"""What has its default again when it is taken away. Of what Kubernetes defines parts can be taken away: then there are none."""
MONITORING = ("PodMonitor", "PrometheusRule")
"""Kinds of the Prometheus operator, which this API server does not know; promtool looks at the rules elsewhere."""
CLUSTER = ("--kube-version=1.37.0", *(f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in MONITORING))


class Rendered:
    """Renders the chart, in a cluster that has everything."""

    def __init__(self, helm: Helm, folder: Path) -> None:
        self._helm = helm
        self._folder = folder

    def __call__(self, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """Run `helm template` with these values."""
        text = json.dumps(values)
        file = self._folder / f"{sha256(text.encode()).hexdigest()}.json"
        file.write_text(text)
        arguments = ("template", "promptops", str(self._helm.chart), "--namespace=system", f"--values={file}", *CLUSTER)
        return self._helm(*arguments, check=False)

    def each(self, given: dict[str, dict[str, Any]]) -> dict[str, str]:
        """Return what comes of each of these; all of it must be taken."""
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(self, (merged(EVERYTHING, values) for values in given.values())))
        refused = [f"{what}: {each.stderr}" for what, each in zip(given, done, strict=True) if each.returncode]
        assert refused == []
        return {what: each.stdout for what, each in zip(given, done, strict=True)}


@pytest.fixture(scope="module")
def rendered(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Renders, and remembers what came of it."""
    return Rendered(helm, tmp_path_factory.mktemp("values"))


@pytest.fixture(scope="module")
def outcomes(rendered: Rendered) -> dict[str, str]:
    """What comes of every value that is set and of every one that is taken away, by what was done."""
    given: dict[str, dict[str, Any]] = {"nothing": {}}
    given |= {what: values for value in LEAVES for what, values in value.settings.items()}
    given |= {f"{value.path}=null": nested(value.path, None) for value in VALUES if value not in OWN_DEFAULT}
    found = rendered.each(given)
    for values in levels(OWN_DEFAULT):
        taken = {f"{value.path}=null": nested(value.path, None) for value in values}
        together = rendered(merged(EVERYTHING, reduce(merged, taken.values())))
        is_same = together.stdout == found["nothing"]
        # One by one only to say which it is.
        found |= dict.fromkeys(taken, together.stdout) if is_same else rendered.each(taken)
    return found


@pytest.fixture(scope="module")
def documents(outcomes: dict[str, str]) -> dict[str, str]:
    """Each different object once, and what was done when it came."""
    return {document: what for what, text in reversed(outcomes.items()) for document in documents_of(text)}


@pytest.fixture
def places(documents: dict[str, str], tmp_path: Path) -> dict[Path, str]:
    """A file for each different object, and what was done when it came."""
    (folder := tmp_path / "documents").mkdir()
    written = {folder / f"{number}.yaml": (text, what) for number, (text, what) in enumerate(documents.items())}
    for place, (text, _) in written.items():
        place.write_text(text)
    return {place: what for place, (_, what) in written.items()}


def levels(values: list[Value]) -> list[list[Value]]:
    """Return the values by how deep they are: none of a level is within another of it."""
    by_depth: dict[int, list[Value]] = {}
    for value in values:
        by_depth.setdefault(value.path.count("."), []).append(value)
    return list(by_depth.values())


def documents_of(text: str) -> list[str]:
    return [document for document in f"\n{text}".split("\n---\n") if document.strip()]


def identity(document: str) -> tuple[str, str]:
    """Kind and name. Raises ValueError for a key that comes twice."""
    (loaded,) = yaml.load_all(document, UniqueKeys)
    return loaded["kind"], loaded["metadata"]["name"]


def explained(said: str, places: dict[Path, str]) -> str:
    """Say what was done instead of the file's name."""
    return re.sub(r"\S*?(\d+)\.yaml", lambda found: list(places.values())[int(found[1])], said)


@pytest.mark.parametrize("value", OWN_DEFAULT, ids=lambda value: value.path)
def test_what_is_taken_away_has_its_default(outcomes: dict[str, str], value: Value) -> None:
    assert outcomes[f"{value.path}=null"] == outcomes["nothing"]


def test_every_value_that_is_set_changes_something(outcomes: dict[str, str]) -> None:
    changed = {what for what, text in outcomes.items() if text != outcomes["nothing"]}

    assert [value.path for value in LEAVES if changed.isdisjoint(value.settings)] == []


def test_every_key_and_every_object_stands_once(outcomes: dict[str, str], documents: dict[str, str]) -> None:
    identities = {}
    for document, what in documents.items():
        try:
            identities[document] = identity(document)
        except ValueError as error:
            pytest.fail(f"{what}: {error}")

    for what, text in outcomes.items():
        objects = [identities[document] for document in documents_of(text)]
        assert len(objects) == len(set(objects)), what


@pytest.mark.since("1.36")
def test_kubernetes_takes_it(
    places: dict[Path, str], plane: Plane, binary: Callable[[str], Path], tmp_path: Path
) -> None:
    write_schemas(json.loads(plane.kubectl("get", "--raw", "/openapi/v2").stdout), tmp_path)
    schemas = f"-schema-location={tmp_path}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = (str(binary("kubeconform")), "-strict", "-summary", schemas, f"-skip={','.join(MONITORING)}")

    done = subprocess.run((*command, *map(str, places)), capture_output=True, text=True, check=False)

    said = explained(done.stdout + done.stderr, places)
    assert "Invalid: 0, Errors: 0" in said, said
    assert f"{len(places)} resources found" in said
    assert done.returncode == 0


def test_kustomize_takes_it(places: dict[Path, str], plane: Plane, tmp_path: Path) -> None:
    """As few calls as there are forms of one object: each takes one form of every object."""
    forms: dict[tuple[str, str], list[Path]] = {}
    for place in places:
        forms.setdefault(identity(place.read_text()), []).append(place)

    def build(number: int) -> str:
        (folder := tmp_path / str(number)).mkdir()
        chosen = [each[number] for each in forms.values() if number < len(each)]
        for place in chosen:
            (folder / place.name).write_text(place.read_text())
        kustomization = {"resources": [place.name for place in chosen], "namespace": "elsewhere"}
        (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
        done = plane.kubectl("kustomize", str(folder), check=False)
        # It does not say which file: one of these.
        return f"{sorted({places[place] for place in chosen})}: {done.stderr}" if done.returncode else ""

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(build, range(max(map(len, forms.values())))))

    assert [each for each in said if each] == []


def test_no_example_is_left_over() -> None:
    assert {*EXAMPLES, *TOGETHER} <= {value.path for value in VALUES}
