"""The chart's release, handled with the real helm."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.images import REPOSITORIES
from tests.support.waiting import wait_until

NAME = "promptops"
NAMESPACE = "promptops-system"
OPERATORS = "-l=app.kubernetes.io/name=promptops,app.kubernetes.io/component=operator"


class Release:
    """One installation of the chart."""

    def __init__(self, cluster: Cluster, chart: Path) -> None:
        self._cluster = cluster
        self._chart = chart

    def install(self, *values: str) -> float:
        """Install and wait until everything is ready; return how many seconds that took."""
        begun = time.monotonic()
        self._cluster.helm("install", NAME, str(self._chart), *self._options(), *_set(values))
        return time.monotonic() - begun

    def upgrade(self, *values: str, chart: Path | None = None) -> None:
        """Upgrade with other values, or to another chart, and wait until everything is ready."""
        self._cluster.helm("upgrade", NAME, str(chart or self._chart), *self._options(), *_set(values))

    def rollback(self) -> None:
        """Go back to the revision before and wait until everything is ready."""
        self._cluster.helm("rollback", NAME, f"--namespace={NAMESPACE}", "--wait", "--timeout=2m")

    def tested(self) -> str:
        """Return what `helm test` says; it must have succeeded."""
        return self._cluster.helm("test", NAME, f"--namespace={NAMESPACE}", "--timeout=2m").stdout

    def uninstall(self) -> None:
        """Uninstall and wait until everything of the release is gone; it may be gone already."""
        self._cluster.helm(
            "uninstall", NAME, f"--namespace={NAMESPACE}", "--wait", "--timeout=2m", "--ignore-not-found"
        )

    def forget(self) -> None:
        """Remove what an uninstalled release leaves in its namespace, so that the next one makes new keys."""
        # Whoever still runs may write some of it again.
        self._cluster.kubectl(
            "wait", f"-n={NAMESPACE}", "pods", OPERATORS, "--for=delete", "--timeout=60s", check=False
        )
        secrets = (f"secret/{name}" for name in ("promptops-keys", "promptops-webhook", "promptops-relay"))
        left = (*secrets, "configmap/promptops-trust", "lease/promptops")
        self._cluster.kubectl("delete", f"-n={NAMESPACE}", *left, "--ignore-not-found")

    def operator_pods(self) -> list[dict[str, Any]]:
        """Return the operator's pods, those that are ending left out, once each has an address and says how its containers are."""

        def said() -> list[dict[str, Any]]:
            there = self._operator_pods()
            statuses = [pod.get("status", {}) for pod in there]
            return there if all({"podIP", "containerStatuses"} <= each.keys() for each in statuses) else []

        return wait_until(said, self._operator_pods)

    def _operator_pods(self) -> list[dict[str, Any]]:
        listed = self._cluster.kubectl("get", "pods", f"-n={NAMESPACE}", OPERATORS, "-o=json")
        return [pod for pod in json.loads(listed.stdout)["items"] if "deletionTimestamp" not in pod["metadata"]]

    def in_operator(self, code: str) -> str:
        """Run Python code in the operator's pod, as the operator would; return what it prints."""
        python = ("exec", f"-n={NAMESPACE}", "deployment/promptops", "--", "python", "-c", code)
        return self._cluster.kubectl(*python).stdout.strip()

    def _options(self) -> tuple[str, ...]:
        image = (f"--set=image.repository={REPOSITORIES['operator']}", f"--set=image.tag={self._cluster.images.tag}")
        sidecar = f"--set=injection.image.repository={REPOSITORIES['sidecar']}"
        return (f"--namespace={NAMESPACE}", "--wait", "--timeout=2m", *image, sidecar)


def _set(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"--set={value}" for value in values)
