"""The life of a release on a real API server: installed, upgraded, removed, installed again, and only once per cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from promptops.dev.plane import Plane
from tests.helm.command import NAMESPACE, RELEASE, UNREAD, Helm
from tests.support.audit import audited, position
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
OTHER = "second"
PROMPT = placed(sourced("kept", "Hello"), "default")
MONITORING = {"podmonitors": "PodMonitor", "prometheusrules": "PrometheusRule"}


class Cluster:
    """A plane, with helm for it, that has one release or none."""

    def __init__(self, helm: Helm, plane: Plane) -> None:
        self.plane = plane
        self.has_release = False
        self._is_compared = False
        """Whether helm has compared what is installed with what the API server describes: once is enough."""
        self._helm = helm

    def install(self, *values: str, name: str = RELEASE, namespace: str = NAMESPACE, check: bool = True) -> str:
        """Install a release; return what helm says, be it good or bad."""
        unread = (UNREAD,) if self._is_compared else ()
        said = self._release("install", name, namespace, values, check, "--create-namespace", *unread)
        self._is_compared = True
        self.has_release |= (name, namespace) == (RELEASE, NAMESPACE)
        return said

    def upgrade(self, *values: str) -> str:
        """Upgrade the release; return what helm says."""
        return self._release("upgrade", RELEASE, NAMESPACE, values, True, "--reuse-values")

    def uninstall(self, name: str = RELEASE) -> None:
        """Uninstall a release, if it is there."""
        self._helm("uninstall", name, "--namespace", NAMESPACE, "--wait", "--ignore-not-found", plane=self.plane)
        self.has_release &= name != RELEASE

    def names(self, *arguments: str) -> set[str]:
        """Return `kind/name` of what `kubectl get` finds."""
        return set(self.plane.kubectl("get", *arguments, "-o", "name").stdout.split())

    def uids(self, kind: str, *names: str) -> list[str]:
        """Return the uids of objects that exist."""
        found = self.plane.kubectl("get", kind, *names, "-o", "json").stdout
        answer = json.loads(found)
        return [each["metadata"]["uid"] for each in answer.get("items", [answer])]

    def deleted(self, since: int) -> list[str]:
        """Return the kinds of what helm deleted from a position in the audit log on, in that order."""
        return [
            entry["objectRef"]["resource"]
            for entry in audited(self.plane, since)
            if entry["verb"] == "delete" and entry.get("userAgent", "").startswith("Helm")
        ]

    def _release(self, verb: str, name: str, namespace: str, values: tuple[str, ...], check: bool, *more: str) -> str:
        settings = (f"--set={value}" for value in values)
        arguments = (verb, name, str(self._helm.chart), "--namespace", namespace, *more, *settings)
        done = self._helm(*arguments, plane=self.plane, check=check)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def shared(helm: Helm, file_plane: Plane) -> Cluster:
    """The file's cluster. Definitions stay from test to test, as they do for users: deleting them can take minutes."""
    return Cluster(helm, file_plane)


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """A cluster without a release and without prompts, whose definitions are the usual release's."""
    shared.plane.kubectl("delete", "prompts", "--all", "--ignore-not-found", check=False)
    for name in (RELEASE, OTHER):
        shared.uninstall(name)
    owner = f"meta.helm.sh/release-name={RELEASE}"
    shared.plane.kubectl("annotate", "crd", "--overwrite", f"--selector={OURS}", owner)
    return shared


@pytest.fixture
def installed(request: pytest.FixtureRequest, shared: Cluster) -> Cluster:
    """A cluster with a release, whatever its values are."""
    if not shared.has_release:
        request.getfixturevalue("cluster").install()
    return shared


def test_install(cluster: Cluster, render: Callable[..., list[dict[str, Any]]]) -> None:
    said = cluster.install("tenancy.mode=Strict")

    expected = {f"{m['kind'].lower()}/{m['metadata']['name']}" for m in render(arguments=("--skip-tests",))}
    # roles.rbac.authorization.k8s.io/promptops and role/promptops are the same.
    present = {
        f"{kind.partition('.')[0]}/{name}"
        for kind, _, name in (found.partition("/") for found in cluster.names(EVERY_KIND, "-A", "-l", OURS))
    }
    assert expected <= present
    assert "namespaces without a Tenant are refused" in said
    assert "kubectl --namespace promptops-system rollout status deployment/promptops" in said
    cluster.plane.kubectl("wait", "--for=condition=Established", "--timeout=90s", "crd", *DEFINITIONS)


