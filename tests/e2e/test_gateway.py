"""A pod that has no sidecar renders through a gateway, as the guide says: over HTTPS, with a token of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.release import NAMESPACE, Release
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300, func_only=True)]

GUIDE = "docs/guides/high-availability.md"
CALLER = "caller"
_WAIT = ("python", "-c", "import signal; signal.sigwait([signal.SIGTERM])")
_RENDER = """
import json, pathlib, ssl, sys, urllib.error, urllib.request
_, authorities, token = sys.argv
url = "https://promptops-gateway.promptops-system.svc/v1/prompts/greeting/render"
token = token or pathlib.Path("/var/run/promptops/token").read_text()
headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
body = json.dumps({"variables": {"name": "Ada"}}).encode()
asked = urllib.request.Request(url, data=body, headers=headers)
try:
    with urllib.request.urlopen(asked, context=ssl.create_default_context(cadata=authorities)) as answer:
        said = json.load(answer)
        print(answer.status, said["version"], "Ada" in said["rendered_content"])
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["code"])
"""


@pytest.fixture(scope="module")
def caller(cluster: Cluster, system_namespace: str, namespace: str, root: Path) -> Iterator[str]:
    """The namespace of a pod with a token in the volume that the guide describes, and of a prompt; a gateway is installed."""
    release = Release(cluster, root / "helm" / "promptops")
    release.install("gateway.replicas=2")
    cluster.kubectl("apply", f"-n={namespace}", f"-f={root / 'manifests' / 'samples' / 'greeting.yaml'}")
    pod = pods.pod(CALLER, cluster.images.name("sidecar"), command=_WAIT)
    block = (root / GUIDE).read_text().partition("```yaml\nvolumes:\n")[2].partition("```")[0]
    (volume,) = pod["spec"]["volumes"] = yaml.safe_load(block)
    mount = {"name": volume["name"], "mountPath": "/var/run/promptops", "readOnly": True}
    pod["spec"]["containers"][0]["volumeMounts"] = [mount]
    pods.run(cluster, namespace, pod)
    yield namespace
    cluster.kubectl("delete", f"-n={namespace}", f"pod/{CALLER}", "--grace-period=1", "--wait=false")
    release.uninstall()


def rendered(cluster: Cluster, namespace: str, token: str = "") -> str:
    """What the gateway answers the pod: status, version, and whether the text is the prompt's."""
    said = cluster.kubectl("get", "configmap/promptops-trust", f"-n={NAMESPACE}", "-o=jsonpath={.data.trust\\.json}")
    try:
        return pods.python(cluster, namespace, CALLER, _RENDER, json.loads(said.stdout)["ca"], token)
    except ClusterError as error:
        return str(error)


def test_it_renders_what_its_namespace_serves(cluster: Cluster, caller: str) -> None:
    wait_until(lambda: rendered(cluster, caller) == "200 1.0.0 True", lambda: rendered(cluster, caller))


def test_an_activation_reaches_its_callers(cluster: Cluster, caller: str) -> None:
    edit = json.dumps({"spec": {"activeVersion": "1.1.0"}})

    cluster.kubectl("patch", "prompt/greeting", f"-n={caller}", "--type=merge", f"--patch={edit}")

    wait_until(lambda: rendered(cluster, caller) == "200 1.1.0 True", lambda: rendered(cluster, caller))


def test_another_token_is_none(cluster: Cluster, caller: str) -> None:
    api_server = cluster.kubectl("create", "token", "default", f"-n={caller}").stdout.strip()

    assert rendered(cluster, caller, api_server) == "401 Unauthenticated"
