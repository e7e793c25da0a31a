"""What the chart renders: the restricted operator, and the optional objects when they are wanted."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptops.api.names import WEBHOOK
from promptops.dev.plane import Plane
from promptops.domain.injection.description import CONTAINER, INJECTED_LABEL, TRUE
from promptops.settings.logs import LogSettings
from promptops.settings.operator import OperatorSettings
from tests.helm.command import Helm, UniqueKeys

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

MONITORING = (
    "--api-versions=monitoring.coreos.com/v1/PodMonitor",
    "--api-versions=monitoring.coreos.com/v1/PrometheusRule",
)
ALWAYS = {"ServiceAccount", "Deployment", "Service", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
ALWAYS |= {
    "ConfigMap",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
}
ALWAYS |= {"CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


def kinds(manifests: list[Manifest]) -> set[str]:
    return {manifest["kind"] for manifest in manifests}


def deployment(manifests: list[Manifest]) -> Manifest:
    (found,) = (each for each in manifests if each["kind"] == "Deployment" and each["metadata"]["name"] != WEBHOOK)
    return found


def pod(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = deployment(manifests)["spec"]["template"]["spec"]
    return spec


def container(manifests: list[Manifest]) -> Manifest:
    (found,) = pod(manifests)["containers"]
    return dict(found)


@pytest.mark.parametrize(
    ("values", "arguments", "expected"),
    [
        pytest.param((), (), ALWAYS, id="a cluster without the Prometheus operator"),
        pytest.param((), MONITORING, ALWAYS | {"PodMonitor", "PrometheusRule"}, id="a cluster with it"),
        pytest.param((), MONITORING[:1], ALWAYS | {"PodMonitor"}, id="a cluster with one of its kinds"),
        pytest.param(
            ("monitoring.podMonitor.enabled=false", "monitoring.prometheusRule.enabled=false"),
            MONITORING,
            ALWAYS,
            id="never",
        ),
        pytest.param(
            ("monitoring.podMonitor.enabled=true", "monitoring.prometheusRule.enabled=true"),
            (),
            ALWAYS | {"PodMonitor", "PrometheusRule"},
            id="always",
        ),
        pytest.param(("crds.enabled=false",), (), ALWAYS - {"CustomResourceDefinition"}, id="no CRDs"),
        pytest.param(
            ("policies.enabled=false",),
            (),
            ALWAYS - {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
            id="no policies",
        ),
        pytest.param(
            ("rbac.create=false",),
            (),
            ALWAYS - {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"},
            id="no rights",
        ),
        pytest.param(
            ("serviceAccount.create=false", "serviceAccount.name=mine"),
            (),
            ALWAYS - {"ServiceAccount"},
            id="an account that exists",
        ),
    ],
)
def test_kinds(render: Render, values: tuple[str, ...], arguments: tuple[str, ...], expected: set[str]) -> None:
    assert kinds(render(*values, arguments=arguments)) == expected


def test_every_object_is_labelled_and_namespaced(render: Render) -> None:
    manifests = render(arguments=MONITORING)

    namespaced = {"ServiceAccount", "Deployment", "Service", "Role", "RoleBinding", "PodMonitor", "PrometheusRule"}
    namespaced |= {"ConfigMap", "NetworkPolicy", "Pod", "PodDisruptionBudget"}
    assert {m["kind"] for m in manifests if m["metadata"].get("namespace") == "promptops-system"} == namespaced
    assert {m["metadata"]["labels"]["app.kubernetes.io/part-of"] for m in manifests} == {"promptops"}


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        pytest.param("webhook", ["promptops", "promptops-sidecars"], id="sidecars are injected"),
        pytest.param("none", ["promptops"], id="none are"),
    ],
)
def test_what_is_scraped(render: Render, mode: str, names: list[str]) -> None:
    manifests = render("monitoring.podMonitor.enabled=true", f"injection.mode={mode}")

    monitors = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "PodMonitor"}
    assert sorted(monitors) == names
    for spec in (each for name, each in monitors.items() if name == "promptops-sidecars"):
        assert spec["selector"]["matchLabels"] == {INJECTED_LABEL: TRUE}
        assert [each["port"] for each in spec["podMetricsEndpoints"]] == [each["name"] for each in CONTAINER["ports"]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param((), "No registry is named for promptops and promptops-sidecar", id="neither can be pulled"),
        pytest.param(("injection.image.registry=r.example.com",), "No registry is named for promptops:", id="one cannot"),
        pytest.param(("image.registry=r.example.com/team",), None, id="both can"),
        pytest.param(("image.repository=a/b", "injection.image.repository=a/c"), None, id="a repository with its place"),
    ],
)  # fmt: skip
def test_the_notes_name_images_that_nobody_can_pull(helm: Helm, values: tuple[str, ...], said: str | None) -> None:
    arguments = ("install", "promptops", str(helm.chart), "--dry-run=client", *(f"--set={value}" for value in values))

    notes = helm(*arguments).stdout.partition("NOTES:")[2]

    assert "helm uninstall" in notes
    assert "No alerts were installed: this cluster has no PrometheusRule kind" in notes
    assert said in notes if said else "No registry" not in notes


def test_crds_are_kept(render: Render) -> None:
    definitions = [m for m in render() if m["kind"] == "CustomResourceDefinition"]

    assert len(definitions) == 3
    assert {d["metadata"]["annotations"]["helm.sh/resource-policy"] for d in definitions} == {"keep"}


def test_selectors_find_the_pods_and_never_change(render: Render) -> None:
    manifests = render("podLabels.team=platform", arguments=MONITORING)
    (monitor,) = (m for m in manifests if m["kind"] == "PodMonitor" and m["metadata"]["name"] == "promptops")

    found = deployment(manifests)
    selector = {"app.kubernetes.io/name": "promptops", "app.kubernetes.io/component": "operator"}
    assert found["spec"]["selector"]["matchLabels"] == selector
    assert monitor["spec"]["selector"]["matchLabels"] == selector
    assert selector.items() <= found["spec"]["template"]["metadata"]["labels"].items()
    assert found["spec"]["template"]["metadata"]["labels"]["team"] == "platform"


def test_whoever_waits_for_a_rollout_waits_for_every_pod(render: Render) -> None:
    """`helm --wait` of Helm 3 is content with all but maxUnavailable: of two operators that would be the one that stands by."""
    manifests = render("relay.replicas=3", "gateway.replicas=3", "admission.replicas=3")
    deployments = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "Deployment"}

    done_without = {name: unavailable(spec) for name, spec in deployments.items()}

    expected = dict.fromkeys(("promptops", "promptops-webhook", "promptops-relay", "promptops-gateway"), 0)
    assert done_without == expected


def unavailable(spec: Manifest) -> int:
    """How many pods a rollout does without; left out, a quarter of them, rounded down."""
    given: int | None = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable")
    return spec["replicas"] // 4 if given is None else given


def test_a_drain_takes_one_pod_at_a_time_and_waits_for_none_that_is_not_ready(render: Render) -> None:
    manifests = render("relay.replicas=2", "gateway.replicas=2")

    budgets = [
        {name: setting for name, setting in each["spec"].items() if name != "selector"}
        for each in manifests
        if each["kind"] == "PodDisruptionBudget"
    ]

    assert budgets == [{"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}] * 4


class Recorded(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_setting_has_a_value_in_the_chart(render: Render) -> None:
    environment = Recorded()
    OperatorSettings.from_environment(environment)
    LogSettings.from_environment(environment)

    given = {variable["name"] for variable in container(render())["env"]}

    # In a pod there is no kubeconfig: the mounted token is used.
    assert given == environment.asked - {"KUBECONFIG"}


def test_the_values_are_possible_settings(render: Render) -> None:
    variables = container(render("tenancy.mode=Strict"))["env"]
    given = {variable["name"]: variable.get("value", "promptops-system") for variable in variables}

    settings = OperatorSettings.from_environment(given)

    assert settings.tenancy_mode == "Strict"
    ports = {port["name"]: port["containerPort"] for port in container(render())["ports"]}
    assert settings.feed_address == f"0.0.0.0:{ports['feed']}"
    assert settings.operations_address == f"0.0.0.0:{ports['operations']}"
    assert variables[0] == {
        "name": "PROMPTOPS_NAMESPACE",
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
    }


@pytest.mark.parametrize(
    ("values", "image"),
    [
        pytest.param((), "promptops:0.1.0", id="the chart's own version"),
        pytest.param(("image.tag=1.2.3",), "promptops:1.2.3", id="a tag"),
        pytest.param(
            (f"image.digest=sha256:{'a' * 64}", "image.repository=registry.example/promptops", "image.tag=1.2.3"),
            f"registry.example/promptops@sha256:{'a' * 64}",
            id="a digest wins",
        ),
    ],
)
def test_image(render: Render, values: tuple[str, ...], image: str) -> None:
    assert container(render(*values))["image"] == image


def test_the_pod_can_be_placed_and_marked(render: Render) -> None:
    manifests = render(
        "nodeSelector.disk=fast",
        "tolerations[0].key=dedicated",
        "tolerations[0].operator=Exists",
        "affinity.nodeAffinity.note=kept",
        "priorityClassName=high",
        "imagePullSecrets[0].name=pull",
        "podAnnotations.team=platform",
        "extraEnv[0].name=HTTPS_PROXY",
        "extraEnv[0].value=http://proxy:3128",
        "resources.limits.memory=1Gi",
    )

    spec = pod(manifests)
    assert spec["nodeSelector"] == {"disk": "fast"}
    assert spec["tolerations"] == [{"key": "dedicated", "operator": "Exists"}]
    assert spec["affinity"] == {"nodeAffinity": {"note": "kept"}}
    assert spec["priorityClassName"] == "high"
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert deployment(manifests)["spec"]["template"]["metadata"]["annotations"]["team"] == "platform"
    assert container(manifests)["env"][-1] == {"name": "HTTPS_PROXY", "value": "http://proxy:3128"}
    assert container(manifests)["resources"]["limits"] == {"memory": "1Gi"}


def test_the_container_is_bounded_probed_and_cannot_write(render: Render) -> None:
    found = container(render())

    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    assert [mount["mountPath"] for mount in found["volumeMounts"]] == [
        "/tmp",
        "/var/run/secrets/promptops.io/feed",
    ]
    assert found["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "operations"}
    assert found["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "operations"}
    assert set(found["resources"]["requests"]) == {"cpu", "memory"}
    assert set(found["resources"]["limits"]) == {"memory"}


def test_the_account_is_used_under_its_name_everywhere(render: Render) -> None:
    manifests = render("serviceAccount.create=false", "serviceAccount.name=mine")

    subjects = [subject for m in manifests if m["kind"].endswith("RoleBinding") for subject in m["subjects"]]
    assert pod(manifests)["serviceAccountName"] == "mine"
    assert {(subject["name"], subject["namespace"]) for subject in subjects} == {("mine", "promptops-system")}


@pytest.fixture(scope="module")
def restricted(plane: Plane) -> str:
    """The operator's namespace, in which alone its pod is admitted, with the restricted standard enforced."""
    name = "promptops-system"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "promptops", "namespace": name}}
    for each in ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, account):
        plane.kubectl("apply", "-f", "-", input=json.dumps(each))
    return name


