"""The webhook's certificate: made, made known and renewed; what is right already is not written again."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from promptops.api.names import WEBHOOK
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.cluster.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS
from promptops.codegen import webhooks
from promptops.controller.publish.certificates import LIFE
from promptops.controller.publish.webhook import Rehearsal, WebhookCertificate
from promptops.dev.plane import Plane
from promptops.web.certificates import Authority, Identity, valid_until
from promptops.web.encryption import Encryption
from tests.crds.server import installed_on
from tests.support.waiting import until_told

pytestmark = pytest.mark.cluster

BOTH = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS)


@dataclass
class Signing:
    """An issuer whose authorities a test changes."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    authority: Authority = field(default_factory=lambda: Authority("first", datetime.now(UTC)))
    more: str = ""

    @property
    def authorities(self) -> str:
        return self.authority.certificate.decode() + self.more

    def issue(self, hosts: tuple[str, ...], life: timedelta) -> Identity:
        return self.authority.server("webhook", (), hosts, life)


@pytest.fixture
async def objects(plane: Plane) -> AsyncIterator[Objects]:
    client = Client(await Connection.open(plane.kubeconfig))
    yield Objects(client)
    await client.close()


@pytest.fixture
def configured(plane: Plane, namespace: str) -> Any:
    """Both configurations, as the chart has them; they mean one namespace alone."""
    made = [webhooks.validating(namespace), webhooks.mutating(namespace)]
    for each in made:
        each["webhooks"][0]["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    plane.kubectl("create", "-f", "-", input=listed)
    yield
    plane.kubectl("delete", "-f", "-", input=listed)


async def versions(objects: Objects, namespace: str) -> list[str]:
    """The resourceVersions of everything that is written."""
    found = [await objects.get(SECRETS, namespace, WEBHOOK), *[await objects.get(each, None, WEBHOOK) for each in BOTH]]
    return [each["metadata"]["resourceVersion"] for each in found]


async def certificate(objects: Objects, namespace: str) -> Identity:
    """What the webhook's pods mount; it is usable, or this raises."""
    data = (await objects.get(SECRETS, namespace, WEBHOOK))["data"]
    identity = Identity(*(base64.b64decode(data[key]) for key in ("tls.crt", "tls.key")))
    Encryption(identity)
    return identity


@pytest.mark.usefixtures("configured")
async def test_it_is_made_and_made_known(objects: Objects, namespace: str) -> None:
    signing = Signing()
    kept = WebhookCertificate(objects, namespace, signing)
    assert kept.not_ready is not None

    await kept.look()

    for resource in BOTH:
        (hook,) = (await objects.get(resource, None, WEBHOOK))["webhooks"]
        assert base64.b64decode(hook["clientConfig"]["caBundle"]).decode() == signing.authorities
        assert hook["clientConfig"]["service"]["namespace"] == namespace
    assert valid_until((await certificate(objects, namespace)).certificate) > signing.now + LIFE / 2


@pytest.mark.usefixtures("configured")
async def test_what_is_right_is_not_written_again(objects: Objects, namespace: str) -> None:
    signing = Signing()
    await WebhookCertificate(objects, namespace, signing).look()
    before = await versions(objects, namespace)

    await WebhookCertificate(objects, namespace, signing).look()

    assert await versions(objects, namespace) == before


@pytest.mark.usefixtures("configured")
async def test_a_certificate_whose_authority_ends_soon_is_not_written_again_and_again(
    objects: Objects, namespace: str
) -> None:
    signing = Signing(authority=Authority("brief", datetime.now(UTC), timedelta(minutes=4)))
    await WebhookCertificate(objects, namespace, signing).look()
    before = await versions(objects, namespace)
    await WebhookCertificate(objects, namespace, signing).look()
    again = await versions(objects, namespace)
    late = signing.now + timedelta(minutes=3)
    await WebhookCertificate(objects, namespace, signing, now=lambda: late).look()

    assert again == before
    assert (await versions(objects, namespace))[0] != before[0], "after two thirds of its own life it is renewed"


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param("old", id="two thirds of its life are over"),
        pytest.param("authority", id="another authority signs"),
        pytest.param("next", id="another authority is believed"),
        pytest.param("spoilt", id="somebody spoilt it"),
    ],
)
async def test_it_is_renewed(objects: Objects, plane: Plane, namespace: str, change: str) -> None:
    signing = Signing()
    await WebhookCertificate(objects, namespace, signing).look()
    before = await certificate(objects, namespace)
    now = signing.now + (LIFE * 0.7 if change == "old" else timedelta(0))
    if change == "authority":
        signing.authority = Authority("second", signing.now)
    if change == "next":
        signing.more = Authority("second", signing.now).certificate.decode()
    if change == "spoilt":
        plane.kubectl("-n", namespace, "patch", "secret", WEBHOOK, "-p", '{"stringData":{"tls.crt":"x"}}')

    await WebhookCertificate(objects, namespace, signing, now=lambda: now).look()

    assert await certificate(objects, namespace) != before


async def test_without_configurations_there_is_nothing_to_tell(objects: Objects, namespace: str) -> None:
    await WebhookCertificate(objects, namespace, Signing()).look()

    await certificate(objects, namespace)


@pytest.mark.usefixtures("configured")
async def test_a_webhook_that_nobody_asks_is_waited_for(objects: Objects, plane: Plane, namespace: str) -> None:
    """There is no Service, or none with an address that the API server's node knows: what fails open says nothing."""
    installed_on(plane)
    kept = WebhookCertificate(objects, namespace, Signing())

    await kept.look()

    assert "takes a version that the webhook would refuse" in str(kept.not_ready)


async def test_a_policy_of_somebody_is_named(objects: Objects, plane: Plane, namespace: str) -> None:
    installed_on(plane)
    name = f"no-versions-{namespace}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [
                    {
                        "apiGroups": ["promptops.io"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE"],
                        "resources": ["promptversions"],
                    }
                ],
            },
            "validations": [{"expression": "false", "message": "not on Fridays"}],
        },
    }
    binding = {
        "apiVersion": policy["apiVersion"],
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [policy, binding]})
    plane.kubectl("create", "-f", "-", input=listed)
    rehearsal = Rehearsal(objects, namespace)

    async def is_named() -> bool:
        await rehearsal.look()
        return "not on Fridays" in str(rehearsal.problem)

    try:
        await until_told(is_named, lambda: str(rehearsal.problem))
    finally:
        plane.kubectl("delete", "-f", "-", input=listed)
