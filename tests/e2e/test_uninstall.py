"""What an uninstalled release leaves behind, compared with what was in the cluster before it came."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.release import NAMESPACE, Release
from tests.support.manifests import sourced
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300, func_only=True)]

_COMES_AND_GOES = ("events", "events.events.k8s.io", "componentstatuses", "nodes")
_COLUMNS = "-o=custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name"
KEPT = {
    # Deleting a definition deletes every prompt of every namespace.
    "CustomResourceDefinition <none> prompts.promptops.io",
    "CustomResourceDefinition <none> promptversions.promptops.io",
    "CustomResourceDefinition <none> tenants.promptops.io",
    # The next installation signs with the keys that sidecars trust, and counts on from where this one ended.
    f"Lease {NAMESPACE} promptops",
    f"Secret {NAMESPACE} promptops-keys",
    # What the operator wrote itself: helm knows nothing of them.
    f"Secret {NAMESPACE} promptops-relay",
    f"Secret {NAMESPACE} promptops-webhook",
    f"ConfigMap {NAMESPACE} promptops-trust",
}


def test_an_uninstalled_release_leaves_definitions_and_keys_alone(cluster: Cluster, release: Release) -> None:
    release.uninstall()
    before = inventory(cluster)
    release.install()

    release.uninstall()

    # Pods are still ending when the Deployment is gone.
    wait_until(lambda: inventory(cluster) - before <= KEPT, "nothing else is left")
    assert inventory(cluster) >= KEPT


def test_kept_definitions_are_adopted_by_the_next_release(release: Release) -> None:
    seconds = release.install()

    restarts = [pod["status"]["containerStatuses"][0]["restartCount"] for pod in release.operator_pods()]
    print(f"ready after {seconds:.1f} s")
    assert restarts == [0, 0]


def test_at_once_the_api_server_can_call_the_webhook(cluster: Cluster, release: Release, namespace: str) -> None:
    broken = json.dumps(sourced("broken", "Hello\n{{ nme }}"))

    done = cluster.kubectl("apply", f"-n={namespace}", "-f=-", input=broken, check=False)

    assert "spec.source.content.text: line 2, column 4" in done.stderr, "it is asked, and what it says is heard"


def inventory(cluster: Cluster) -> set[str]:
    """Return every object in the cluster, as `KIND NAMESPACE NAME`."""
    listed = cluster.kubectl("api-resources", "--verbs=list", "-o=name").stdout.split()
    kinds = ",".join(kind for kind in listed if kind not in _COMES_AND_GOES)
    rows = cluster.kubectl("get", kinds, "--all-namespaces", "--no-headers", _COLUMNS).stdout.splitlines()
    return {" ".join(row.split()) for row in rows}
