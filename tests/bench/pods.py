"""From an edit to its being there in pods under a real kubelet: an activation, beside a ConfigMap that is mounted.

Both change in turn, in one run on one node: what is activated is there when the last of three pods renders it, and a
ConfigMap when the file in its pod says so. Prints p50, p99 and worst of both.
    PYTHONPATH=. python tests/bench/pods.py [--activations 200]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.layout import ROOT
from tests.e2e.cluster.sessions import real_pods_cluster
from tests.e2e.release import NAMESPACE, Release
from tests.support.waiting import wait_until

REPLICAS = 3
READERS = 10
"""Pods that ConfigMaps are mounted into; each kubelet looks after a pod every minute or so, at a moment of its own."""
BETWEEN_SECONDS = 0.5
_MERGE = "application/merge-patch+json"
_PROMPT = "/apis/promptops.io/v1alpha1/namespaces/default/prompts/greeting"
_RENDERING = """
import time
from promptops.client import SyncPromptOpsClient
client, before = SyncPromptOpsClient(), None
while True:
    version = client.render_prompt("greeting", {"name": "Ada"}).version
    if version != before:
        print(version, time.time(), flush=True)
        before = version
    time.sleep(0.005)
"""
_READING = """
import time
from pathlib import Path
before = {}
while True:
    for path in Path("/maps").glob("*/value"):
        text = path.read_text()
        if before.setdefault(path, text) != text:
            print(path.parent.name, time.time(), flush=True)
            before[path] = text
    time.sleep(0.02)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--activations", type=int, default=200)
    count = parser.parse_args().activations
    with real_pods_cluster(DevSettings.from_environment(), Progress()) as cluster:
        prepare(cluster, count)
        began = asyncio.run(change(cluster, count))
        activations = [served - begun for begun, served in zip(began, served_at(cluster, count), strict=True)]
        maps = mounted_at(cluster, count)
        files = [maps[str(number)] - begun for number, begun in enumerate(began)]
    print(f"{'':34}     p50       p99     worst")
    print(row(f"activation, in {REPLICAS} pods", activations))
    print(row("ConfigMap, mounted into 1 pod", files))


def row(name: str, seconds: Sequence[float]) -> str:
    """Return one line of the table."""
    figures = (statistics.median(seconds), statistics.quantiles(seconds, n=100, method="inclusive")[-1], max(seconds))
    return f"{name:26} {len(seconds):5} x " + "".join(f"{1000 * each:7.0f} ms" for each in figures)


def prepare(cluster: Cluster, count: int) -> None:
    """Install, and start the pods that look."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    Release(cluster, Path(ROOT) / "helm" / "promptops").install()
    cluster.kubectl("apply", f"-f={Path(ROOT) / 'manifests' / 'samples' / 'greeting.yaml'}")
    maps = [config_map(str(number)) for number in range(count)]
    made = [*maps, *(reader(cluster, number, count) for number in range(READERS)), rendering(cluster)]
    cluster.kubectl("apply", "-f=-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))
    cluster.kubectl("wait", "pods", "--all", "--for=condition=Ready", "--timeout=180s", within=200)
    cluster.kubectl("rollout", "status", "deployment/rendering", "--timeout=120s")
    wait_until(lambda: all(lines(cluster, name) for name in renderers(cluster)))


def config_map(name: str) -> pods.Manifest:
    """A ConfigMap that changes once."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"map-{name}"}, "data": {"value": "before"}}


def reader(cluster: Cluster, number: int, count: int) -> pods.Manifest:
    """A pod that reads its share of the ConfigMaps."""
    made = pods.pod(f"reader-{number}", cluster.images.name("sidecar"), command=("python", "-c", _READING))
    names = [str(each) for each in range(number, count, READERS)]
    made["spec"]["volumes"] = [{"name": f"map-{name}", "configMap": {"name": f"map-{name}"}} for name in names]
    made["spec"]["containers"][0]["volumeMounts"] = [
        {"name": f"map-{name}", "mountPath": f"/maps/{name}"} for name in names
    ]
    return made


def rendering(cluster: Cluster) -> pods.Manifest:
    """A Deployment of pods that render with a sidecar."""
    pod = pods.pod("rendering", cluster.images.name("sidecar"), command=("python", "-c", _RENDERING))
    labels = {"app": "rendering", "promptops.io/inject": "true"}
    template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": {"app": "rendering"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "rendering"}, "spec": spec}


async def change(cluster: Cluster, count: int) -> list[float]:
    """Activate and change a ConfigMap, so many times; return when each began."""
    client = Client(await Connection.open(cluster.kubeconfig))
    began: list[float] = []
    for number in range(count):
        path = f"/api/v1/namespaces/default/configmaps/map-{number}"
        edit = {"spec": {"activeVersion": "1.0.0" if number % 2 else "1.1.0"}}
        began.append(time.time())
        await asyncio.gather(
            client.call("activate", "PATCH", _PROMPT, body=edit, content_type=_MERGE),
            client.call("change", "PATCH", path, body={"data": {"value": "after"}}, content_type=_MERGE),
        )
        await asyncio.sleep(BETWEEN_SECONDS)
    await client.close()
    return began


def served_at(cluster: Cluster, count: int) -> list[float]:
    """Return when the last pod rendered what each activation asked for."""
    # The first line says what was there before.
    seen = [[float(at) for _, at in lines(cluster, name)[1:]] for name in renderers(cluster)]
    assert [len(each) for each in seen] == [count] * REPLICAS
    return [max(moments) for moments in zip(*seen, strict=True)]


def mounted_at(cluster: Cluster, count: int) -> dict[str, float]:
    """Wait until every ConfigMap has reached its pod; return when each did."""

    def reached() -> dict[str, float]:
        return {
            name: float(at) for number in range(READERS) for name, at in reversed(lines(cluster, f"reader-{number}"))
        }

    wait_until(lambda: len(reached()) == count, within=300)
    return reached()


def renderers(cluster: Cluster) -> list[str]:
    """Names of the pods that render."""
    listed: dict[str, Any] = json.loads(cluster.kubectl("get", "pods", "-l=app=rendering", "-o=json").stdout)
    return [each["metadata"]["name"] for each in listed["items"]]


def lines(cluster: Cluster, pod: str) -> list[tuple[str, str]]:
    """What a pod has printed: a word and a time in each line."""
    printed = cluster.kubectl("logs", pod, "--container=main").stdout.splitlines()
    return [(word, at) for word, _, at in (line.partition(" ") for line in printed)]


if __name__ == "__main__":
    main()
