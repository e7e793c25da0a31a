"""The alerts fire when they should and at no other time: the real promtool on the chart's rules."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from promptops.telemetry.operator import OperatorMetrics
from promptops.telemetry.sidecar import SidecarMetrics

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yaml"))


def alerts(rules: str) -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]}


@pytest.fixture
def promtool(binary: Callable[[str], Path]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        command = (str(binary("promtool")), *arguments)
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_alert(case: Path, tmp_path: Path, render_rules: Callable[..., str], promtool: Callable[..., Any]) -> None:
    (tmp_path / "rules.yaml").write_text(render_rules())
    shutil.copy(case, tmp_path)

    tested = promtool("test", "rules", case.name, folder=tmp_path)

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_cases_and_a_runbook(root: Path, render_rules: Callable[..., str]) -> None:
    runbooks = {
        name: rule["annotations"]["runbook_url"].rpartition("/")[2] for name, rule in alerts(render_rules()).items()
    }

    assert sorted(runbooks) == [case.stem for case in CASES]
    assert [file for file in runbooks.values() if not (root / "docs" / "runbooks" / file).is_file()] == []


def test_rules_have_no_lint(tmp_path: Path, render_rules: Callable[..., str], promtool: Callable[..., Any]) -> None:
    (tmp_path / "rules.yaml").write_text(render_rules())

    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml", folder=tmp_path)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("value", "alert", "expected"),
    [
        pytest.param("highErrorRate.errorRatePercent=7", "high_error_rate", "+ 0.07)", id="error rate"),
        pytest.param("slowResponse.p95Milliseconds=250", "slow_response", "+ 250)", id="response time"),
        pytest.param("lowCacheHitRate.cacheHitPercent=90", "low_cache_hit_rate", "+ 0.9)", id="hit rate"),
        pytest.param("minimumRenders=3", "high_error_rate", ">= 3", id="least traffic"),
        pytest.param("window=30s", "slow_response", "[30s]", id="window"),
    ],
)
def test_thresholds_are_values(render_rules: Callable[..., str], value: str, alert: str, expected: str) -> None:
    changed = alerts(render_rules(f"monitoring.prometheusRule.{value}"))[alert]["expr"]

    assert expected in changed
    assert expected not in alerts(render_rules())[alert]["expr"]


def test_a_threshold_is_told_as_people_write_it(render_rules: Callable[..., str]) -> None:
    rule = alerts(render_rules("monitoring.prometheusRule.highErrorRate.errorRatePercent=7"))["high_error_rate"]

    assert "(more than 7% over 5m, unless its Tenant says otherwise)" in rule["annotations"]["description"]


def test_alerts_use_only_metrics_and_labels_that_exist(render_rules: Callable[..., str]) -> None:
    used = {name for rule in alerts(render_rules()).values() for name in re.findall(r"promptops_\w+", rule["expr"])}

    assert used <= exposed_series()


def test_without_a_place_for_runbooks_no_alert_links_to_any(render_rules: Callable[..., str]) -> None:
    assert "runbook_url" not in render_rules("monitoring.prometheusRule.runbookUrl=")


def exposed_series() -> set[str]:
    """Return the names of all series that a sidecar and an operator expose."""
    sidecar, operator = CollectorRegistry(), CollectorRegistry()
    SidecarMetrics(sidecar)
    OperatorMetrics(operator)
    return {name for registry in (sidecar, operator) for metric in registry.collect() for name in _series(metric)}


def _series(metric: Metric) -> set[str]:
    """Return what Prometheus calls the series of a metric; one with labels has no sample yet that could tell."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(metric.type, ("",))
    return {f"{metric.name}{suffix}" for suffix in suffixes}


def test_the_slowest_bucket_lies_beyond_the_default_threshold() -> None:
    registry = CollectorRegistry()
    SidecarMetrics(registry).prompts.succeeded("greeting", 3.0)

    edges = {
        float(sample.labels["le"])
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "promptops_render_duration_seconds_bucket"
    }

    # A percentile is never told beyond the last finite edge.
    assert 2.0 in edges
    assert max(edge for edge in edges if edge != float("inf")) > 2.0
