"""The API server accepts and refuses what the cases say, and whoever reads the same manifests without it says the same."""

from __future__ import annotations

import json

import pytest

from promptops.api.v1alpha1.tenant import Tenant
from promptops.domain.manifests import parse_as
from promptops.domain.stored import as_stored
from promptops.workspace.manifest_files import read_file
from tests.crds.case import Case, Manifest, at, cases
from tests.crds.server import Server

OLDER_WORDS = {"may not be longer than": "may not be more than", "must be of type integer": "must be of type int64"}
"""What Kubernetes 1.31 says, and what is said since."""


def _ids(case: Case) -> str:
    return f"{case.topic}: {case.name}"


@pytest.mark.parametrize("case", cases(), ids=_ids)
def test_the_api_server_gives_the_verdict(case: Case, server: Server, namespace: str) -> None:
    answer = server.create(case.object, namespace)
    try:
        if case.then is not None:
            assert answer.status_code == 201, answer.text
            answer = server.replace(case.changed(answer.json()), namespace)
    finally:
        server.delete(case.object, namespace)

    if case.refused is None:
        assert answer.is_success, answer.text
        stored = answer.json()
        assert {path: at(stored, path) for path in case.stored} == case.stored
    else:
        assert answer.is_client_error or case.server_only, answer.text
        assert case.refused in _in_newer_words(answer.json()["message"])


def _in_newer_words(message: str) -> str:
    for older, newer in OLDER_WORDS.items():
        message = message.replace(older, newer)
    return message


@pytest.mark.parametrize("case", [c for c in cases() if c.then is None and not c.server_only], ids=_ids)
def test_a_reader_without_an_api_server_gives_the_same_verdict(case: Case) -> None:
    wrong = _wrong_without_an_api_server(case.object)

    assert (not wrong) == (case.refused is None), wrong


def _wrong_without_an_api_server(manifest: Manifest) -> list[str]:
    """Read the manifest as a directory of manifests is read; a Tenant, which a directory ignores, as the operator reads it."""
    if manifest.get("kind") == "Tenant":
        return [finding.sentence for finding in parse_as(Tenant, manifest, "")[1]]
    return [str(flaw) for flaw in read_file("case.json", json.dumps(manifest).encode()).flaws]


@pytest.mark.parametrize("case", [c for c in cases() if c.refused is None], ids=_ids)
def test_what_is_stored_can_be_foretold_and_read_back(case: Case, server: Server, namespace: str) -> None:
    stored = server.create(case.object, namespace).json()
    server.delete(case.object, namespace)

    assert not _wrong_without_an_api_server(stored)

    foretold = as_stored(case.object)
    assert (foretold["spec"], foretold["status"]) == (stored["spec"], stored["status"])
