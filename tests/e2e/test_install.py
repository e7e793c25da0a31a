"""The chart on a real node: the operator comes up under its own rights and does its work."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.resources import PROMPTS, TENANTS, Resource
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.release import NAMESPACE, Release
from tests.support.manifests import prompt, sourced, tenant
from tests.support.waiting import wait_until

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


def test_the_release_passes_its_own_test(release: Release) -> None:
    said = release.tested()

    assert "Phase:          Succeeded" in said


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


def test_versions_are_made_of_a_source_and_pruned(cluster: Cluster, greeting: str) -> None:
    for number in range(5):
        followed = json.dumps(sourced("followed", f"text {number}", historyLimit=1))
        served = f"--for=jsonpath={{.status.serving.stable.version}}=1.0.{number}"
        cluster.kubectl("apply", f"-n={greeting}", "-f=-", input=followed)
        cluster.kubectl("wait", "prompt/followed", f"-n={greeting}", served, "--timeout=30s")

    def kept() -> list[str]:
        listed = cluster.kubectl("get", "promptversions", f"-n={greeting}", "-o=name").stdout.split()
        return [name.rpartition("/")[2] for name in listed if "followed" in name]

    wait_until(lambda: len(kept()) <= 3 and "followed-1.0.4" in kept(), kept)


def test_what_is_served_stands_in_a_config_map_while_that_is_asked_for(cluster: Cluster, greeting: str) -> None:
    def said() -> str:
        read = ("get", "configmap/shown", f"-n={greeting}", "--ignore-not-found", "-o=jsonpath={.data.text}")
        return str(cluster.kubectl(*read).stdout)

    def shown(*places: dict[str, str]) -> None:
        manifest = json.dumps(sourced("shown", "Hello.", projections=list(places)))
        cluster.kubectl("apply", f"-n={greeting}", "-f=-", input=manifest)

    shown({"configMap": "shown", "key": "text"})
    wait_until(lambda: said() == "Hello.", said)
    shown()
    wait_until(lambda: said() == "", said)


@pytest.mark.parametrize("name", ["promptops-webhook", "promptops-relay"])
def test_a_spoilt_certificate_is_made_anew(cluster: Cluster, release: Release, name: str) -> None:
    secret = (f"secret/{name}", f"-n={NAMESPACE}")
    cluster.kubectl("patch", *secret, '--patch={"stringData": {"tls.crt": "spoilt"}}')
    spoilt = base64.b64encode(b"spoilt").decode()

    wait_until(lambda: cluster.kubectl("get", *secret, "-o=jsonpath={.data['tls\\.crt']}").stdout != spoilt)


def test_a_version_that_is_missing_is_looked_for_once_more_and_named(cluster: Cluster, greeting: str) -> None:
    cluster.kubectl("apply", f"-n={greeting}", "-f=-", input=json.dumps(prompt("early", activeVersion="1.0.0")))

    reason = "--for=jsonpath={.status.conditions[?(@.type=='Ready')].reason}=VersionNotFound"
    cluster.kubectl("wait", "prompt/early", f"-n={greeting}", reason, "--timeout=30s")


@pytest.mark.parametrize(
    ("resource", "edits"),
    [
        pytest.param(PROMPTS, [{"historyLimit": 5 + number} for number in range(20)], id="Prompt"),
        pytest.param(TENANTS, [{"values": {"number": str(number)}} for number in range(20)], id="Tenant"),
    ],
)
def test_what_changes_while_its_status_is_written_is_read_again(
    cluster: Cluster, greeting: str, resource: Resource, edits: list[dict[str, Any]]
) -> None:
    cluster.kubectl("apply", "-f=-", input=json.dumps(tenant("greeting", greeting)))
    path = resource.path(greeting, "greeting")

    def is_read_again() -> bool:
        about = [(each["verb"], each.get("objectRef", {}).get("resource")) for each in cluster.api_server.audited()]
        return ("get", resource.plural) in about

    wait_until(is_read_again, meanwhile=lambda: asyncio.run(edit_at_once(cluster, path, edits)))

    generation = "{.metadata.generation} {.status.observedGeneration}"
    name = f"{resource.plural}/greeting"
    wait_until(lambda: len(set(_printed(cluster, greeting, name, generation).split())) == 1)
    cluster.kubectl("delete", "tenant/greeting")


async def edit_at_once(cluster: Cluster, path: str, edits: list[dict[str, Any]]) -> None:
    """Edit an object's spec several times, as fast as the API server takes it."""
    client = Client(await Connection.open(cluster.kubeconfig))
    for edit in edits:
        await client.call("edit", "PATCH", path, body={"spec": edit}, content_type="application/merge-patch+json")
    await client.close()


def test_an_upgrade_replaces_the_operator_and_writes_nothing(cluster: Cluster, release: Release, greeting: str) -> None:
    # What a leader of less than half a minute has not said yet, it says while the next one comes.
    cluster.kubectl("wait", f"-n={greeting}", "--for=condition=Converged", "prompt/greeting", "--timeout=60s")
    before = release.operator_pods()
    written = _resource_version(cluster, greeting)

    release.upgrade("podAnnotations.upgraded=yes")

    after = release.operator_pods()
    assert not {pod["metadata"]["uid"] for pod in after} & {pod["metadata"]["uid"] for pod in before}
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in after] == [0, 0]
    assert _resource_version(cluster, greeting) == written


def _resource_version(cluster: Cluster, namespace: str) -> str:
    return _printed(cluster, namespace, "prompt/greeting", "{.metadata.resourceVersion}")


def _printed(cluster: Cluster, namespace: str, name: str, template: str) -> str:
    return cluster.kubectl("get", name, f"-n={namespace}", f"-o=jsonpath={template}").stdout
