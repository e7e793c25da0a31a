"""Whoever reaches the webhook may send it anything: it answers with what is wrong, and goes on."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.admission.pods import INJECTED
from tests.admission.webhook import RunningWebhook

QUESTION: dict[str, Any] = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {"uid": "1", "operation": "CREATE", "object": INJECTED["one container"]},
}


def of(**request: Any) -> bytes:
    """A question that differs in its request."""
    return json.dumps({**QUESTION, "request": {**QUESTION["request"], **request}}).encode()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("POST", "/inject", b"", 400, id="nothing"),
        pytest.param("POST", "/inject", b"hello", 400, id="no JSON"),
        pytest.param("POST", "/inject", b"{}", 400, id="no AdmissionReview"),
        pytest.param("POST", "/validate", json.dumps({**QUESTION, "kind": "Pod"}).encode(), 400, id="another kind"),
        pytest.param("POST", "/validate", json.dumps({**QUESTION, "apiVersion": "v2"}).encode(), 400, id="another version"),
        pytest.param("POST", "/validate", of(uid=""), 400, id="no uid"),
        pytest.param("POST", "/validate", of(uid=7), 400, id="a uid that is a number"),
        pytest.param("POST", "/validate", of(operation="DELETE"), 400, id="an operation it is not asked about"),
        pytest.param("POST", "/validate", of(object=[]), 400, id="an object that is a list"),
        pytest.param("POST", "/validate", of(object={"a": "b"}), 200, id="an object that is none of ours"),
        pytest.param("POST", "/validate", b'{"a":' * 100_000, 400, id="nested without an end"),
        pytest.param("POST", "/validate", of(object={"a": "x" * 3 * 1024 * 1024}), 413, id="more than 3 MiB"),
        pytest.param("POST", "/inject", of(object={"metadata": 1, "spec": {"containers": 7}}), 200, id="no pod at all"),
        pytest.param("POST", "/inject", of(dryRun=True), 200, id="a dry run"),
        pytest.param("POST", "/inject?timeout=2s", of(), 200, id="as the API server asks"),
        pytest.param("GET", "/inject", b"", 405, id="another method"),
        pytest.param("POST", "/", of(), 404, id="another path"),
    ],
)  # fmt: skip
def test_a_request(webhook: RunningWebhook, method: str, path: str, body: bytes, status: int) -> None:
    with webhook.client as client:
        answer = client.request(method, path, content=body)

        assert answer.status_code == status
        assert client.get(f"{webhook.operations_url}/readyz").status_code == 200


def test_deep_objects_are_let_through_or_judged(webhook: RunningWebhook) -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}

    with webhook.client as client:
        answer = client.post(
            "/validate", content=of(object={"apiVersion": "promptops.io/v1alpha1", "kind": "Prompt", "spec": deep})
        )

    assert answer.json()["response"]["uid"] == "1"


def test_without_tls_nothing_is_said(webhook: RunningWebhook) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.post(webhook.url.replace("https", "http"), content=of(), trust_env=False)
