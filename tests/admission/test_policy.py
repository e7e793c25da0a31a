"""Injection by a policy, on a real API server: pod by pod what the description says, and nobody else is touched."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.injection.pod import injected
from tests.admission.conftest import Pods
from tests.admission.pods import INJECTED, PARAMETERS, REFUSED, container, pod

pytestmark = pytest.mark.since("1.36")

Manifest = dict[str, Any]
ALL = [pytest.param(each, id=name) for name, each in INJECTED.items()]


def comparable(stored: Manifest) -> Manifest:
    """Leave out what differs between any two pods: names the API server makes up, and its own token's place in a list."""
    spec = {key: value for key, value in stored["spec"].items() if key != "volumes"}
    spec["volumes"] = [each for each in stored["spec"]["volumes"] if not each["name"].startswith("kube-api-access-")]
    for kind in ("containers", "initContainers"):
        spec[kind] = [_without_token(each) for each in spec.get(kind, ())]
    kept = {key: stored["metadata"].get(key) for key in ("labels", "annotations")}
    return {"metadata": kept, "spec": spec}


def _without_token(container: Manifest) -> Manifest:
    mounts = [each for each in container["volumeMounts"] if not each["name"].startswith("kube-api-access-")]
    return {**container, "volumeMounts": mounts}


@pytest.mark.parametrize("asking", ALL)
def test_policy_and_description_agree(pods: Pods, injecting: dict[str, str], asking: Manifest) -> None:
    by_hand = pods.dry(injected(asking, PARAMETERS), injecting["nobody"])

    by_policy = pods.dry(asking, injecting["policy"])

    assert comparable(by_policy) == comparable(by_hand)


@pytest.mark.parametrize("asking", ALL)
def test_what_has_its_sidecar_is_left_alone(pods: Pods, injecting: dict[str, str], asking: Manifest) -> None:
    done = injected(asking, PARAMETERS | {"image": "registry.example.com/older:0"})

    again = pods.dry(done, injecting["policy"])

    assert comparable(again) == comparable(pods.dry(done, injecting["nobody"]))


RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.mark.parametrize(
    ("where", "asking"),
    [
        pytest.param("policy", pod(container(securityContext=RESTRICTED)), id="by the policy"),
        pytest.param("nobody", injected(pod(container(securityContext=RESTRICTED)), PARAMETERS), id="by hand"),
    ],
)
def test_the_sidecar_keeps_to_the_restricted_standard(
    pods: Pods, injecting: dict[str, str], where: str, asking: Manifest
) -> None:
    assert any("restricted" in warning for warning in pods.warnings(pod(), injecting[where])), (
        "the standard is looked at"
    )
    assert pods.warnings(asking, injecting[where]) == []


@pytest.mark.parametrize(("asking", "said"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
@pytest.mark.parametrize("where", ["nobody", "policy"])
def test_a_pod_that_is_refused(pods: Pods, injecting: dict[str, str], where: str, asking: Manifest, said: str) -> None:
    assert said in pods.refusal(asking, injecting[where])


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({}, id="no label"),
        pytest.param({"promptops.io/inject": "false"}, id="another value"),
        pytest.param({"promptops.io/injected": "true"}, id="the other label"),
    ],
)
def test_who_does_not_ask_is_left_alone(pods: Pods, injecting: dict[str, str], labels: dict[str, str]) -> None:
    other = pod(annotations={"promptops.io/whatever": "x"})
    other["metadata"]["labels"] = labels

    assert "initContainers" not in pods.dry(other, injecting["policy"])["spec"]
