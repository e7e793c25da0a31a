"""Relays and gateways in the chart: none by default, beside the operators when they are wanted, and no rights but two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from promptops.api.names import FEED_SERVICE, GATEWAY, ORIGIN_SERVICE, RELAY, gateway_host
from promptops.settings.logs import LogSettings
from promptops.settings.relay import RelaySettings

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
RELAYS, GATEWAYS = "relay.replicas=2", "gateway.replicas=2"


class Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = (each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def pod(manifests: list[Manifest], name: str) -> Manifest:
    template: Manifest = named(manifests, "Deployment", name)["spec"]["template"]
    return template


def environment(manifests: list[Manifest], name: str) -> dict[str, str]:
    (container,) = pod(manifests, name)["spec"]["containers"]
    return {each["name"]: each.get("value", "promptops-system") for each in container["env"]}


def is_selected(manifests: list[Manifest], service: str, deployment: str) -> bool:
    selector = named(manifests, "Service", service)["spec"]["selector"].items()
    return bool(selector <= pod(manifests, deployment)["metadata"]["labels"].items())


def identities(manifests: list[Manifest]) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in manifests}


@pytest.mark.parametrize(
    ("values", "more"),
    [
        pytest.param((), set[tuple[str, str]](), id="none"),
        pytest.param(
            (RELAYS,), {(kind, RELAY) for kind in ("Deployment", "NetworkPolicy", "PodDisruptionBudget")}, id="relays"
        ),
        pytest.param(("relay.replicas=1",), {("Deployment", RELAY), ("NetworkPolicy", RELAY)}, id="one relay"),
        pytest.param(
            (GATEWAYS,),
            {(kind, GATEWAY) for kind in ("Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service")},
            id="gateways",
        ),
    ],
)
def test_what_is_made(render: Render, values: tuple[str, ...], more: set[tuple[str, str]]) -> None:
    shared = {("Service", ORIGIN_SERVICE), ("ServiceAccount", RELAY)}
    shared |= {("ClusterRole", RELAY), ("ClusterRoleBinding", RELAY)}

    assert identities(render(*values)) - identities(render()) == (more | shared if values else set())


def test_who_is_behind_which_service(render: Render) -> None:
    manifests = render(RELAYS, GATEWAYS)

    assert [is_selected(manifests, FEED_SERVICE, each) for each in ("promptops", RELAY, GATEWAY)] == [True, True, False]
    # A relay that followed another one, or itself, would never hear that it is alone.
    assert [is_selected(manifests, ORIGIN_SERVICE, each) for each in ("promptops", RELAY, GATEWAY)] == [
        True,
        False,
        False,
    ]
    assert [is_selected(manifests, GATEWAY, each) for each in ("promptops", RELAY, GATEWAY)] == [False, False, True]


@pytest.mark.parametrize("name", [RELAY, GATEWAY])
def test_every_setting_of_a_relay_has_a_value(render: Render, name: str) -> None:
    manifests = render(RELAYS, GATEWAYS)
    given = Asked(environment(manifests, name))
    LogSettings.from_environment(given)

    settings = RelaySettings.from_environment(given)

    assert set(given) == given.names - {"KUBECONFIG", "PROMPTOPS_REDIS_URL"}
    (container,) = pod(manifests, name)["spec"]["containers"]
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    files = (settings.token_file.parent, settings.trust_file.parent, settings.certificate_directory)
    assert {str(each) for each in files} <= mounted
    assert settings.address.endswith(f":{container['ports'][0]['containerPort']}")
    assert container["args"] == [name.removeprefix("promptops-")]


@pytest.mark.parametrize("name", [RELAY, GATEWAY])
@pytest.mark.parametrize(
    ("values", "username", "authority"),
    [
        pytest.param((), None, False, id="a server"),
        pytest.param(("redis.relay.username=writer", "redis.ownAuthority=true"), "writer", True, id="a user and an authority"),
    ],
)  # fmt: skip
def test_relays_fill_a_mirror_that_the_chart_has(
    render: Render, name: str, values: tuple[str, ...], username: str | None, authority: bool
) -> None:
    manifests = render(RELAYS, GATEWAYS, "redis.url=rediss://redis:6379/0", *values)

    mirror = RelaySettings.from_environment(environment(manifests, name)).mirror
    assert mirror is not None
    assert (mirror.url, mirror.username) == ("rediss://redis:6379/0", username)
    files = [mirror.key_file, *filter(None, (mirror.password_file, mirror.authority_file))]
    assert len(files) == 1 + bool(username) + authority
    (container,) = pod(manifests, name)["spec"]["containers"]
    (mount,) = (each for each in container["volumeMounts"] if each["mountPath"] == str(mirror.key_file.parent))
    secrets = {
        each["name"]: each["secret"]["secretName"]
        for each in pod(manifests, name)["spec"]["volumes"]
        if "secret" in each
    }
    assert secrets[mount["name"]] == "promptops-mirror"
    assert {str(each.parent) for each in files} == {mount["mountPath"]}


def test_operators_do_not_notice_how_many_relays_there_are(render: Render) -> None:
    without, with_relays = render(), render(RELAYS, GATEWAYS)

    for name in ("promptops", "promptops-webhook"):
        assert pod(without, name) == pod(with_relays, name), "scaling relays would restart it"


def test_a_relay_may_ask_whose_a_token_is_and_nothing_else(render: Render) -> None:
    manifests = render(RELAYS)

    bound = [each for each in manifests if each["kind"].endswith("Binding") and "subjects" in each]
    roles = [each["roleRef"]["name"] for each in bound if RELAY in [who["name"] for who in each["subjects"]]]
    assert roles == [RELAY]
    rules = named(manifests, "ClusterRole", RELAY)["rules"]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["tokenreviews"], ["create"]),
        (["namespaces"], ["get"]),
    ]
    assert pod(manifests, RELAY)["spec"]["serviceAccountName"] == RELAY


@pytest.mark.parametrize("name", [RELAY, GATEWAY])
def test_their_pods_are_restricted_and_bounded(render: Render, name: str) -> None:
    manifests = render(RELAYS, GATEWAYS)

    spec = pod(manifests, name)["spec"]
    (container,) = spec["containers"]
    operator = pod(manifests, "promptops")["spec"]
    assert spec["securityContext"] == operator["securityContext"]
    assert container["securityContext"] == operator["containers"][0]["securityContext"]
    assert set(container["resources"]["limits"]) == {"memory"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "operations"}


def test_the_gateway_is_called_by_the_name_of_its_certificate(render: Render) -> None:
    service = named(render(GATEWAYS), "Service", GATEWAY)

    assert gateway_host(service["metadata"]["namespace"]) == "promptops-gateway.promptops-system.svc"
    assert [(each["port"], each["targetPort"]) for each in service["spec"]["ports"]] == [(443, "renders")]


def test_relays_are_scraped_when_there_are_any(render: Render) -> None:
    manifests = render(RELAYS, "monitoring.podMonitor.enabled=true")

    assert named(manifests, "PodMonitor", "promptops-relays")["spec"]["podMetricsEndpoints"][0]["port"] == "operations"
