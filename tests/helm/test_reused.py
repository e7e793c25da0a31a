"""The chart with values that an earlier chart left behind, as a part of another chart, and with quantities as Kubernetes writes them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.command import Helm

CHART = Path(__file__).parents[2] / "helm" / "promptops"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
QUANTITIES = ("1Ti", "1.5Gi", "512M", "1e9", "129e6", "1E", "1Ei", "1000k", "128974848", ".5Gi", "5.Gi")
NO_QUANTITIES = ("lots", "-1Gi", "1 Gi", "1gi", "1GiB", "1e", "e9", "Gi", "1,5Gi")
WITHOUT_DEFINITIONS = ("--set=crds.enabled=false", "--kube-version=1.37.0", "--namespace=system")


def rendered(helm: Helm, chart: Path, *arguments: str) -> str:
    return helm("template", "promptops", str(chart), *WITHOUT_DEFINITIONS, *arguments).stdout


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A copy of the chart, for other values."""
    return shutil.copytree(CHART, tmp_path / "promptops")


@pytest.fixture(scope="module")
def usual(helm: Helm) -> str:
    """What comes of the chart's own values."""
    return rendered(helm, CHART)


@pytest.mark.parametrize("section", [name for name, value in VALUES.items() if isinstance(value, dict) and value])
def test_what_an_earlier_chart_did_not_know_has_its_default(helm: Helm, chart: Path, usual: str, section: str) -> None:
    """`helm upgrade --reuse-values` gives the new chart the old one's values alone."""
    reused = {name: value for name, value in VALUES.items() if name != section}
    (chart / "values.yaml").write_text(yaml.safe_dump(reused))

    text = rendered(helm, chart)

    assert text == usual or section == "resources"


def test_values_of_the_first_chart_are_enough(helm: Helm, chart: Path, usual: str) -> None:
    """As they were before relays, gateways, NetworkPolicies and the keys' lives."""
    known = ("image", "replicas", "tenancy", "crds", "policies", "rbac", "serviceAccount", "resources", "monitoring")
    reused = {name: VALUES[name] for name in known}
    del reused["monitoring"]["prometheusRule"]["noLeader"], reused["monitoring"]["dashboard"]
    (chart / "values.yaml").write_text(yaml.safe_dump(reused))

    text = rendered(helm, chart)

    assert text == usual


def test_a_zero_and_a_false_of_an_earlier_chart_stay(helm: Helm, chart: Path) -> None:
    reused = {
        "replicas": 1,
        "networkPolicies": {"enabled": False},
        "admission": {"enabled": False},
        "injection": {"mode": "none"},
    }
    (chart / "values.yaml").write_text(yaml.safe_dump(reused))

    text = rendered(helm, chart)

    assert "kind: NetworkPolicy\n" not in text
    assert "kind: ValidatingWebhookConfiguration\n" not in text
    assert "kind: PodDisruptionBudget\n" not in text


@pytest.mark.parametrize(("enabled", "kinds"), [("true", True), ("false", False)])
def test_another_chart_takes_it_in_on_a_condition(helm: Helm, tmp_path: Path, enabled: str, kinds: bool) -> None:
    parent = tmp_path / "parent"
    (parent / "templates").mkdir(parents=True)
    dependency = {"name": "promptops", "version": "0.1.0", "condition": "promptops.enabled"}
    described = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(described))
    (parent / "values.yaml").write_text(yaml.safe_dump({"global": {"team": "a"}, "promptops": {"replicas": 3}}))
    shutil.copytree(CHART, parent / "charts" / "promptops")

    arguments = ("template", "apps", str(parent), "--kube-version=1.37.0", f"--set=promptops.enabled={enabled}")
    text = helm(*arguments).stdout

    assert ("replicas: 3\n" in text) is kinds


def test_a_switch_that_only_another_chart_reads_is_refused_alone(helm: Helm) -> None:
    said = helm("template", "promptops", str(CHART), "--kube-version=1.37.0", "--set=enabled=false", check=False).stderr

    assert "enabled is read by a chart that depends on this one" in said


def limits(quantities: tuple[str, ...]) -> list[str]:
    """Arguments that limit a resource of its own to each of these."""
    escaped = (quantity.replace(",", "\\,") for quantity in quantities)
    return [f"--set-string=resources.limits.resource-{number}={each}" for number, each in enumerate(escaped)]


@pytest.fixture(scope="module")
def taken(helm: Helm) -> dict[str, Any]:
    """What the operator's container is limited to, when all of these quantities are given."""
    manifests = yaml.load_all(rendered(helm, CHART, *limits(QUANTITIES)), yaml.CSafeLoader)
    (found,) = (m for m in manifests if (m["kind"], m["metadata"]["name"]) == ("Deployment", "promptops"))
    return dict(found["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"])


@pytest.fixture(scope="module")
def refused(helm: Helm) -> str:
    """What is said when all of these are given."""
    arguments = ("template", "promptops", str(CHART), "--kube-version=1.37.0")
    return helm(*arguments, *limits(NO_QUANTITIES), check=False).stderr


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_quantities_are_taken_as_kubernetes_writes_them(taken: dict[str, Any], quantity: str) -> None:
    assert taken[f"resource-{QUANTITIES.index(quantity)}"] == quantity


@pytest.mark.parametrize("quantity", NO_QUANTITIES)
def test_what_is_no_quantity_is_refused_with_its_place(refused: str, quantity: str) -> None:
    assert f"at '/resources/limits/resource-{NO_QUANTITIES.index(quantity)}': '{quantity}'" in refused


def test_a_sidecar_may_hold_a_tebibyte(helm: Helm) -> None:
    text = rendered(helm, CHART, "--set=injection.memoryLimit=1Ti", "--set=injection.snapshotSize=1Ti")

    assert "memoryLimit: 1Ti" in text.replace('"', "")
