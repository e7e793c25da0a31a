"""The API server accepts and refuses what the cases say, and whoever reads the same manifests without it says the same."""

from __future__ import annotations

import pytest

from promptops.api.v1alpha1.manifest import ManifestInvalid, as_stored, read_manifest
from tests.crds.case import Case, at, cases
from tests.crds.server import Server


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
        assert case.refused in answer.json()["message"]


@pytest.mark.parametrize("case", [c for c in cases() if c.then is None and not c.server_only], ids=_ids)
def test_a_reader_without_an_api_server_gives_the_same_verdict(case: Case) -> None:
    try:
        read_manifest(case.object)
        accepted = True
    except ManifestInvalid:
        accepted = False

    assert accepted == (case.refused is None)


@pytest.mark.parametrize("case", [c for c in cases() if c.refused is None], ids=_ids)
def test_what_is_stored_can_be_foretold_and_read_back(case: Case, server: Server, namespace: str) -> None:
    stored = server.create(case.object, namespace).json()
    server.delete(case.object, namespace)

    read_manifest(stored)

    foretold = as_stored(case.object)
    assert (foretold["spec"], foretold["status"]) == (stored["spec"], stored["status"])
