"""A version's immutability has two locks, the schema's rules and the admission policy; either of them alone holds."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import httpx
import pytest

from promptops import codegen
from promptops.codegen.policies import VERSION_CONTENT
from promptops.dev.plane import Plane
from tests.crds.case import Case, Manifest, cases
from tests.crds.server import OPERATOR_NAMESPACE, Server
from tests.support.waiting import wait_until

IMMUTABILITY = cases("version-immutability")
_BY_POLICY = f"ValidatingAdmissionPolicy '{VERSION_CONTENT}'"


@dataclass(frozen=True)
class Lock:
    """A server on which one of the two locks is gone."""

    server: Server
    is_policy: bool

    def refuses(self, probe: Case) -> bool:
        """Whether this lock, and not the other one, refuses a change."""
        answer = _change(self.server, probe)
        return answer.is_client_error and (_BY_POLICY in answer.text) == self.is_policy


@pytest.fixture(scope="module")
def bare(file_plane: Plane) -> Server:
    """A control plane whose locks can be taken away."""
    return Server(file_plane)


@pytest.fixture(scope="module", params=["policy", "schema"])
def lock(request: pytest.FixtureRequest, bare: Server) -> Lock:
    """The one lock that is left."""
    manifests = codegen.manifests(OPERATOR_NAMESPACE)
    is_policy = request.param == "policy"
    if is_policy:
        bare.install(tuple(_without_rules(manifest) for manifest in manifests))
    else:
        bare.install(tuple(m for m in manifests if not m["kind"].startswith("ValidatingAdmissionPolicy")))
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            bare.plane.kubectl("delete", kind, VERSION_CONTENT, "--ignore-not-found")
    left = Lock(bare, is_policy)
    probe = next(case for case in IMMUTABILITY if case.name == "the text")
    # Both take a moment to come and to go.
    wait_until(lambda: left.refuses(probe))
    return left


@pytest.mark.parametrize("case", IMMUTABILITY, ids=lambda case: case.name)
def test_either_lock_alone_holds(case: Case, lock: Lock) -> None:
    answer = _change(lock.server, case)

    if case.refused is None:
        assert answer.is_success, answer.text
    else:
        assert answer.status_code == 422
        assert case.refused in answer.json()["message"]
        assert (_BY_POLICY in answer.json()["message"]) == lock.is_policy


def _change(server: Server, case: Case) -> httpx.Response:
    created = server.create(case.object, "default")
    created.raise_for_status()
    answer = server.replace(case.changed(created.json()), "default")
    server.delete(case.object, "default")
    return answer


def _without_rules(manifest: Manifest) -> Manifest:
    """Return the definition of PromptVersion as if it had been installed without any rule."""
    if manifest["metadata"]["name"] != "promptversions.promptops.io":
        return manifest
    loosened = copy.deepcopy(manifest)
    root = loosened["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del root["x-kubernetes-validations"], root["properties"]["spec"]["x-kubernetes-validations"]
    return loosened
