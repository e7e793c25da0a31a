"""The alerts as Prometheus reads them: taken out of the PrometheusRule that the chart renders."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

MONITORING = ("podMonitor", "prometheusRule")


@pytest.fixture(scope="session")
def render_rules(root: Path, binary: Callable[[str], Path]) -> Callable[..., str]:
    """Return the text of a Prometheus rule file, rendered with `name=value` settings of the chart."""

    def render(*values: str) -> str:
        enabled = [f"monitoring.{kind}.enabled=true" for kind in MONITORING]
        settings = [f"--set={value}" for value in (*enabled, *values)]
        command = (str(binary("helm")), "template", "promptops", str(root / "helm" / "promptops"), *settings)
        rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        (rule,) = (found for found in yaml.safe_load_all(rendered) if found and found["kind"] == "PrometheusRule")
        return yaml.safe_dump(rule["spec"], sort_keys=False, width=1000)

    return render
