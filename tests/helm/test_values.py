"""Values: each one is described and has a default; a wrong one is refused with the place and the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.helm.command import Helm

OPEN = (
    ".global",
    ".enabled",
    ".affinity",
    ".resources",
    ".admission.resources",
    ".relay.resources",
    ".gateway.resources",
)
"""What Kubernetes, Helm or a parent chart defines: not every part of it has a default here."""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--set=replica=2",), "at '': additional properties 'replica' not allowed", id="an unknown value"),
        pytest.param(
            ("--set=image.tagg=1.0.0",), "at '/image': additional properties 'tagg' not allowed", id="a misspelt value"
        ),
        pytest.param(
            ("--set=tenancy.mode=strict",),
            "at '/tenancy/mode': value must be one of 'Implicit', 'Strict'",
            id="a mode that is none",
        ),
        pytest.param(
            ("--set=image.digest=sha256:abc",), "at '/image/digest': 'sha256:abc' does not match pattern", id="a digest"
        ),
        pytest.param(
            ("--set=monitoring.podMonitor.enabled=maybe",),
            "at '/monitoring/podMonitor/enabled': value must be one of 'auto', true, false",
            id="neither auto nor true nor false",
        ),
        pytest.param(
            ("--set=monitoring.prometheusRule.window=5 minutes",),
            "at '/monitoring/prometheusRule/window': '5 minutes' does not match pattern",
            id="a duration",
        ),
        pytest.param(
            ("--set=monitoring.prometheusRule.highErrorRate.errorRatePercent=100",),
            "at '/monitoring/prometheusRule/highErrorRate/errorRatePercent': exclusiveMaximum: got 100, want 100",
            id="a threshold that nothing can exceed",
        ),
        pytest.param(
            ("--set=monitoring.prometheusRule.slowResponse.p95Milliseconds=5000",),
            "at '/monitoring/prometheusRule/slowResponse/p95Milliseconds': exclusiveMaximum: got 5,000, want 5,000",
            id="a threshold beyond the largest bucket",
        ),
        pytest.param(
            ("--set-string=crds.enabled=true",),
            "at '/crds/enabled': got string, want boolean",
            id="a text for a boolean",
        ),
        pytest.param(("--set=resources.limits.memory=lots",), "at '/resources/limits/memory': 'lots'", id="a quantity"),
        pytest.param(
            ("--set=serviceAccount.create=false",),
            "serviceAccount.create is false: say in serviceAccount.name which account to use",
            id="no account",
        ),
        pytest.param(
            ("--set=extraEnv[0].name=PROMPTOPS_FEED_ADDRESS", "--set=extraEnv[0].value=me"),
            "extraEnv: PROMPTOPS_FEED_ADDRESS is set by the chart itself",
            id="a variable of the chart's own",
        ),
        pytest.param(
            (r"--set=podLabels.app\.kubernetes\.io/name=other",),
            "podLabels: app.kubernetes.io/name is the chart's own label and cannot be replaced",
            id="a label of the chart's own",
        ),
        pytest.param(
            ("--kube-version=1.30.9",),
            "chart requires kubeVersion: >=1.31.0-0 which is incompatible with Kubernetes v1.30.9",
            id="a cluster that is too old",
        ),
    ],
)
def test_refused(helm: Helm, arguments: tuple[str, ...], said: str) -> None:
    assert said in helm.refusal(*arguments)


def test_no_value_of_a_secret_kind_reaches_the_message(helm: Helm) -> None:
    said = helm.refusal("--set=extraEnv[0].name=TOKEN", "--set=extraEnv[0].value=hunter2", "--set=wrong=1")

    assert "hunter2" not in said


def test_providers_versions_are_admitted(helm: Helm) -> None:
    assert helm.render(arguments=("--kube-version=1.31.4-gke.100",))


def test_every_value_has_a_default(helm: Helm) -> None:
    values = yaml.safe_load((helm.chart / "values.yaml").read_text())
    schema = json.loads((helm.chart / "values.schema.json").read_text())

    missing = [path for path in _paths(schema, schema) if not path.startswith(OPEN) and not _is_in(values, path)]

    assert missing == []
    assert set(values) == set(schema["properties"]) - {"global", "enabled"}


def test_every_object_of_the_schema_is_closed(helm: Helm) -> None:
    schema = json.loads((helm.chart / "values.schema.json").read_text())

    left_open = [
        node for node in _nodes(schema) if "properties" in node and node.get("additionalProperties") is not False
    ]

    assert left_open == []


def test_lint_is_strict(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(helm.chart)).stdout


def _paths(node: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[str]:
    node = root["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if path:
        yield path
    for name, child in node.get("properties", {}).items():
        yield from _paths(child, root, f"{path}.{name}")


def _is_in(values: dict[str, Any], path: str) -> bool:
    node: Any = values
    for name in path.split(".")[1:]:
        if not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return True


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for child in schema:
            yield from _nodes(child)
