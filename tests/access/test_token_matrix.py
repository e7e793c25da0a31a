"""The operator's own feed, tokens of a real API server: who is let in, and what everybody else is told."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from promptops.api.feed import AUDIENCE
from promptops.dev.stack import Stack
from promptops.web.certificates import signing_keys
from tests.support.waiting import wait_until

pytestmark = pytest.mark.cluster


@dataclass
class Place:
    """A namespace with a ServiceAccount `app` on the operator's plane."""

    stack: Stack
    namespace: str

    def kubectl(self, *arguments: str, **options: Any) -> str:
        return self.stack.plane.kubectl("-n", self.namespace, *arguments, **options).stdout.strip()

    def token(self, *options: str, audience: str = AUDIENCE, account: str = "app") -> str:
        return self.kubectl("create", "token", account, *((f"--audience={audience}",) if audience else ()), *options)

    def ask(self, token: str | None, path: str = "/v1/blobs") -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with httpx.Client(verify=self.stack.feed_context(), trust_env=False, timeout=30) as http:
            assert self.stack.operator is not None
            return http.post(f"{self.stack.operator.feed_url}{path}", headers=headers, content=b'{"digests":[]}')

    def key(self) -> bytes:
        return (self.stack.plane.folder / "certificates" / "service-account.key").read_bytes()

    def resigned(self, private: bytes, **changes: object) -> str:
        """A good token's header and claims, some changed, under the signature of a key."""
        header, payload, _ = self.token().split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | changes
        signed = f"{header}.{_encoded(json.dumps(claims).encode())}"
        key = serialization.load_pem_private_key(private, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        pair = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_encoded(b''.join(number.to_bytes(32, 'big') for number in pair))}"

    def refused_by_the_api_server(self, token: str) -> str:
        """The token, as soon as the API server has heard that it is worth nothing."""
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [AUDIENCE]},
        }
        wait_until(
            lambda: (
                "error"
                in json.loads(self.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(review)))["status"]
            )
        )
        return token


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def expired(place: Place) -> str:
    # For its first minute the API server takes it for the difference of two clocks.
    return place.refused_by_the_api_server(place.resigned(place.key(), exp=int(time.time()) - 3600))


def of_a_deleted_pod(place: Place) -> str:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "a", "image": "none"}]},
    }
    place.kubectl("create", "-f", "-", input=json.dumps(pod))
    token = place.token("--bound-object-kind=Pod", "--bound-object-name=one")
    place.kubectl("delete", "pod", "one", "--grace-period=0", "--force")
    return place.refused_by_the_api_server(token)


def of_a_deleted_account(place: Place) -> str:
    place.kubectl("create", "serviceaccount", "gone")
    token = place.token(account="gone")
    place.kubectl("delete", "serviceaccount", "gone")
    return place.refused_by_the_api_server(token)


@pytest.fixture
def place(stack: Stack, stack_namespace: str) -> Place:
    made = Place(stack, stack_namespace)
    made.kubectl("create", "serviceaccount", "app")
    # A namespace that the operator has not heard of yet is no refusal.
    wait_until(lambda: made.ask(made.token()).status_code != 503)
    return made


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(lambda place: None, id="none"),
        pytest.param(lambda place: "garbage", id="garbage"),
        pytest.param(expired, id="expired"),
        pytest.param(lambda place: place.token(audience="somebody.else"), id="wrong audience"),
        pytest.param(lambda place: place.token(audience=""), id="for the API server"),
        pytest.param(of_a_deleted_pod, id="deleted pod"),
        pytest.param(of_a_deleted_account, id="deleted ServiceAccount"),
        pytest.param(lambda place: place.resigned(signing_keys()[0]), id="another cluster's key"),
    ],
)
def test_a_token_that_is_not_for_the_feed(place: Place, refused: Callable[[Place], str | None]) -> None:
    answer = place.ask(refused(place))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_signed_by_the_clusters_key_is_let_in(place: Place) -> None:
    assert place.ask(place.resigned(place.key())).status_code == 200


def test_a_sidecars_token_does_not_make_a_relay(place: Place) -> None:
    answer = place.ask(place.token(), "/v1/blobs?scopes=*")

    assert answer.status_code == 403
