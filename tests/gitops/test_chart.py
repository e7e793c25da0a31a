"""The installation itself kept by git: rendered, applied by each of the controllers, and left alone while certificates change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, OPERATOR, Stack
from tests.gitops.argocd import ArgoCd
from tests.gitops.delivery import SECONDS, Delivery
from tests.gitops.flux import Flux
from tests.gitops.repository import Repository
from tests.support.manifests import many, placed, prompt
from tests.support.rehearsed import STANDS_IN
from tests.support.waiting import wait_until

pytestmark = pytest.mark.gitops

PLATFORM = "platform"
LOOKS = 5
CONFIGURATIONS = ("validatingwebhookconfiguration", "mutatingwebhookconfiguration")
DEFINITIONS = {f"customresourcedefinition.apiextensions.k8s.io/{kind}.promptops.io" for kind in ("prompts", "promptversions", "tenants")}  # fmt: skip


def _flux(request: pytest.FixtureRequest, plane: Plane) -> tuple[Delivery, AbstractContextManager[Any]]:
    running: AbstractContextManager[str] = request.getfixturevalue("run_flux")(plane)
    url = running.__enter__()
    return Flux(plane, url, account="", waits=False), running


def _argocd(request: pytest.FixtureRequest, plane: Plane) -> tuple[Delivery, AbstractContextManager[Any]]:
    running: AbstractContextManager[None] = request.getfixturevalue("run_argocd")(plane, impersonates=False)
    running.__enter__()
    return ArgoCd(plane), running


@pytest.fixture(params=[pytest.param(_flux, id="flux"), pytest.param(_argocd, id="argocd")])
def installed(
    request: pytest.FixtureRequest, own_plane: Plane, root: Path, tmp_path: Path
) -> Iterator[tuple[Delivery, Plane]]:
    """What `manifests/install.yaml` says, which is the chart as it renders, on a plane of its own, and an operator."""
    delivery, running = request.param(request, own_plane)
    own_plane.kubectl("create", "namespace", PLATFORM)
    repository = Repository(tmp_path)
    shutil.copy(root / "manifests" / "install.yaml", repository.folder)
    delivery.follow(repository, PLATFORM)
    revision = repository.commit("An installation")
    delivery.tell(revision)
    wait_until(
        lambda: (state := delivery.state()).is_applied and state.revision == revision, delivery.state, within=SECONDS
    )
    own_plane.kubectl("apply", "-f", "-", input=STANDS_IN)
    Stack(own_plane).start_operator({"PROMPTOPS_WEBHOOK": "true"})
    yield delivery, own_plane
    running.__exit__(None, None, None)


def certificates(plane: Plane) -> set[str]:
    """What the API server believes of the webhook, as it stands in both of its configurations."""
    found = (
        json.loads(plane.kubectl("get", kind, "promptops-webhook", "-o", "json").stdout) for kind in CONFIGURATIONS
    )
    return {each["clientConfig"].get("caBundle", "") for one in found for each in one["webhooks"]}


def written(plane: Plane, root: Path) -> list[tuple[Any, ...]]:
    """Everything of the installation, so that what is the same was not written to. Deployments have a status besides."""
    found = json.loads(plane.kubectl("get", "-f", str(root / "manifests" / "install.yaml"), "-o", "json").stdout)
    metadata = ((each["kind"], each["metadata"]) for each in found["items"])
    return [
        (kind, each["name"], each.get("generation") if kind == "Deployment" else each["resourceVersion"])
        for kind, each in metadata
    ]


def test_a_certificate_that_changes_is_no_drift(installed: tuple[Delivery, Plane], root: Path) -> None:
    delivery, plane = installed
    wait_until(lambda: "" not in certificates(plane), lambda: certificates(plane))
    first = certificates(plane)
    plane.kubectl("delete", "secret", "promptops-webhook", "-n", NAMESPACE)
    plane.stop(OPERATOR)
    plane.kubectl("delete", "secret", "promptops-keys", "-n", NAMESPACE)
    plane.start(OPERATOR)
    wait_until(lambda: not certificates(plane) & {*first, ""}, lambda: certificates(plane), within=SECONDS)
    second, before = certificates(plane), written(plane, root)
    for _ in range(LOOKS):
        delivery.look_again()

    assert delivery.state().is_applied
    assert certificates(plane) == second
    assert written(plane, root) == before


def test_the_definitions_and_the_prompts_outlast_what_installed_them(installed: tuple[Delivery, Plane]) -> None:
    delivery, plane = installed
    plane.kubectl("apply", "-f", "-", input=many(placed(prompt("greeting"), "default")))
    plane.stop(OPERATOR)
    delivery.unfollow()
    wait_until(
        lambda: plane.kubectl("get", "clusterrole", "promptops", check=False).returncode, "it goes", within=SECONDS
    )

    left = set(plane.kubectl("get", "customresourcedefinitions", "-o", "name").stdout.split())
    assert left >= DEFINITIONS
    assert "greeting" in plane.kubectl("get", "prompts", "-o", "name").stdout
