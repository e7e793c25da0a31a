"""What spares the API server a question: tokens that no API server would ever accept for the feed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from promptops.access.claims import Hopeless, read_claims
from promptops.api.feed import AUDIENCE

NOW = 1_000_000.0
GOOD: dict[str, Any] = {"sub": "system:serviceaccount:team-a:default", "aud": [AUDIENCE], "exp": NOW + 600}


def token(payload: object, *, parts: int = 3) -> str:
    encoded = base64.urlsafe_b64encode(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return ".".join(["e30", encoded.rstrip(b"=").decode(), "c2ln", "x"][:parts])


@pytest.mark.parametrize(
    ("changes", "expires"),
    [
        pytest.param({}, NOW + 600, id="as Kubernetes makes them"),
        pytest.param({"aud": AUDIENCE}, NOW + 600, id="one audience"),
        pytest.param({"aud": ["other", AUDIENCE]}, NOW + 600, id="several audiences"),
        pytest.param({"exp": NOW - 30}, NOW - 30, id="expired by another clock, perhaps"),
        pytest.param({"exp": None}, None, id="that never expires"),
    ],
)
def test_a_token_that_has_to_be_asked_about(changes: dict[str, Any], expires: float | None) -> None:
    claims = read_claims(token(GOOD | changes), NOW)

    assert (claims.subject, claims.expires) == (GOOD["sub"], expires)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("", id="nothing"),
        pytest.param("garbage-7", id="a word"),
        pytest.param("a.b.c", id="three letters"),
        pytest.param(token(GOOD, parts=2), id="two parts"),
        pytest.param(token(GOOD, parts=4), id="four parts"),
        pytest.param(token(GOOD) + "=", id="padding"),
        pytest.param(token(GOOD) + "é", id="beyond ASCII"),
        pytest.param(token(GOOD) + "\n", id="a line end"),
        pytest.param(token(b"\xff\xfe"), id="bytes"),
        pytest.param(token(b"[" * 5000), id="nested deeply"),
        pytest.param(token([]), id="a list"),
        pytest.param(token("x"), id="a text"),
        pytest.param("x" * 20_000, id="too long"),
        pytest.param(token(GOOD | {"sub": "system:node:one"}), id="a node"),
        pytest.param(token(GOOD | {"sub": "system:serviceaccount:a"}), id="half a subject"),
        pytest.param(token(GOOD | {"sub": ["x"]}), id="no subject"),
        pytest.param(token(GOOD | {"aud": ["https://kubernetes.default.svc"]}), id="for the API server"),
        pytest.param(token(GOOD | {"aud": f"{AUDIENCE} other"}), id="an audience that begins like ours"),
        pytest.param(token(GOOD | {"aud": {AUDIENCE: 1}}), id="an audience of another shape"),
        pytest.param(token({key: GOOD[key] for key in ("sub", "exp")}), id="no audience"),
        pytest.param(token(GOOD | {"exp": NOW - 61}), id="expired"),
        pytest.param(token(GOOD | {"exp": "tomorrow"}), id="an expiry that is a text"),
        pytest.param(token(GOOD | {"exp": True}), id="an expiry that is a truth"),
    ],
)
def test_a_token_that_no_api_server_accepts(shown: str) -> None:
    with pytest.raises(Hopeless):
        read_claims(shown, NOW)
