"""A sidecar on a mounted ConfigMap of manifests, with no operator in the cluster: it renders, and follows edits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300, func_only=True)]

_OPERATIONS = {"port": 8182, "scheme": "HTTP"}
_PROBES = {
    "startupProbe": {"httpGet": {"path": "/startupz", **_OPERATIONS}, "periodSeconds": 1, "failureThreshold": 30},
    "readinessProbe": {"httpGet": {"path": "/readyz", **_OPERATIONS}, "periodSeconds": 1},
}
_PROBED = {"PROMPTOPS_OPERATIONS_ADDRESS": "0.0.0.0:8182"}
"""Over a directory the operations listener is on loopback, where the kubelet does not reach it."""
_RENDER = """
import json, sys, urllib.request
body = json.dumps({"variables": json.loads(sys.argv[2])}).encode()
call = urllib.request.Request(f"http://127.0.0.1:8181/v1/prompts/{sys.argv[1]}/render", body, {"content-type": "application/json"})
print(urllib.request.urlopen(call, timeout=5).read().decode())
"""
_MANIFESTS = """
apiVersion: promptops.io/v1alpha1
kind: Prompt
metadata: {name: hello}
spec: {activeVersion: %s}
---
apiVersion: promptops.io/v1alpha1
kind: PromptVersion
metadata: {name: hello-1.0.0}
spec:
  promptRef: {name: hello}
  version: 1.0.0
  content: {text: "Hello {{ name }}.", variables: [{name: name, type: string}]}
---
apiVersion: promptops.io/v1alpha1
kind: PromptVersion
metadata: {name: hello-1.0.1}
spec:
  promptRef: {name: hello}
  version: 1.0.1
  content: {text: "Good evening, {{ name }}.", variables: [{name: name, type: string}]}
"""


@pytest.fixture(scope="module")
def sidecar(cluster: Cluster, namespace: str) -> str:
    """The name of a pod with a sidecar that holds one prompt."""
    _write_manifests(cluster, namespace, active="1.0.0")
    image = cluster.images.name("sidecar")
    manifest = pods.pod(
        "sidecar",
        image,
        arguments=("sidecar", "--directory", "/prompts"),
        config_map="prompts",
        probes=_PROBES,
        environment=_PROBED,
    )
    pods.run(cluster, namespace, manifest)
    return "sidecar"


def test_renders_from_a_mounted_config_map(cluster: Cluster, namespace: str, sidecar: str) -> None:
    answer = json.loads(pods.python(cluster, namespace, sidecar, _RENDER, "hello", '{"name": "Ada"}'))

    assert (answer["rendered_content"], answer["version"], answer["source"]) == ("Hello Ada.", "1.0.0", "directory")


def test_an_activation_in_the_config_map_is_followed(cluster: Cluster, namespace: str, sidecar: str) -> None:
    _write_manifests(cluster, namespace, active="1.0.1")
    # A changed pod is looked at at once; otherwise the kubelet takes up to a minute to bring the files.
    cluster.kubectl("annotate", f"-n={namespace}", f"pod/{sidecar}", "promptops.test/touched=true")

    def activated() -> bool:
        answer = json.loads(pods.python(cluster, namespace, sidecar, _RENDER, "hello", '{"name": "Ada"}'))
        return bool(answer["rendered_content"] == "Good evening, Ada.")

    wait_until(activated, "the sidecar serves the version that was activated", within=150)


def test_the_samples_are_served_as_they_are(cluster: Cluster, namespace: str, root: Path) -> None:
    samples = f"--from-file={root / 'manifests' / 'samples'}"
    cluster.kubectl("create", "configmap", "samples", f"-n={namespace}", samples)
    arguments = ("sidecar", "--directory", "/prompts")
    image = cluster.images.name("sidecar")

    manifest = pods.pod(
        "samples", image, arguments=arguments, config_map="samples", probes=_PROBES, environment=_PROBED
    )
    pods.run(cluster, namespace, manifest)

    answer = json.loads(pods.python(cluster, namespace, "samples", _RENDER, "greeting", '{"name": "Ada"}'))
    assert "Ada" in answer["rendered_content"]


def _write_manifests(cluster: Cluster, namespace: str, *, active: str) -> None:
    files = {"hello.yaml": _MANIFESTS % active}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prompts"}, "data": files}
    cluster.kubectl("apply", f"-n={namespace}", "-f=-", input=json.dumps(manifest))