def _as_pod(manifests: list[Manifest], namespace: str) -> Manifest:
    metadata = {"name": "operator", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copy.deepcopy(pod(manifests))}


def test_the_api_server_admits_the_pod_under_the_restricted_standard(
    render: Render, plane: Plane, restricted: str
) -> None:
    manifests = render()
    (test,) = (each for each in manifests if each["kind"] == "Pod")
    account = {**test["spec"], "serviceAccountName": "promptops"}
    tested = {**test, "metadata": {"name": "test", "namespace": restricted}, "spec": account}
    asked = {"apiVersion": "v1", "kind": "List", "items": [_as_pod(manifests, restricted), tested]}

    admitted = plane.kubectl("create", "--dry-run=server", "-f", "-", "-o", "name", input=json.dumps(asked))

    assert admitted.stdout.split() == ["pod/operator", "pod/test"]


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        pytest.param("container", "allowPrivilegeEscalation", True, id="privilege escalation"),
        pytest.param("container", "capabilities", {}, id="capabilities"),
        pytest.param("pod", "seccompProfile", {"type": "Unconfined"}, id="seccomp"),
        pytest.param("pod", "runAsNonRoot", False, id="root"),
    ],
)
def test_the_standard_is_really_enforced(
    render: Render, plane: Plane, restricted: str, place: str, name: str, value: object
) -> None:
    weakened = _as_pod(render(), restricted)
    spec = weakened["spec"] if place == "pod" else weakened["spec"]["containers"][0]
    spec["securityContext"][name] = value

    refused = plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(weakened), check=False)

    assert 'violates PodSecurity "restricted:latest"' in refused.stderr


