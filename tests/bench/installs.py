"""Install, use at once, uninstall, again and again: how long it takes until everything is ready, and whether it is.

At once after `helm install --wait` a Prompt is applied, and one with a broken template: the API server must have asked the
webhook about both. `failurePolicy: Ignore` would hide that it could not, as with a certificate it does not believe (x509),
so it is counted by the API server's own metric.
    PYTHONPATH=. python tests/bench/installs.py [--times 20]
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from pathlib import Path

from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.layout import ROOT
from tests.e2e.cluster.sessions import real_pods_cluster
from tests.e2e.release import NAMESPACE, Release
from tests.support.manifests import sourced

_UNASKED = re.compile(
    r"^apiserver_admission_webhook_(?:fail_open_count|rejection_count\{error_type=\"calling_webhook)"
    r"[^ ]*promptops[^ ]* ([0-9.]+)$",
    re.MULTILINE,
)


def main() -> None:
    """Print the seconds of each installation, and fail when a Prompt was not judged by the webhook."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    with real_pods_cluster(DevSettings.from_environment(), Progress()) as cluster:
        cluster.kubectl("create", "namespace", NAMESPACE)
        seconds, wrong = measure(cluster, times)
    print(f"helm install --wait, {times} times: median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s")
    print(f"Prompts applied at once that the webhook did not judge: {len(wrong)}", *wrong, sep="\n  ")
    sys.exit(bool(wrong))


def measure(cluster: Cluster, times: int) -> tuple[list[float], list[str]]:
    """Return how long each installation took, and what went wrong at once after it."""
    release, seconds, wrong = Release(cluster, Path(ROOT) / "helm" / "promptops"), [], []
    for number in range(1, times + 1):
        release.forget()
        seconds.append(release.install())
        wrong += [f"{number}: {problem}" for problem in use(cluster)]
        begun = time.monotonic()
        release.uninstall()
        print(
            f"{number:3}  installed in {seconds[-1]:5.1f} s, uninstalled in {time.monotonic() - begun:4.1f} s",
            flush=True,
        )
    return seconds, wrong


def use(cluster: Cluster) -> list[str]:
    """Apply a good and a broken Prompt; return what is not as it should be."""
    before = unasked(cluster)
    good = cluster.kubectl("apply", "-f=-", input=json.dumps(sourced("good", "Hello")), check=False)
    broken = cluster.kubectl("apply", "-f=-", input=json.dumps(sourced("broken", "Hello\n{{ nme }}")), check=False)
    after = unasked(cluster)
    ready = cluster.kubectl("wait", "prompt/good", "--for=condition=Ready", "--timeout=30s", check=False)
    cluster.kubectl("delete", "prompts,promptversions", "--all")
    problems = {
        f"a good Prompt: {good.stderr}": good.returncode != 0 or bool(good.stderr),
        f"a broken Prompt: {broken.stdout}{broken.stderr}": "line 2, column 4" not in broken.stderr,
        f"calls that failed: {after - before}": after != before,
        f"the good Prompt: {ready.stderr}": ready.returncode != 0,
    }
    return [problem for problem, is_there in problems.items() if is_there]


def unasked(cluster: Cluster) -> float:
    """Return how often the API server could not call a webhook of ours."""
    metrics = cluster.kubectl("get", "--raw=/metrics").stdout
    return sum(float(value) for value in _UNASKED.findall(metrics))


if __name__ == "__main__":
    main()
