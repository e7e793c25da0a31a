"""The webhook as the API server calls it: what it says at once is what the operator would say later, and pods get sidecars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from promptops.api.feed import Trust
from promptops.cache.signing import Signer
from promptops.cli.probe import probe
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.controller.publish.webhook import Rehearsal
from promptops.dev.plane import Plane
from promptops.domain.injection.pod import injected
from promptops.domain.review import review
from tests.admission.conftest import Pods
from tests.admission.pods import INJECTED, PARAMETERS, REFUSED
from tests.admission.test_policy import comparable
from tests.admission.webhook import RunningWebhook
from tests.crds.server import Server
from tests.support.manifests import sourced, version

Manifest = dict[str, Any]
ALL = [pytest.param(each, id=name) for name, each in INJECTED.items()]
BROKEN = [
    pytest.param(sourced("a", "Hello\n{{ nme }}"), id="an undeclared variable"),
    pytest.param(sourced("a", "Hello\n  {% if x %}"), id="a block without an end"),
    pytest.param(version("a", "1.0.0", "{{ x.__class__ }}"), id="a way out of the template"),
    pytest.param(sourced("a", "{% include '/etc/passwd' %}"), id="an include of a file"),
]


@pytest.mark.parametrize("asking", ALL)
def test_webhook_and_description_agree(
    pods: Pods, webhook: RunningWebhook, refusing: dict[str, str], asking: Manifest
) -> None:
    by_hand = pods.dry(injected(asking, PARAMETERS), refusing["nobody"])

    by_webhook = pods.dry(asking, refusing["webhook"])

    assert comparable(by_webhook) == comparable(by_hand)


@pytest.mark.parametrize("asking", ALL)
def test_what_has_its_sidecar_is_left_alone(
    pods: Pods, webhook: RunningWebhook, refusing: dict[str, str], asking: Manifest
) -> None:
    done = injected(asking, PARAMETERS)

    again = pods.dry(done, refusing["webhook"])

    assert comparable(again) == comparable(pods.dry(done, refusing["nobody"]))


@pytest.mark.parametrize(("asking", "said"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
def test_a_pod_that_is_refused(
    pods: Pods, webhook: RunningWebhook, refusing: dict[str, str], asking: Manifest, said: str
) -> None:
    assert said in pods.refusal(asking, refusing["webhook"])


@pytest.mark.parametrize(("namespace", "sees"), [("webhook", True), ("nobody", False)])
async def test_the_operator_sees_whether_it_is_asked(
    plane: Plane, webhook: RunningWebhook, refusing: dict[str, str], namespace: str, sees: bool
) -> None:
    client = Client(await Connection.open(plane.kubeconfig))
    rehearsal = Rehearsal(Objects(client), refusing[namespace])

    await rehearsal.look()

    assert (rehearsal.problem is None) is sees
    await client.close()


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_wrong_is_said_at_apply(
    plane: Plane, webhook: RunningWebhook, refusing: dict[str, str], broken: Manifest
) -> None:
    answer = Server(plane).create(broken, refusing["webhook"])

    (finding,) = review(broken)
    assert answer.status_code == 422
    assert answer.json()["message"].endswith(f"denied the request: {finding.sentence}")
    assert "line " in finding.sentence


def test_what_is_probably_not_meant_is_a_warning(
    plane: Plane, webhook: RunningWebhook, refusing: dict[str, str]
) -> None:
    unused = {"text": "Hello", "variables": [{"name": "x", "type": "string"}]}

    answer = Server(plane).create(sourced("unused", unused), refusing["webhook"])

    assert answer.is_success
    assert "x" in answer.headers["warning"]


def test_kubectl_prints_where(plane: Plane, webhook: RunningWebhook, refusing: dict[str, str]) -> None:
    broken = json.dumps(sourced("a", "Hello\n{{ nme }}"))

    done = plane.kubectl("apply", "-n", refusing["webhook"], "-f", "-", input=broken, check=False)

    assert "spec.source.content.text: line 2, column 4" in done.stderr


def test_a_probe_hears_its_refusal(webhook: RunningWebhook, tmp_path: Path) -> None:
    trust = Trust((Signer(bytes(32)).trusted,), webhook.authority.certificate.decode())
    (tmp_path / "trust.json").write_bytes(msgspec.json.encode(trust))
    # Without a token nobody is asked for the feed.
    files = (f"--token-file={tmp_path / 'token'}", f"--trust-file={tmp_path / 'trust.json'}")

    done = CliRunner().invoke(probe, ["--feed=https://127.0.0.1:1", f"--webhook={webhook.url}", *files])

    assert "feed: https://127.0.0.1:1 cannot be followed: Unauthenticated: the token cannot be read" in done.output
    assert "webhook: refuses a version whose template has no end: " in done.output


def test_its_metrics_say_what_was_answered(pods: Pods, webhook: RunningWebhook, refusing: dict[str, str]) -> None:
    pods.dry(INJECTED["one container"], refusing["webhook"])

    with webhook.client as client:
        scraped = client.get(f"{webhook.operations_url}/metrics").text
    assert 'promptops_admission_reviews_total{outcome="injected",path="/inject"}' in scraped
    assert "promptops_admission_certificate_expiry_timestamp_seconds 1" in scraped
