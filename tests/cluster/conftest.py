"""A real API server with our kinds, and our own client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from promptops import codegen
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, install


@pytest.fixture(scope="session")
def kinds(plane: Plane) -> Plane:
    """The shared plane with CRDs, policies, the operator's namespace and its roles."""
    install(plane, codegen.manifests(NAMESPACE))
    return plane


@pytest.fixture
async def client(kinds: Plane) -> AsyncIterator[Client]:
    """Our client with the administrator's rights."""
    made = Client(await Connection.open(kinds.kubeconfig))
    yield made
    await made.close()


@pytest.fixture
def objects(client: Client) -> Objects:
    """What our client reads and writes."""
    return Objects(client)