def test_a_label_or_annotation_of_the_user_stands_there_once(helm: Helm, tmp_path: Path) -> None:
    labels = {"app.kubernetes.io/part-of": "kube-prometheus-stack"}
    values = {
        "monitoring": {
            "dashboard": {"enabled": True, "labels": labels},
            "podMonitor": {"enabled": True, "labels": labels},
            "prometheusRule": {"enabled": True, "labels": labels},
        },
        "podAnnotations": {"kubectl.kubernetes.io/default-container": "mine"},
    }
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values))

    text = helm("template", "promptops", str(helm.chart), f"--values={file}").stdout

    manifests = list(yaml.load_all(text, UniqueKeys))
    parts = [each["metadata"]["labels"]["app.kubernetes.io/part-of"] for each in manifests if each]
    assert parts.count("kube-prometheus-stack") == 4
    assert deployment([each for each in manifests if each])["spec"]["template"]["metadata"]["annotations"] == {
        "kubectl.kubernetes.io/default-container": "mine"
    }


def test_network_policies_open_the_ports_that_are_called(render: Render) -> None:
    manifests = render("relay.replicas=1", "gateway.replicas=1", "podLabels.team=a")

    policies = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"}
    for workload in (each for each in manifests if each["kind"] == "Deployment"):
        policy = policies.pop(workload["metadata"]["name"])
        ports = [each for one in workload["spec"]["template"]["spec"]["containers"] for each in one["ports"]]
        assert policy["podSelector"]["matchLabels"] == workload["spec"]["selector"]["matchLabels"]
        # From anywhere: sidecars of every namespace, the API server, a Prometheus that nobody here knows.
        assert policy["ingress"] == [{"ports": [{"port": each["name"], "protocol": "TCP"} for each in ports]}]
    assert policies == {}


