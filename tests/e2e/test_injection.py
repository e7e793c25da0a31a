"""An ordinary Deployment that only carries a label: its pods get sidecars, render, and follow what is activated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.release import NAMESPACE, Release
from tests.support.manifests import sourced
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600, func_only=True)]

LABEL = {"promptops.io/inject": "true"}
_WAIT = ("python", "-c", "import signal; signal.sigwait([signal.SIGTERM])")
_RENDER = """
import os, sys
from promptops.client import SyncPromptOpsClient
places = {"url": {"base_url": os.environ["PROMPTOPS_URL"]}, "socket": {"socket": os.environ["PROMPTOPS_SOCKET"]}, "found": {}}
for name, place in places.items():
    with SyncPromptOpsClient(**place) as client:
        print(name, client.render_prompt(prompt_id="greeting", variables={"name": "Ada"}).version)
"""
_LEFT = """
from promptops.client import PromptNotFoundError, SyncPromptOpsClient
with SyncPromptOpsClient() as client:
    try:
        print(client.render_prompt(prompt_id="passing").version)
    except PromptNotFoundError as error:
        print(error.error_code)
"""
_TOKEN = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
APP = "app"
WEBHOOKS = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
POLICIES = (
    "validatingadmissionpolicies,validatingadmissionpolicybindings,"
    "mutatingadmissionpolicies,mutatingadmissionpolicybindings"
)
REPLICAS = 3


def labelled(cluster: Cluster, name: str) -> pods.Manifest:
    """A pod whose application waits, and that asks for a sidecar."""
    made = pods.pod(name, cluster.images.name("sidecar"), command=_WAIT)
    made["metadata"]["labels"] = LABEL | {"app": name}
    # Not the sidecar's user: the socket is for whoever sees it.
    made["spec"]["securityContext"] |= {"runAsUser": 1000, "runAsGroup": 1000}
    return made


def deployment(cluster: Cluster) -> pods.Manifest:
    """A Deployment of such pods."""
    pod = labelled(cluster, APP)
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": {"app": APP}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": APP}, "spec": spec}


def sidecars(cluster: Cluster, namespace: str, name: str) -> list[str]:
    """Names of the init containers of a pod."""
    found = json.loads(cluster.kubectl("get", f"pod/{name}", f"-n={namespace}", "-o=json").stdout)
    return [each["name"] for each in found["spec"].get("initContainers", ())]


@pytest.fixture(scope="module")
def application(cluster: Cluster, release: Release, namespace: str, root: Path) -> Iterator[str]:
    """The namespace in which a prompt is applied and the Deployment is ready."""
    sample = f"-f={root / 'manifests' / 'samples' / 'greeting.yaml'}"
    cluster.kubectl("apply", f"-n={namespace}", sample)
    cluster.kubectl("apply", f"-n={namespace}", "-f=-", input=json.dumps(deployment(cluster)))
    cluster.kubectl("rollout", "status", f"-n={namespace}", f"deployment/{APP}", "--timeout=180s")
    cluster.kubectl(
        "wait", "prompt/greeting", f"-n={namespace}", "--for=jsonpath={.status.served}=all", "--timeout=60s"
    )
    yield namespace
    cluster.kubectl("delete", f"-n={namespace}", sample, f"deployment/{APP}", check=False)


def running(cluster: Cluster, namespace: str) -> list[str]:
    """Names of the Deployment's pods."""
    listed = json.loads(cluster.kubectl("get", "pods", f"-n={namespace}", f"-l=app={APP}", "-o=json").stdout)
    return [each["metadata"]["name"] for each in listed["items"] if "deletionTimestamp" not in each["metadata"]]


def rendered(cluster: Cluster, namespace: str) -> set[str]:
    """What the client says in every pod, over every way to its sidecar."""
    names = running(cluster, namespace)
    assert len(names) == REPLICAS
    return {line for name in names for line in pods.python(cluster, namespace, name, _RENDER).splitlines()}


def test_every_pod_renders_over_address_and_socket(cluster: Cluster, application: str) -> None:
    assert rendered(cluster, application) == {"url 1.0.0", "socket 1.0.0", "found 1.0.0"}


def test_an_activation_reaches_all_of_them(cluster: Cluster, application: str) -> None:
    edit = json.dumps({"spec": {"activeVersion": "1.1.0"}})

    cluster.kubectl("patch", "prompt/greeting", f"-n={application}", "--type=merge", f"--patch={edit}")
    cluster.kubectl("wait", "prompt/greeting", f"-n={application}", "--for=condition=Converged", "--timeout=60s")

    assert rendered(cluster, application) == {"url 1.1.0", "socket 1.1.0", "found 1.1.0"}
    row = cluster.kubectl("get", "prompt/greeting", f"-n={application}", "--no-headers").stdout.split()
    assert row[:4] == ["greeting", "1.1.0", "1.1.0", "all"]


