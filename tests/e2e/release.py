"""The chart's release, handled with the real helm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.images import REPOSITORIES

NAME = "promptops"
NAMESPACE = "promptops-system"
_SELECTOR = "-l=app.kubernetes.io/name=promptops,app.kubernetes.io/component=operator"


class Release:
    """One installation of the chart."""

    def __init__(self, cluster: Cluster, chart: Path) -> None:
        self._cluster = cluster
        self._chart = chart

    def install(self) -> None:
        """Install and wait until the operator is ready."""
        self._cluster.helm("install", NAME, str(self._chart), *self._options())

    def upgrade(self, *values: str) -> None:
        """Upgrade with other values and wait until the operator is ready."""
        self._cluster.helm("upgrade", NAME, str(self._chart), *self._options(), *(f"--set={value}" for value in values))

    def uninstall(self) -> None:
        """Uninstall and wait until everything of the release is gone; it may be gone already."""
        self._cluster.helm(
            "uninstall", NAME, f"--namespace={NAMESPACE}", "--wait", "--timeout=2m", "--ignore-not-found"
        )

    def operator_pods(self) -> list[dict[str, Any]]:
        """Return the operator's pods."""
        listed = self._cluster.kubectl("get", "pods", f"-n={NAMESPACE}", _SELECTOR, "-o=json")
        return list(json.loads(listed.stdout)["items"])

    def in_operator(self, code: str) -> str:
        """Run Python code in the operator's pod, as the operator would; return what it prints."""
        python = ("exec", f"-n={NAMESPACE}", "deployment/promptops", "--", "python", "-c", code)
        return self._cluster.kubectl(*python).stdout.strip()

    def _options(self) -> tuple[str, ...]:
        image = (f"--set=image.repository={REPOSITORIES['operator']}", f"--set=image.tag={self._cluster.images.tag}")
        sidecar = f"--set=injection.image.repository={REPOSITORIES['sidecar']}"
        return (f"--namespace={NAMESPACE}", "--wait", "--timeout=2m", *image, sidecar)
