"""A real Prometheus scrapes a real operator and a real sidecar, and the alert fires on real failing renders."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from promptops.dev.ports import free_ports
from promptops.dev.stack import Stack
from tests.support.manifests import sourced, tenant
from tests.support.waiting import wait_until

IMPATIENT = (
    "monitoring.prometheusRule.window=10s",
    "monitoring.prometheusRule.minimumRenders=5",
    "monitoring.prometheusRule.highErrorRate.for=2s",
    "monitoring.prometheusRule.noLeader.for=2s",
)


class Prometheus:
    """A running Prometheus and its API."""

    def __init__(self, url: str) -> None:
        self._api = httpx.Client(base_url=url, trust_env=False)

    def is_ready(self) -> bool:
        """Tell whether it answers."""
        try:
            return self._api.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> dict[str, float]:
        """Return the values of an expression by the label `job`."""
        answer = self._api.get("/api/v1/query", params={"query": expression}).raise_for_status().json()
        return {series["metric"].get("job", ""): float(series["value"][1]) for series in answer["data"]["result"]}

    def firing(self) -> list[dict[str, Any]]:
        """Return the alerts that fire now."""
        alerts = self._api.get("/api/v1/alerts").raise_for_status().json()["data"]["alerts"]
        return [alert for alert in alerts if alert["state"] == "firing"]

    def firing_for(self, prompt: str) -> list[str]:
        """Return the names of the alerts that fire for a prompt."""
        return [alert["labels"]["alertname"] for alert in self.firing() if alert["labels"].get("prompt") == prompt]


@pytest.fixture
def prometheus(
    stack: Stack, binary: Callable[[str], Path], render_rules: Callable[..., str], tmp_path: Path
) -> Iterator[Prometheus]:
    """Prometheus, with the chart's rules made impatient and the labels that a PodMonitor gives."""
    (port,) = free_ports(1)
    (tmp_path / "rules.yaml").write_text(render_rules(*IMPATIENT))
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(_configuration(stack)))
    command = [str(binary("prometheus")), "--config.file=prometheus.yaml", "--storage.tsdb.path=data"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    running = Prometheus(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: running.is_ready() or process.poll() is not None, "prometheus is ready")
        assert process.poll() is None, (tmp_path / "log").read_text()
        yield running
    finally:
        process.terminate()
        process.wait()


def _configuration(stack: Stack) -> dict[str, Any]:
    assert stack.operator
    targets = {
        "operator": (stack.operator.operations_url, "promptops-system"),
        "sidecar": (stack.sidecar.operations_url, stack.sidecar.namespace),
    }
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [{"targets": [url.removeprefix("http://")], "labels": {"namespace": namespace}}],
            }
            for job, (url, namespace) in targets.items()
        ],
    }


@pytest.fixture
def prompts(stack: Stack) -> Iterator[tuple[str, str]]:
    """Two prompts that are served and need a variable."""
    names = tuple(f"alert-{secrets.token_hex(4)}" for _ in range(2))
    content = {"text": "Hi {{ name }}", "variables": [{"name": "name", "type": "string"}]}
    for name in names:
        stack.plane.kubectl("create", "-n", "default", "-f", "-", input=json.dumps(sourced(name, content)))
    stack.plane.kubectl(
        "wait", "-n", "default", "--for=jsonpath={.status.served}=all", "--timeout=60s", *(f"prompt/{n}" for n in names)
    )
    yield names[0], names[1]
    stack.plane.kubectl("delete", "prompt", "-n", "default", *names)


def test_the_alert_fires_on_failing_renders_and_resolves_on_good_ones(
    stack: Stack, prometheus: Prometheus, prompts: tuple[str, str]
) -> None:
    broken, sound = prompts
    client = httpx.Client(base_url=stack.sidecar.url, trust_env=False)

    def render(prompt: str, **variables: str) -> int:
        return client.post(f"/v1/prompts/{prompt}/render", json={"variables": variables}).status_code

    wait_until(lambda: prometheus.query("up == 1").keys() == {"operator", "sidecar"}, "both are scraped")
    statuses: set[int] = set()

    def render_both() -> None:
        statuses.add(render(broken))
        render(sound, name="Ada")

    wait_until(
        lambda: prometheus.firing_for(broken) == ["high_error_rate"],
        "the alert fires",
        meanwhile=render_both,
    )
    (alert,) = (alert for alert in prometheus.firing() if alert["labels"].get("prompt") == broken)
    wait_until(
        lambda: prometheus.firing_for(broken) == [],
        "the alert resolves",
        meanwhile=lambda: render(broken, name="Ada"),
    )

    assert all(400 <= status < 500 for status in statuses)
    assert alert["labels"] == {
        "alertname": "high_error_rate",
        "namespace": "default",
        "prompt": broken,
        "severity": "critical",
    }
    assert alert["annotations"]["description"].startswith(
        f"100% of the renders of prompt {broken} in namespace default fail"
    )
    assert prometheus.firing_for(sound) == []
    assert prometheus.query("promptops_leader") == {"operator": 1.0}
    assert [found for found in prometheus.firing() if found["labels"]["alertname"] == "promptops_no_leader"] == []


def test_what_a_tenant_says_of_alerts_is_there_to_be_scraped_while_it_says_so(
    stack: Stack, stack_namespace: str
) -> None:
    assert stack.operator
    url = f"{stack.operator.operations_url}/metrics"
    says = tenant(f"alerts-{stack_namespace}", stack_namespace)
    says["spec"]["alerts"] = {"errorRatePercent": 25}
    series = f'promptops_alert_threshold{{alert="high_error_rate",consumer_namespace="{stack_namespace}"}} 25.0'

    def is_said() -> bool:
        return series in httpx.get(url, trust_env=False).text

    stack.plane.kubectl("create", "-f", "-", input=json.dumps(says))
    try:
        wait_until(is_said, lambda: httpx.get(url, trust_env=False).text)
    finally:
        stack.plane.kubectl("delete", "tenant", says["metadata"]["name"])

    wait_until(lambda: not is_said())