def test_the_webhook_alone_calls_nobody(render: Render) -> None:
    manifests = render("relay.replicas=1", "gateway.replicas=1")

    policies = {each["metadata"]["name"]: each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"}
    bounded = [name for name, spec in policies.items() if "Egress" in spec["policyTypes"]]
    assert bounded == [WEBHOOK]
    assert "egress" not in policies[WEBHOOK]
    assert len(policies) == 4


def test_no_network_policies(render: Render) -> None:
    assert "NetworkPolicy" not in kinds(render("networkPolicies.enabled=false", "relay.replicas=1"))


def test_what_the_chart_itself_sets_cannot_be_set_twice(helm: Helm) -> None:
    found = deployment(helm.render())["spec"]["template"]["spec"]
    (operator,) = found["containers"]
    again = {f"extraEnv[0].name={each['name']}": each["name"] for each in operator["env"]}
    again |= {f"extraVolumes[0].name={each['name']}": each["name"] for each in found["volumes"]}
    again |= {
        f"extraVolumeMounts[0].mountPath={each['mountPath']}/": each["mountPath"] for each in operator["volumeMounts"]
    }

    for setting, name in again.items():
        assert name in (said := helm.refusal(f"--set={setting}"))
        assert "the chart" in said


def test_names(render: Render) -> None:
    manifests = render("fullnameOverride=prompts", "nameOverride=own")

    made = {each["metadata"]["name"] for each in manifests if each["kind"] in ("Deployment", "ServiceAccount", "Role")}
    selector = deployment(manifests)["spec"]["selector"]["matchLabels"]
    assert made == {"prompts", "prompts-webhook", WEBHOOK}
    assert selector["app.kubernetes.io/name"] == "own"
    assert pod(manifests)["serviceAccountName"] == "prompts"


def test_openshift_chooses_user_and_groups(render: Render) -> None:
    context = pod(render(arguments=("--api-versions=security.openshift.io/v1",)))["securityContext"]

    assert context == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize(
    ("values", "path", "expected"),
    [
        (("image.registry=r.example.com:5000/m",), ("containers", 0, "image"), "r.example.com:5000/m/promptops:0.1.0"),
        (("podSecurityContext.runAsUser=null",), ("securityContext", "runAsUser"), None),
        (
            ("topologySpreadConstraints[0].maxSkew=1",),
            ("topologySpreadConstraints",),
            [{"maxSkew": 1}],
        ),
        (("extraVolumes[0].name=ca",), ("volumes", 2), {"name": "ca"}),
        (
            ("extraVolumeMounts[0].name=ca", "extraVolumeMounts[0].mountPath=/ca"),
            ("containers", 0, "volumeMounts", 2),
            {"name": "ca", "mountPath": "/ca"},
        ),
    ],
    ids=["registry", "no user", "spread", "volumes", "mounts"],
)
def test_what_people_set(render: Render, values: tuple[str, ...], path: tuple[Any, ...], expected: Any) -> None:
    found: Any = pod(render(*values))
    for step in path:
        found = found[step] if isinstance(step, int) else found.get(step)

    assert found == expected


def test_logs(render: Render) -> None:
    variables = {
        each["name"]: each.get("value") for each in container(render("logLevel=debug", "logFormat=text"))["env"]
    }

    assert (variables["PROMPTOPS_LOG_LEVEL"], variables["PROMPTOPS_LOG_FORMAT"]) == ("debug", "text")
