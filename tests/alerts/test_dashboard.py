"""The dashboard: every expression is PromQL over metrics that exist, and the chart brings it where Grafana looks for it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.test_rules import exposed_series
from tests.helm.command import Helm

Dashboard = dict[str, Any]
STAND_INS = {"$__rate_interval": "5m", "$namespace": "shop|team"}


@pytest.fixture(scope="module")
def config_map(root: Path, binary: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    helm = Helm(binary("helm"), root / "helm" / "promptops", tmp_path_factory.mktemp("helm"))
    rendered = helm.render("monitoring.dashboard.enabled=true")
    (found,) = (each for each in rendered if each["metadata"]["name"] == "promptops-dashboard")
    return found


@pytest.fixture(scope="module")
def dashboard(config_map: dict[str, Any]) -> Dashboard:
    made: Dashboard = json.loads(config_map["data"]["promptops.json"])
    return made


def expressions(dashboard: Dashboard) -> Iterator[str]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in STAND_INS.items():
                expression = expression.replace(name, value)
            yield expression


def test_every_expression_is_read_by_prometheus(
    dashboard: Dashboard, tmp_path: Path, binary: Callable[[str], Path]
) -> None:
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(expressions(dashboard))]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    command = (str(binary("promtool")), "check", "rules", "--lint=none", "rules.yaml")
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(rules)} rules found" in checked.stdout + checked.stderr


def test_the_dashboard_uses_only_metrics_that_exist(dashboard: Dashboard) -> None:
    texts = [*expressions(dashboard), *(each["query"]["query"] for each in dashboard["templating"]["list"] if each["name"] == "namespace")]  # fmt: skip

    used = {name for text in texts for name in re.findall(r"promptops_\w+", text)}

    assert used
    assert used <= exposed_series()


def test_panels_do_not_lie_on_each_other(dashboard: Dashboard) -> None:
    places = [
        (column, line)
        for panel in dashboard["panels"]
        for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for line in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(places) == len(set(places))
    assert max(column for column, _ in places) < 24


def test_grafana_finds_it_by_its_label(config_map: dict[str, Any]) -> None:
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