def test_objects_of_the_prometheus_operator_where_its_kinds_are(cluster: Cluster) -> None:
    definitions = [_definition(plural, kind) for plural, kind in MONITORING.items()]
    cluster.plane.kubectl(
        "apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
    )
    cluster.plane.kubectl("wait", "--for=condition=Established", "crd", *(d["metadata"]["name"] for d in definitions))

    said = cluster.install()

    assert cluster.names("podmonitors,prometheusrules", "-n", NAMESPACE) == {
        "podmonitor.monitoring.coreos.com/promptops",
        "podmonitor.monitoring.coreos.com/promptops-sidecars",
        "prometheusrule.monitoring.coreos.com/promptops",
    }
    assert "No alerts" not in said


def test_upgrade_changes_what_was_asked_and_nothing_else(installed: Cluster) -> None:
    before = installed.uids("crd", *DEFINITIONS), installed.uids("serviceaccount", "promptops", "-n", NAMESPACE)

    installed.upgrade("logLevel=debug")

    path = '{.spec.template.spec.containers[0].env[?(@.name=="PROMPTOPS_LOG_LEVEL")].value}'
    level = installed.plane.kubectl("get", "deployment", "promptops", "-n", NAMESPACE, "-o", f"jsonpath={path}").stdout
    assert level == "debug"
    assert (
        installed.uids("crd", *DEFINITIONS),
        installed.uids("serviceaccount", "promptops", "-n", NAMESPACE),
    ) == before


def test_uninstall_keeps_the_definitions_and_what_users_wrote(installed: Cluster) -> None:
    installed.plane.kubectl("apply", "-f", "-", input=json.dumps(PROMPT))
    since = position(installed.plane)

    installed.uninstall()
    deleted = installed.deleted(since)
    installed.uninstall()

    # Not labelled by us: the pods' garbage collection may still run, and it is Kubernetes' own.
    left = installed.names(EVERY_KIND.replace("replicasets,pods,", ""), "-A", "-l", OURS)
    assert left == {f"customresourcedefinition.apiextensions.k8s.io/{name}" for name in DEFINITIONS}
    assert installed.names("prompts", "-A") == {"prompt.promptops.io/kept"}
    # Whoever is asked by the API server is asked no more before he goes; there is no operator here to see to it.
    assert set(deleted[:2]) == {"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}
    assert "deployments" in deleted[2:]


def test_installing_again_adopts_what_was_kept(installed: Cluster) -> None:
    installed.plane.kubectl("apply", "-f", "-", input=json.dumps(PROMPT))
    before = installed.uids("crd", *DEFINITIONS), installed.uids("prompt", "kept")
    installed.uninstall()

    installed.install()

    assert (installed.uids("crd", *DEFINITIONS), installed.uids("prompt", "kept")) == before
    assert installed.names("deployments", "-n", NAMESPACE) == DEPLOYMENTS


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        pytest.param("promptops", "elsewhere", id="same name in another namespace"),
        pytest.param(OTHER, NAMESPACE, id="another name in the same namespace"),
    ],
)
def test_a_second_release_is_refused_in_words(installed: Cluster, name: str, namespace: str) -> None:
    said = installed.install(name=name, namespace=namespace, check=False)

    assert (
        "PromptOps is installed once per cluster, and this cluster has it already: "
        'release "promptops" in namespace "promptops-system".'
    ) in said
    assert "helm upgrade promptops CHART --namespace promptops-system" in said
    assert installed.names("deployments", "-A", "-l", OURS) == DEPLOYMENTS


def test_definitions_of_a_removed_release_can_be_taken_over(cluster: Cluster, helm: Helm) -> None:
    cluster.install()
    before = cluster.uids("crd", *DEFINITIONS)
    cluster.uninstall()

    refused = cluster.install(name=OTHER, check=False)
    arguments = (OTHER, str(helm.chart), "--namespace", NAMESPACE, "--take-ownership", UNREAD)
    helm("install", *arguments, plane=cluster.plane)

    assert "exists and cannot be imported into the current release" in refused
    assert cluster.uids("crd", *DEFINITIONS) == before


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
