"""Who injects, by the chart's values: a webhook whose certificate the chart does not know, a policy, or nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from promptops.api.names import INJECTION_CONFIG_MAP, TRUST_KEY, WEBHOOK, feed_url
from promptops.domain.injection.description import PARAMETERS
from promptops.settings.admission import AdmissionSettings
from tests.helm.command import NAMESPACE, Helm

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
HOOKS = {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}
NEW, OLD = "--kube-version=1.36.0", "--kube-version=1.35.2"


def of(manifests: list[Manifest], *kinds: str, name: str = WEBHOOK) -> list[Manifest]:
    """The objects of some kinds and a name."""
    return [each for each in manifests if each["kind"] in kinds and each["metadata"]["name"] == name]


@pytest.mark.parametrize(
    ("values", "made"),
    [
        pytest.param((), HOOKS, id="by default"),
        pytest.param(("injection.mode=none",), {"ValidatingWebhookConfiguration"}, id="no injection"),
        pytest.param(
            ("injection.mode=policy",),
            {"ValidatingWebhookConfiguration", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"},
            id="a policy",
        ),
        pytest.param(
            ("injection.mode=policy", "admission.enabled=false"),
            {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"},
            id="a policy and no webhook",
        ),
        pytest.param(("injection.mode=none", "admission.enabled=false"), set(), id="nothing"),
    ],
)
def test_who_injects(render: Render, values: tuple[str, ...], made: set[str]) -> None:
    manifests = render(*values, arguments=(NEW,))

    assert {each["kind"] for each in manifests if re.search("Webhook|Mutating", each["kind"])} == made


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param(("--set=admission.enabled=false",), "nobody would inject", id="a webhook that is switched off"),
        pytest.param(("--set=injection.mode=policy", OLD), "needs Kubernetes 1.36", id="a policy on an older cluster"),
        pytest.param(("--set=injection.mode=both",), "at '/injection/mode': value must be one of", id="another mode"),
        pytest.param(("--set=injection.cpuRequest=1G",), "at '/injection/cpuRequest'", id="no quantity of CPU"),
    ],
)
def test_what_cannot_be(helm: Helm, values: tuple[str, ...], said: str) -> None:
    assert said in helm.refusal(*values)


def test_nobody_elses_fault_becomes_a_refusal(render: Render) -> None:
    hooks = [hook for each in of(render(), *HOOKS) for hook in each["webhooks"]]

    assert len(hooks) == 2
    for hook in hooks:
        assert (hook["failurePolicy"], hook["timeoutSeconds"], hook["sideEffects"]) == ("Ignore", 2, "None")
        # The operator writes it; here it would be a difference that never goes away.
        assert "caBundle" not in hook["clientConfig"]


def test_system_namespaces_are_left_alone(render: Render) -> None:
    (configuration,) = of(render(), "MutatingWebhookConfiguration")
    ((expression,),) = (hook["namespaceSelector"]["matchExpressions"] for hook in configuration["webhooks"])

    assert expression["operator"] == "NotIn"
    assert set(expression["values"]) == {"kube-system", "kube-public", "kube-node-lease", NAMESPACE}


def test_parameters_are_all_there_and_the_same_in_the_policy(render: Render) -> None:
    manifests = render("injection.mode=policy", "image.registry=r.example.com", arguments=(NEW,))
    (config_map,) = of(manifests, "ConfigMap", name=INJECTION_CONFIG_MAP)
    (policy,) = of(manifests, "MutatingAdmissionPolicy", name="promptops-injection")
    literal = policy["spec"]["variables"][0]["expression"]

    assert set(config_map["data"]) == set(PARAMETERS)
    assert config_map["data"]["image"] == "r.example.com/promptops-sidecar:0.1.0"
    assert config_map["data"]["feedUrl"] == feed_url(NAMESPACE)
    for value in config_map["data"].values():
        assert f'"{value}"' in literal
    assert TRUST_KEY not in literal


def test_the_webhook_has_no_rights(render: Render) -> None:
    manifests = render()
    (deployment,) = of(manifests, "Deployment")
    pod = deployment["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert deployment["spec"]["replicas"] == 2


def test_its_settings_are_read(render: Render) -> None:
    (deployment,) = of(render(), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    mounts = {each["mountPath"] for each in container["volumeMounts"]}

    settings = AdmissionSettings.from_environment({each["name"]: each["value"] for each in container["env"]})

    read = {str(settings.certificate_directory), *map(str, settings.parameters_directories)}
    assert read == mounts == {f"/etc/promptops/{name}" for name in ("certificate", "injection", "trust")}
