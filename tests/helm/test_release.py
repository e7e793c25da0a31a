"""The life of a release on a real API server: installed, upgraded, removed, installed again, and only once per cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from promptops.dev.plane import Plane
from tests.helm.command import NAMESPACE, RELEASE, Helm
from tests.support.manifests import placed, sourced

DEFINITIONS = ("prompts.promptops.io", "promptversions.promptops.io", "tenants.promptops.io")
OURS = "app.kubernetes.io/part-of=promptops"
DEPLOYMENTS = {"deployment.apps/promptops", "deployment.apps/promptops-webhook"}
EVERY_KIND = ",".join(
    (
        "serviceaccounts,deployments,replicasets,pods,services,configmaps,secrets,roles,rolebindings",
        "poddisruptionbudgets,networkpolicies,mutatingwebhookconfigurations,validatingwebhookconfigurations",
        "clusterroles,clusterrolebindings,customresourcedefinitions",
        "validatingadmissionpolicies,validatingadmissionpolicybindings",
    )
)
PROMPT = placed(sourced("kept", "Hello"), "default")
MONITORING = {"podmonitors": "PodMonitor", "prometheusrules": "PrometheusRule"}


class Cluster:
    """A plane, with helm for it."""

    def __init__(self, helm: Helm, plane: Plane) -> None:
        self.plane = plane
        self._helm = helm

    def install(self, *values: str, name: str = RELEASE, namespace: str = NAMESPACE, check: bool = True) -> str:
        """Install a release; return what helm says, be it good or bad."""
        return self._release("install", name, namespace, values, check, "--create-namespace")

    def upgrade(self, *values: str) -> str:
        """Upgrade the release; return what helm says."""
        return self._release("upgrade", RELEASE, NAMESPACE, values, True, "--reuse-values")

    def uninstall(self) -> str:
        """Uninstall the release; return what helm says."""
        done = self._helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", plane=self.plane)
        return done.stdout + done.stderr

    def names(self, *arguments: str) -> set[str]:
        """Return `kind/name` of what `kubectl get` finds."""
        return set(self.plane.kubectl("get", *arguments, "-o", "name").stdout.split())

    def uids(self, kind: str, *names: str) -> list[str]:
        """Return the uids of objects that exist."""
        found = self.plane.kubectl("get", kind, *names, "-o", "json").stdout
        answer = json.loads(found)
        return [each["metadata"]["uid"] for each in answer.get("items", [answer])]

    def _release(self, verb: str, name: str, namespace: str, values: tuple[str, ...], check: bool, *more: str) -> str:
        settings = (f"--set={value}" for value in values)
        arguments = (verb, name, str(self._helm.chart), "--namespace", namespace, *more, *settings)
        done = self._helm(*arguments, plane=self.plane, check=check)
        return done.stdout + done.stderr


@pytest.fixture
def cluster(helm: Helm, file_plane: Plane) -> Iterator[Cluster]:
    """A cluster without a release. Definitions stay from test to test, as they do for users: deleting them can take minutes."""
    yield Cluster(helm, file_plane)
    file_plane.kubectl("delete", "prompts", "--all", "--ignore-not-found")
    helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--ignore-not-found", plane=file_plane)


@pytest.fixture
def own_cluster(helm: Helm, own_plane: Plane) -> Cluster:
    """A cluster for one test, which it may leave in any state."""
    return Cluster(helm, own_plane)


def test_install(cluster: Cluster, render: Callable[..., list[dict[str, Any]]]) -> None:
    said = cluster.install("tenancy.mode=Strict")

    expected = {f"{m['kind'].lower()}/{m['metadata']['name']}" for m in render()}
    # roles.rbac.authorization.k8s.io/promptops and role/promptops are the same.
    present = {
        f"{kind.partition('.')[0]}/{name}"
        for kind, _, name in (found.partition("/") for found in cluster.names(EVERY_KIND, "-A", "-l", OURS))
    }
    assert expected <= present
    assert "namespaces without a Tenant are refused" in said
    assert "kubectl --namespace promptops-system rollout status deployment/promptops" in said
    assert "No alerts were installed: this cluster has no PrometheusRule kind" in said
    cluster.plane.kubectl("wait", "--for=condition=Established", "--timeout=10s", "crd", *DEFINITIONS)


def test_objects_of_the_prometheus_operator_where_its_kinds_are(own_cluster: Cluster) -> None:
    definitions = [_definition(plural, kind) for plural, kind in MONITORING.items()]
    own_cluster.plane.kubectl(
        "create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
    )
    own_cluster.plane.kubectl(
        "wait", "--for=condition=Established", "crd", *(d["metadata"]["name"] for d in definitions)
    )

    said = own_cluster.install()

    assert own_cluster.names("podmonitors,prometheusrules", "-n", NAMESPACE) == {
        "podmonitor.monitoring.coreos.com/promptops",
        "podmonitor.monitoring.coreos.com/promptops-sidecars",
        "prometheusrule.monitoring.coreos.com/promptops",
    }
    assert "No alerts" not in said


def test_upgrade_changes_what_was_asked_and_nothing_else(cluster: Cluster) -> None:
    cluster.install()
    before = cluster.uids("crd", *DEFINITIONS), cluster.uids("serviceaccount", "promptops", "-n", NAMESPACE)

    cluster.upgrade("tenancy.mode=Strict")

    path = '{.spec.template.spec.containers[0].env[?(@.name=="PROMPTOPS_TENANCY_MODE")].value}'
    mode = cluster.plane.kubectl("get", "deployment", "promptops", "-n", NAMESPACE, "-o", f"jsonpath={path}").stdout
    assert mode == "Strict"
    assert (
        cluster.uids("crd", *DEFINITIONS),
        cluster.uids("serviceaccount", "promptops", "-n", NAMESPACE),
    ) == before


def test_uninstall_keeps_the_definitions_and_what_users_wrote(cluster: Cluster) -> None:
    cluster.install()
    cluster.plane.kubectl("create", "-f", "-", input=json.dumps(PROMPT))

    cluster.uninstall()

    # Not labelled by us: the pods' garbage collection may still run, and it is Kubernetes' own.
    left = cluster.names(EVERY_KIND.replace("replicasets,pods,", ""), "-A", "-l", OURS)
    assert left == {f"customresourcedefinition.apiextensions.k8s.io/{name}" for name in DEFINITIONS}
    assert cluster.names("prompts", "-A") == {"prompt.promptops.io/kept"}


def test_installing_again_adopts_what_was_kept(cluster: Cluster) -> None:
    cluster.install()
    cluster.plane.kubectl("create", "-f", "-", input=json.dumps(PROMPT))
    before = cluster.uids("crd", *DEFINITIONS), cluster.uids("prompt", "kept")
    cluster.uninstall()

    cluster.install()

    assert (cluster.uids("crd", *DEFINITIONS), cluster.uids("prompt", "kept")) == before
    assert cluster.names("deployments", "-n", NAMESPACE) == DEPLOYMENTS


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        pytest.param("promptops", "elsewhere", id="same name in another namespace"),
        pytest.param("second", NAMESPACE, id="another name in the same namespace"),
    ],
)
def test_a_second_release_is_refused_in_words(cluster: Cluster, name: str, namespace: str) -> None:
    cluster.install()

    said = cluster.install(name=name, namespace=namespace, check=False)

    assert (
        "PromptOps is installed once per cluster, and this cluster has it already: "
        'release "promptops" in namespace "promptops-system".'
    ) in said
    assert "helm upgrade promptops CHART --namespace promptops-system" in said
    assert cluster.names("deployments", "-A", "-l", OURS) == DEPLOYMENTS


def test_definitions_of_a_removed_release_can_be_taken_over(own_cluster: Cluster, helm: Helm) -> None:
    own_cluster.install()
    before = own_cluster.uids("crd", *DEFINITIONS)
    own_cluster.uninstall()

    refused = own_cluster.install(name="second", check=False)
    arguments = ("second", str(helm.chart), "--namespace", NAMESPACE, "--take-ownership")
    helm("install", *arguments, plane=own_cluster.plane)

    assert "exists and cannot be imported into the current release" in refused
    assert own_cluster.uids("crd", *DEFINITIONS) == before


def _definition(plural: str, kind: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
