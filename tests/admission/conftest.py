"""The session's plane with what injects on it: a policy in one namespace, a webhook in another, nobody in a third."""

from __future__ import annotations

import json
import secrets
from typing import Any

import httpx
import pytest

from promptops.api.names import TRUST_CONFIG_MAP, TRUST_KEY
from promptops.codegen import injection
from promptops.dev.plane import Plane
from tests.admission.pods import PARAMETERS, pod
from tests.admission.webhook import RunningWebhook, prepared
from tests.crds.server import Server, installed_on
from tests.support.waiting import wait_until

Manifest = dict[str, Any]
OPERATOR_NAMESPACE = "promptops-injection-test"
_NAME = "kubernetes.io/metadata.name"


def apply(plane: Plane, *manifests: Manifest) -> None:
    """Apply objects."""
    listed = {"apiVersion": "v1", "kind": "List", "items": manifests}
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(listed))


def within(manifest: Manifest, namespace: str) -> Manifest:
    """Return a policy that means one namespace alone."""
    constraints = manifest["spec"].get("matchConstraints")
    if constraints is not None:
        constraints["namespaceSelector"]["matchLabels"] = {_NAME: namespace}
    return manifest


@pytest.fixture(scope="session")
def injection_namespaces(plane: Plane) -> dict[str, str]:
    """Namespaces for pods that a policy, a webhook or nobody injects; in all of them wrong ones are refused.

    They go with the session's plane, as all that is set up here for the session does.
    """
    made = {who: f"{who}-{secrets.token_hex(3)}" for who in ("policy", "webhook", "nobody")}
    for name in (*made.values(), OPERATOR_NAMESPACE):
        plane.kubectl("create", "namespace", name)
        # Said, not enforced: most pods here are of those that keep to no standard.
        plane.kubectl("label", "namespace", name, "pod-security.kubernetes.io/warn=restricted")
    trust = {"name": TRUST_CONFIG_MAP, "namespace": OPERATOR_NAMESPACE}
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": trust}
    apply(plane, config_map | {"data": {TRUST_KEY: PARAMETERS[TRUST_KEY]}}, *injection.refusals(OPERATOR_NAMESPACE))
    return made


class Pods:
    """The pods of a plane, each as the API server would store it. None is stored."""

    def __init__(self, plane: Plane) -> None:
        self._client = Server(plane).client

    def dry(self, pod: Manifest, namespace: str) -> Manifest:
        """Return a pod with everything that is added to it."""
        answer = self._post(pod, namespace)
        assert answer.is_success, answer.text
        stored: Manifest = answer.json()
        return stored

    def refusal(self, pod: Manifest, namespace: str) -> str:
        """Return what is said of a pod that is refused; empty when it is taken."""
        answer = self._post(pod, namespace)
        return "" if answer.is_success else str(answer.json()["message"])

    def warnings(self, pod: Manifest, namespace: str) -> list[str]:
        """Return what kubectl would print beside its answer."""
        return self._post(pod, namespace).headers.get_list("warning")

    def _post(self, pod: Manifest, namespace: str) -> httpx.Response:
        return self._client.post(f"/api/v1/namespaces/{namespace}/pods", params={"dryRun": "All"}, json=pod)


@pytest.fixture(scope="session")
def pods(plane: Plane) -> Pods:
    """The pods of the session's plane."""
    return Pods(plane)


@pytest.fixture(scope="session")
def refusing(pods: Pods, injection_namespaces: dict[str, str]) -> dict[str, str]:
    """The namespaces, once the API server refuses there: policies take a moment to be heard of."""
    wait_until(lambda: bool(pods.refusal(pod(hostNetwork=True), injection_namespaces["nobody"])))
    return injection_namespaces


@pytest.fixture(scope="session")
def injecting(plane: Plane, pods: Pods, refusing: dict[str, str]) -> dict[str, str]:
    """The namespaces, once the API server injects by its policy: Kubernetes 1.36 or newer."""
    policy = injection.mutation(OPERATOR_NAMESPACE, injection.parameters_literal(PARAMETERS))
    apply(plane, *(within(each, refusing["policy"]) for each in policy))
    wait_until(lambda: "initContainers" in pods.dry(pod(), refusing["policy"])["spec"])
    return refusing


@pytest.fixture(scope="session")
def webhook(plane: Plane, refusing: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> RunningWebhook:
    """The webhook, called by the API server for one of the namespaces."""
    installed_on(plane)
    made = prepared(plane, tmp_path_factory.mktemp("webhook"))
    made.start()
    configurations = made.configurations(refusing["webhook"])
    apply(plane, *configurations)
    asking = Pods(plane)
    wait_until(lambda: "initContainers" in asking.dry(pod(), refusing["webhook"])["spec"])
    return made
