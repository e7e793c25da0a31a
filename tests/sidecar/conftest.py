"""Sidecars for tests: one to start, and one over a directory of typical prompts that the module shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gateway import GatewayClient, gateway_over
from tests.support.sidecar import Sidecar, Start, sidecars, write
from tests.support.typical import MANIFESTS


@pytest.fixture
def start_sidecar() -> Iterator[Start]:
    """Start a sidecar; it ends with the test."""
    yield from sidecars()


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar over prompts that no test changes."""
    directory = tmp_path_factory.mktemp("prompts")
    write(directory / "prompts.yaml", *MANIFESTS)
    for start in sidecars():
        yield start(directory)


@pytest.fixture(scope="session")
def gateway_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayClient]:
    """A caller of a gateway that serves the same prompts."""
    directory = tmp_path_factory.mktemp("gateway")
    write(directory / "prompts.yaml", *MANIFESTS)
    with gateway_over(directory) as client:
        yield client


@pytest.fixture(params=["sidecar", "gateway_client"])
def answering(request: pytest.FixtureRequest) -> Sidecar | GatewayClient:
    """Each that answers the calls of applications: what a test says of one holds for both."""
    found: Sidecar | GatewayClient = request.getfixturevalue(request.param)
    return found
