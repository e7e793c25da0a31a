"""A pod that forges a sidecar is refused, with the label that asks for one and without, and with every webhook down."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.api.feed import AUDIENCE
from promptops.codegen import forgery
from promptops.dev.plane import Plane
from promptops.domain.injection.pod import injected
from tests.admission.conftest import OPERATOR_NAMESPACE, Pods, apply
from tests.admission.pods import INJECTED, PARAMETERS, container, pod
from tests.crds.server import Server
from tests.support.waiting import wait_until

Manifest = dict[str, Any]

FEED = "promptops-feed"
TOKEN = {"serviceAccountToken": {"path": "token", "audience": AUDIENCE}}
OTHER_TOKEN = {"serviceAccountToken": {"path": "token", "audience": "vault"}}
SECRET = {"secret": {"name": "theirs"}}


def plain(*containers: Manifest, labels: dict[str, str] | None = None, **spec: Any) -> Manifest:
    """A pod that asks for nothing."""
    made = pod(*containers, **spec)
    return {**made, "metadata": {"name": "pod", "labels": labels or {}}}


def volume(name: str, *sources: Manifest) -> Manifest:
    """A projected volume."""
    return {"name": name, "projected": {"sources": list(sources)}}


def forged(**sidecar: Any) -> Manifest:
    """A pod with its sidecar, in which something else stands there; None takes it away."""
    made = injected(pod(), PARAMETERS)
    first = {key: value for key, value in {**made["spec"]["initContainers"][0], **sidecar}.items() if value is not None}
    return {**made, "spec": {**made["spec"], "initContainers": [first]}}


def with_feed(where: str, **kinds: Any) -> Manifest:
    """A pod with its sidecar, in which another container sees the token, too."""
    made = injected(pod(**kinds), PARAMETERS)
    mounted = {"name": FEED, "mountPath": "/stolen"}
    made["spec"][where][-1]["volumeMounts"].append(mounted)
    return made


REFUSED: dict[str, tuple[Manifest, str]] = {
    "a container of our name": (plain(container("promptops")), "are the sidecar's"),
    "an init container of our name": (plain(initContainers=[container("promptops")]), "are the sidecar's"),
    "a volume of our name": (plain(volumes=[{"name": "promptops-snapshot", "emptyDir": {}}]), "are the sidecar's"),
    "a token of our audience": (plain(volumes=[volume("mine", TOKEN)]), "is the sidecar's alone"),
    "a token of our audience among others": (plain(volumes=[volume("mine", OTHER_TOKEN, TOKEN)]), "is the sidecar's alone"),
    "a token of our audience beside a sidecar": (injected(pod(volumes=[volume("mine", TOKEN)]), PARAMETERS), "is the sidecar's alone"),
    "a container that passes for the sidecar": (plain(container("promptops"), labels={"promptops.io/injected": "true"}), "are the sidecar's"),
    "a Secret in the place of the token": ({**forged(), "spec": {**forged()["spec"], "volumes": [volume(FEED, SECRET), *forged()["spec"]["volumes"][1:]]}}, "and nothing else"),
    "a folder in the place of the token": ({**forged(), "spec": {**forged()["spec"], "volumes": [{"name": FEED, "emptyDir": {}}, *forged()["spec"]["volumes"][1:]]}}, "and nothing else"),
    "the token in the application": (with_feed("containers"), "mount it nowhere else"),
    "the token in an init container": (with_feed("initContainers", initContainers=[container("migrate")]), "mount it nowhere else"),
    "a command of its own": (forged(command=["sh"]), "without a command"),
    "arguments of its own": (forged(args=["operator"]), "with args"),
    "no arguments": (forged(args=None), "with args"),
    "a hook of its own": (forged(lifecycle={"postStart": {"exec": {"command": ["sh"]}}}), "without a command"),
    **{
        f"a command for its {probe}": (forged(**{probe: {"exec": {"command": ["sh"]}}}), "probes by commands")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    },
    "one that ends": (forged(restartPolicy=None, startupProbe=None, readinessProbe=None, livenessProbe=None), "restartPolicy Always"),
}  # fmt: skip
ADMITTED: dict[str, Manifest] = {
    "a pod that knows nothing of us": plain(),
    "a token for a gateway": plain(volumes=[volume("promptops-token", TOKEN)]),
    "a token of another audience": plain(volumes=[volume("mine", OTHER_TOKEN)]),
    "a label left over from a copy": plain(labels={"promptops.io/injected": "true"}),
    "another image of the sidecar": forged(image="registry.example.com/mirror/promptops-sidecar:0"),
    "another place of the operator": forged(env=[{"name": "PROMPTOPS_FEED_URL", "value": "https://feed.example.com"}]),
} | {f"a sidecar beside {name}": injected(each, PARAMETERS) for name, each in INJECTED.items()}


@pytest.fixture(scope="module")
def guarded(plane: Plane, pods: Pods, refusing: dict[str, str]) -> str:
    """A namespace in which nobody injects, once the policy is heard of."""
    apply(plane, *forgery.policies(OPERATOR_NAMESPACE))
    wait_until(lambda: bool(pods.refusal(plain(container("promptops")), refusing["nobody"])))
    return refusing["nobody"]


@pytest.mark.parametrize(("made", "said"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_a_forged_sidecar(pods: Pods, guarded: str, made: Manifest, said: str) -> None:
    assert said in pods.refusal(made, guarded)


@pytest.mark.parametrize("made", [pytest.param(row, id=name) for name, row in ADMITTED.items()])
def test_what_is_no_forgery(pods: Pods, guarded: str, made: Manifest) -> None:
    assert pods.refusal(made, guarded) == ""


JOINING: dict[str, tuple[Manifest, str]] = {
    "that mounts the token": (container("debug", volumeMounts=[{"name": FEED, "mountPath": "/stolen"}]), "mount it nowhere else"),
    "that looks into the sidecar": (container("debug", targetContainerName="promptops"), "another target"),
}  # fmt: skip


@pytest.mark.parametrize(("joining", "said"), [pytest.param(*row, id=name) for name, row in JOINING.items()])
def test_a_container_that_joins_later_does_not_see_the_token(
    plane: Plane, guarded: str, joining: Manifest, said: str
) -> None:
    made = forged()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": guarded}}
    apply(plane, account)
    made["spec"]["serviceAccountName"] = "app"
    apply(plane, {**made, "metadata": {**made["metadata"], "name": "debugged", "namespace": guarded}})

    refused = Server(plane).client.patch(
        f"/api/v1/namespaces/{guarded}/pods/debugged/ephemeralcontainers",
        headers={"content-type": "application/strategic-merge-patch+json"},
        json={"spec": {"ephemeralContainers": [joining]}},
    )
    plane.kubectl("delete", "pod", "debugged", "-n", guarded, "--force", "--grace-period=0")

    assert refused.status_code == 422
    assert said in refused.json()["message"]