def test_a_prompt_that_is_deleted_is_rendered_no_more(cluster: Cluster, application: str) -> None:
    passing, name = json.dumps(sourced("passing", "Hello")), running(cluster, application)[0]
    cluster.kubectl("apply", f"-n={application}", "-f=-", input=passing)
    cluster.kubectl(
        "wait", "prompt/passing", f"-n={application}", "--for=jsonpath={.status.served}=all", "--timeout=60s"
    )
    before = pods.python(cluster, application, name, _LEFT)

    cluster.kubectl("delete", "prompt/passing", f"-n={application}")

    after = wait_until(lambda: {pods.python(cluster, application, name, _LEFT)} - {before}, "it is rendered")
    assert (before, after) == ("1.0.0", {"PromptNotFound"})


def test_no_sidecar_holds_a_token_of_the_cluster(cluster: Cluster, application: str) -> None:
    name = running(cluster, application)[0]
    found = json.loads(cluster.kubectl("get", f"pod/{name}", f"-n={application}", "-o=json").stdout)

    (sidecar,) = found["spec"]["initContainers"]
    assert [each["name"] for each in sidecar["volumeMounts"]] == [
        "promptops-feed",
        "promptops-snapshot",
        "promptops-socket",
    ]
    assert pods.python(cluster, application, name, _TOKEN) == "False"


def test_a_broken_template_is_refused_at_apply(cluster: Cluster, application: str) -> None:
    broken = json.dumps(sourced("broken", "Hello\n{{ nme }}"))

    done = cluster.kubectl("apply", f"-n={application}", "-f=-", input=broken, check=False)

    assert done.returncode != 0
    assert "spec.source.content.text: line 2, column 4" in done.stderr


def test_without_the_webhook_pods_are_created_without_a_sidecar(cluster: Cluster, application: str) -> None:
    scale = ("scale", f"-n={NAMESPACE}", "deployment/promptops-webhook")
    cluster.kubectl(*scale, "--replicas=0")
    cluster.kubectl("wait", f"-n={NAMESPACE}", "pod", "-l=app.kubernetes.io/component=webhook", "--for=delete")

    pods.run(cluster, application, labelled(cluster, "missed"))
    cluster.kubectl(*scale, "--replicas=2")

    assert sidecars(cluster, application, "missed") == []
    assert len(rendered(cluster, application)) == 3


def test_pods_that_should_serve_and_cannot_are_reported(cluster: Cluster, application: str) -> None:
    mute = pods.pod("mute", cluster.images.name("sidecar"), command=_WAIT)
    mute["metadata"]["labels"] = {"promptops.io/injected": "true"}
    pods.run(cluster, application, mute)
    lacking = "--for=jsonpath={.status.served}=3/5"
    cluster.kubectl("wait", "prompt/greeting", f"-n={application}", lacking, "--timeout=60s")

    converged = "-o=jsonpath={.status.conditions[?(@.type=='Converged')].message}"
    message = cluster.kubectl("get", "prompt/greeting", f"-n={application}", converged).stdout
    about = f"--field-selector=reason=InjectionMissed,involvedObject.name={application}"

    def events() -> list[str]:
        return cluster.kubectl("get", "events", "-n=default", about, "--no-headers").stdout.splitlines()

    told = wait_until(events, "the Event")
    cluster.kubectl("delete", "pod/missed", "pod/mute", f"-n={application}", "--grace-period=1")

    assert message.startswith("3 of 5 instances serve revision 2")
    assert "1 pod asks for a sidecar and has none" in message
    assert "the sidecar of 1 pod has never reported" in message
    assert len(told) == 1


def test_a_policy_injects_without_any_webhook(cluster: Cluster, release: Release, application: str) -> None:
    release.upgrade("injection.mode=policy", "admission.enabled=false")

    def injected() -> bool:
        manifest = json.dumps(labelled(cluster, "by-policy"))
        made = cluster.kubectl(
            "create", f"-n={application}", "--dry-run=server", "-o=json", "-f=-", input=manifest
        ).stdout
        return "initContainers" in json.loads(made)["spec"]

    wait_until(injected)  # the API server takes a moment to hear of a policy
    pods.run(cluster, application, labelled(cluster, "by-policy"))

    assert sidecars(cluster, application, "by-policy") == ["promptops"]
    assert ours(cluster, WEBHOOKS) == []
    assert "found 1.1.0" in pods.python(cluster, application, "by-policy", _RENDER)


def test_after_uninstalling_sidecars_keep_serving(cluster: Cluster, release: Release, application: str) -> None:
    release.uninstall()

    assert rendered(cluster, application) == {"url 1.1.0", "socket 1.1.0", "found 1.1.0"}
    assert ours(cluster, f"{WEBHOOKS},{POLICIES}") == []


def test_a_namespace_goes_without_the_operator(cluster: Cluster, application: str) -> None:
    cluster.kubectl("delete", "namespace", application, "--wait=false")

    cluster.kubectl("wait", f"namespace/{application}", "--for=delete", "--timeout=30s")


def ours(cluster: Cluster, kinds: str) -> list[Any]:
    """Names of every object of ours of these kinds in the cluster."""
    listed = json.loads(cluster.kubectl("get", kinds, "-o=json").stdout)["items"]
    return [each["metadata"]["name"] for each in listed if "promptops" in each["metadata"]["name"]]
