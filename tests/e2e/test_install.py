"""The chart on a real node: the operator comes up under its own rights and does its work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.release import NAMESPACE, Release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300, func_only=True)]

_WRITABLE = "import os; print([path for path in ('/', '/opt/promptops', '/etc', '/tmp') if os.access(path, os.W_OK)])"


@pytest.fixture(scope="module")
def greeting(cluster: Cluster, release: Release, namespace: str, root: Path) -> Iterator[str]:
    """The namespace in which the sample with two versions is applied and ready."""
    sample = f"-f={root / 'manifests' / 'samples' / 'greeting.yaml'}"
    cluster.kubectl("apply", f"-n={namespace}", sample)
    cluster.kubectl("wait", f"-n={namespace}", "--for=condition=Ready", "prompt/greeting", "--timeout=60s")
    yield namespace
    cluster.kubectl("delete", f"-n={namespace}", sample)


def test_the_operator_is_ready_at_its_first_start(release: Release) -> None:
    pod, _ = release.operator_pods()

    (container,) = pod["status"]["containerStatuses"]
    assert (container["ready"], container["restartCount"]) == (True, 0)


def test_the_operator_has_no_rights_on_its_node(release: Release) -> None:
    pod, _ = release.operator_pods()
    (container,) = pod["spec"]["containers"]

    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert release.in_operator("import os; print(os.getuid(), os.getgid())") == "65532 65532"


def test_the_operator_may_write_to_its_temporary_folder_alone(release: Release) -> None:
    assert release.in_operator(_WRITABLE) == "['/tmp']"


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        pytest.param("update", "prompts.promptops.io --subresource=status", True, id="writes a prompt's status"),
        pytest.param("update", "prompts.promptops.io", False, id="never writes a prompt"),
        pytest.param("create", "promptversions.promptops.io", True, id="makes versions"),
        pytest.param("list", "secrets", False, id="reads no secrets of others"),
    ],
)
def test_rights_of_the_operator(cluster: Cluster, release: Release, verb: str, resource: str, allowed: bool) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:promptops"

    answered = cluster.kubectl("auth", "can-i", verb, *resource.split(), account, "--all-namespaces", check=False)

    assert answered.stdout.strip() == ("yes" if allowed else "no")


def test_the_operator_leads_and_made_its_keys(cluster: Cluster, release: Release) -> None:
    lease = json.loads(cluster.kubectl("get", "lease/promptops", f"-n={NAMESPACE}", "-o=json").stdout)

    assert lease["spec"]["holderIdentity"].startswith("promptops-"), "the pod, and a word for the process"
    cluster.kubectl("get", "secret/promptops-keys", f"-n={NAMESPACE}")


def test_a_prompt_becomes_ready(cluster: Cluster, greeting: str) -> None:
    prompt = json.loads(cluster.kubectl("get", "prompt/greeting", f"-n={greeting}", "-o=json").stdout)

    assert prompt["status"]["serving"]["stable"]["version"] == prompt["spec"]["activeVersion"]


def test_columns_say_what_is_served(cluster: Cluster, greeting: str) -> None:
    header, row = cluster.kubectl("get", "prompts", f"-n={greeting}").stdout.splitlines()

    assert header.split() == ["NAME", "DESIRED", "SERVING", "SERVED", "READY", "REASON", "AGE"]
    assert row.split()[:3] == ["greeting", "1.0.0", "1.0.0"]
    assert "True" in row.split()


def test_an_activation_is_decided(cluster: Cluster, greeting: str) -> None:
    edit = json.dumps({"spec": {"activeVersion": "1.1.0"}})
    served = "--for=jsonpath={.status.serving.stable.version}=1.1.0"

    cluster.kubectl("patch", "prompt/greeting", f"-n={greeting}", "--type=merge", f"--patch={edit}")

    cluster.kubectl("wait", "prompt/greeting", f"-n={greeting}", served, "--timeout=30s")


def test_an_upgrade_replaces_the_operator_and_writes_nothing(cluster: Cluster, release: Release, greeting: str) -> None:
    before = release.operator_pods()
    written = _resource_version(cluster, greeting)

    release.upgrade("podAnnotations.upgraded=yes")

    after = [pod for pod in release.operator_pods() if "deletionTimestamp" not in pod["metadata"]]
    assert not {pod["metadata"]["uid"] for pod in after} & {pod["metadata"]["uid"] for pod in before}
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in after] == [0, 0]
    assert _resource_version(cluster, greeting) == written


def _resource_version(cluster: Cluster, namespace: str) -> str:
    return cluster.kubectl(
        "get", "prompt/greeting", f"-n={namespace}", "-o=jsonpath={.metadata.resourceVersion}"
    ).stdout
