"""The alerts as Prometheus reads them: taken out of the PrometheusRule that the chart renders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.helm.command import Helm

RUNBOOKS = "monitoring.prometheusRule.runbookUrl=https://git.example.com/runbooks"


@pytest.fixture(scope="session")
def render_rules(
    root: Path, binary: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Return the text of a Prometheus rule file, rendered with `name=value` settings of the chart."""
    helm = Helm(binary("helm"), root / "helm" / "promptops", tmp_path_factory.mktemp("helm"))

    def render(*values: str) -> str:
        enabled = ("monitoring.podMonitor.enabled=true", "monitoring.prometheusRule.enabled=true", RUNBOOKS)
        (rule,) = (found for found in helm.render(*enabled, *values) if found["kind"] == "PrometheusRule")
        return yaml.safe_dump(rule["spec"], sort_keys=False, width=1000)

    return render
