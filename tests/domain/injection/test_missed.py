"""Which pods lack the sidecar they asked for, by their metadata."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.injection.pod import missed

ASKS = {"promptops.io/inject": "true"}
TERMINATING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def pod(labels: object = ASKS, namespace: str = "shop", **metadata: object) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": namespace, "labels": labels, **metadata}}


@pytest.mark.parametrize(
    ("pods", "counts"),
    [
        pytest.param([pod()], {"shop": 1}, id="one that asked and has none"),
        pytest.param([pod(), pod(), pod(namespace="till")], {"shop": 2, "till": 1}, id="counted by namespace"),
        pytest.param([pod(ASKS | {"promptops.io/injected": "true"})], {}, id="one that has it"),
        pytest.param([pod(ASKS | {"promptops.io/injected": "false"})], {"shop": 1}, id="one that says it has none"),
        pytest.param([pod({"promptops.io/inject": "false"})], {}, id="one that declined"),
        pytest.param([pod({"promptops.io/inject": "True"})], {}, id="another word than true"),
        pytest.param([pod(None)], {}, id="one without labels"),
        pytest.param([pod({"app": "web"})], {}, id="one that never asked"),
        pytest.param([pod(**TERMINATING)], {}, id="one that is going"),
        pytest.param([pod(namespace="kube-system")], {}, id="where nobody injects"),
        pytest.param([], {}, id="no pods"),
    ],
)
def test_pods_without_their_sidecar(pods: list[dict[str, Any]], counts: dict[str, int]) -> None:
    assert missed(pods, {"kube-system"}) == counts
