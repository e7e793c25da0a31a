"""Pods with their sidecar, by themselves: what is added, and that nothing else is changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from promptops.domain.injection.parameters import ParametersIncomplete, parameters_of
from promptops.domain.injection.pod import injected, is_injected, is_wanted
from promptops.domain.injection.refusals import refused
from promptops.settings.sidecar import SidecarSettings
from tests.admission.pods import INJECTED, PARAMETERS, REFUSED, container, pod

ALL = [pytest.param(each, id=name) for name, each in INJECTED.items()]


def sidecar(of: dict[str, Any]) -> dict[str, Any]:
    """The first init container."""
    first: dict[str, Any] = injected(of, PARAMETERS)["spec"]["initContainers"][0]
    return first


@pytest.mark.parametrize("asking", ALL)
def test_what_a_pod_has_it_keeps_in_its_order(asking: dict[str, Any]) -> None:
    before = copy.deepcopy(asking)

    after = injected(asking, PARAMETERS)

    assert asking == before
    assert _without_additions(after) == _without_additions(before)


@pytest.mark.parametrize("asking", ALL)
def test_an_injected_pod_asks_no_more(asking: dict[str, Any]) -> None:
    after = injected(asking, PARAMETERS)

    assert is_wanted(asking)
    assert (is_injected(asking), is_injected(after)) == (False, True)
    assert refused(asking) == refused(after) == ()


@pytest.mark.parametrize(("asking", "said"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_a_pod_that_is_refused(asking: dict[str, Any], said: str) -> None:
    (finding,) = refused(asking)

    assert said in finding.message


def test_the_token_is_seen_by_the_sidecar_alone() -> None:
    after = injected(pod(container("a"), container("b"), initContainers=[container("c")]), PARAMETERS)["spec"]

    seeing = [
        each["name"]
        for each in (*after["initContainers"], *after["containers"])
        if any(mount["name"] == "promptops-feed" for mount in each["volumeMounts"])
    ]
    assert seeing == ["promptops"]


def test_the_sidecar_starts_first_and_gets_no_token_of_the_cluster() -> None:
    found = sidecar(pod(initContainers=[container("migrate")]))

    assert (found["name"], found["restartPolicy"]) == ("promptops", "Always")
    assert "/var/run/secrets/kubernetes.io/serviceaccount" in [each["mountPath"] for each in found["volumeMounts"]]


@pytest.mark.parametrize(
    ("annotations", "parameters", "limits"),
    [
        pytest.param({}, {}, {"memory": "256Mi"}, id="no limit of the CPU by default"),
        pytest.param({}, {"cpuLimit": "1"}, {"cpu": "1", "memory": "256Mi"}, id="the installation's"),
        pytest.param({"promptops.io/cpu-limit": "2"}, {"cpuLimit": "1"}, {"cpu": "2", "memory": "256Mi"}, id="the pod's"),
    ],
)  # fmt: skip
def test_limits(annotations: dict[str, str], parameters: dict[str, str], limits: dict[str, str]) -> None:
    after = injected(pod(annotations=annotations), PARAMETERS | parameters)

    assert after["spec"]["initContainers"][0]["resources"]["limits"] == limits


NOTHING = dict.fromkeys(
    ("collectorUrl", "redisUrl", "redisUsername", "redisSecret", "redisAuthority", "redisWrites"), ""
)
URL = {"redisUrl": "redis://redis:6379/0"}
KEY = "/etc/promptops/mirror/key"


@pytest.mark.parametrize(
    ("said", "annotated", "told"),
    [
        pytest.param({}, None, {}, id="nothing is said"),
        pytest.param({"collectorUrl": "http://c:4318"}, None, {"COLLECTOR_URL": "http://c:4318"}, id="a collector"),
        pytest.param(URL, None, {}, id="a server, and no Secret"),
        pytest.param({}, "mine", {}, id="a Secret, and no server"),
        pytest.param(URL, "mine", {"REDIS_URL": URL["redisUrl"], "REDIS_KEY_FILE": KEY}, id="a server, and the pod's Secret"),
        pytest.param(URL | {"redisSecret": "all"}, None, {"REDIS_URL": URL["redisUrl"], "REDIS_KEY_FILE": KEY}, id="everybody's Secret"),
        pytest.param(
            URL | {"redisSecret": "all", "redisUsername": "reader", "redisAuthority": "true", "redisWrites": "true"},
            None,
            {
                "REDIS_URL": URL["redisUrl"],
                "REDIS_KEY_FILE": KEY,
                "REDIS_USERNAME": "reader",
                "REDIS_PASSWORD_FILE": "/etc/promptops/mirror/password",
                "REDIS_AUTHORITY_FILE": "/etc/promptops/mirror/ca.crt",
                "REDIS_WRITES": "true",
            },
            id="all of it",
        ),
        pytest.param({"redisUsername": "reader", "redisAuthority": "true", "redisWrites": "true"}, "mine", {}, id="all but a server"),
    ],
)  # fmt: skip
def test_a_mirror_and_a_collector_are_told_of_where_they_are_said(
    said: dict[str, str], annotated: str | None, told: dict[str, str]
) -> None:
    annotations = {"promptops.io/redis-secret": annotated} if annotated else {}
    after = injected(pod(annotations=annotations), PARAMETERS | NOTHING | said)["spec"]

    (first, *_), volumes = after["initContainers"], {each["name"]: each for each in after["volumes"]}
    words = ("PROMPTOPS_REDIS_", "PROMPTOPS_COLLECTOR_")
    assert {
        each["name"].removeprefix("PROMPTOPS_"): each["value"]
        for each in first["env"]
        if each["name"].startswith(words)
    } == told
    mounted = [each for each in first["volumeMounts"] if each["name"] == "promptops-mirror"]
    secret = {"secretName": annotated or said.get("redisSecret")} if "REDIS_URL" in told else None
    assert volumes.get("promptops-mirror", {}).get("secret") == secret
    assert bool(mounted) == bool(secret)


def test_the_sidecars_own_settings_can_be_read_from_what_it_is_told() -> None:
    after = injected(pod(annotations={"promptops.io/redis-secret": "mine"}), PARAMETERS)["spec"]["initContainers"][0]
    settings = SidecarSettings.from_environment({each["name"]: each["value"] for each in after["env"]})

    assert settings.mirror is not None
    assert (settings.mirror.url, settings.mirror.writes) == (PARAMETERS["redisUrl"], False)
    assert settings.collector_url == PARAMETERS["collectorUrl"]


@pytest.mark.parametrize("missing", list(PARAMETERS))
def test_parameters_are_all_there(missing: str) -> None:
    data = {key: value for key, value in PARAMETERS.items() if key != missing}

    with pytest.raises(ParametersIncomplete, match=f"^{missing} of the injection is not said"):
        parameters_of(data)


def _without_additions(manifest: dict[str, Any]) -> dict[str, Any]:
    """Take away whatever has one of our names; then nothing else may differ, empty lists aside."""
    spec = {**manifest["spec"]}
    spec["initContainers"] = [_plain(each) for each in spec.get("initContainers", ()) if each["name"] != "promptops"]
    spec["containers"] = [_plain(each) for each in spec["containers"]]
    spec["volumes"] = [each for each in spec.get("volumes", ()) if not each["name"].startswith("promptops-")]
    labels = {key: value for key, value in manifest["metadata"]["labels"].items() if key != "promptops.io/injected"}
    return {**manifest, "metadata": {**manifest["metadata"], "labels": labels}, "spec": spec}


def _plain(each: dict[str, Any]) -> dict[str, Any]:
    mounts = [mount for mount in each.get("volumeMounts", ()) if mount["name"] != "promptops-socket"]
    environment = [one for one in each.get("env", ()) if not one["name"].startswith("PROMPTOPS_")]
    return {**each, "env": environment, "volumeMounts": mounts}
