"""The session's control plane with our kinds, policies and roles on it."""

from __future__ import annotations

import secrets

import pytest

from promptops.dev.plane import Plane
from tests.crds.server import Server, installed_on


@pytest.fixture(scope="session")
def server(plane: Plane) -> Server:
    """The API server of the session's plane, with everything that codegen gives."""
    return installed_on(plane)


@pytest.fixture(scope="session")
def namespace(server: Server) -> str:
    """One namespace for all of them; each test removes what it made."""
    name = f"crds-{secrets.token_hex(4)}"
    server.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).raise_for_status()
    return name
