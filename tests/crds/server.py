"""The API server as a test speaks to it: strict validation, and anybody's identity on request."""

from __future__ import annotations

import json
import ssl
from typing import Any

import httpx

from promptops import codegen
from promptops.api.v1alpha1 import API_VERSION, KINDS
from promptops.dev.plane import Plane
from tests.support.waiting import wait_until

Manifest = dict[str, Any]
OPERATOR_NAMESPACE = "promptops-system"
OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:promptops"
_PLURALS = {kind.NAMES.kind: kind.NAMES.plural for kind in KINDS}


class Server:
    """One control plane's API, as its administrator or as someone else."""

    def __init__(self, plane: Plane) -> None:
        certificates = plane.folder / "certificates"
        tls = ssl.create_default_context(cafile=str(certificates / "authority.crt"))
        tls.load_cert_chain(certificates / "administrator.crt", certificates / "administrator.key")
        self.client = httpx.Client(base_url=plane.server, verify=tls, trust_env=False, timeout=30.0)
        self.plane = plane

    def create(self, manifest: Manifest, namespace: str, user: str | None = None) -> httpx.Response:
        """POST an object."""
        return self.send("POST", _collection(manifest, namespace), manifest, user)

    def replace(self, manifest: Manifest, namespace: str, user: str | None = None) -> httpx.Response:
        """PUT an object over its former self."""
        return self.send("PUT", path_of(manifest, namespace), manifest, user)

    def replace_status(self, manifest: Manifest, namespace: str, user: str) -> httpx.Response:
        """Replace a status whole, as the operator does."""
        path = path_of(manifest, namespace)
        version = self.client.get(path).json()["metadata"]["resourceVersion"]
        metadata = {**manifest["metadata"], "resourceVersion": version}
        return self.send("PUT", f"{path}/status", {**manifest, "metadata": metadata}, user)

    def delete(self, manifest: Manifest, namespace: str) -> None:
        """DELETE an object, if it is there."""
        self.client.delete(path_of(manifest, namespace))

    def send(self, method: str, path: str, body: Any, user: str | None = None) -> httpx.Response:
        """Send JSON with strict validation, and with what the path asks for besides; `user` is who asks."""
        url = httpx.URL(path).copy_merge_params({"fieldValidation": "Strict"})
        return self.client.request(method, url, json=body, headers=_impersonating(user))

    def bind(self, namespace: str, user: str, role: str) -> None:
        """Give a user one of the cluster's ready-made roles in a namespace, and wait until it has gathered ours."""
        of_rbac = {"apiGroup": "rbac.authorization.k8s.io"}
        binding = {
            "metadata": {"name": f"{user}-{role}"},
            "roleRef": {**of_rbac, "kind": "ClusterRole", "name": role},
            "subjects": [{**of_rbac, "kind": "User", "name": user}],
        }
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
        self.send("POST", path, binding).raise_for_status()
        prompts = f"/apis/{API_VERSION}/namespaces/{namespace}/prompts"
        wait_until(lambda: self.send("GET", prompts, None, user).is_success)

    def install(self, manifests: tuple[Manifest, ...]) -> None:
        """Apply an installation's manifests and wait until its kinds are served."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        self.plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=document)
        paths = [f"/apis/{API_VERSION}/{plural}" for plural in _PLURALS.values()]
        wait_until(lambda: all(self.client.get(path).is_success for path in paths))


def installed_on(plane: Plane) -> Server:
    """Install what codegen gives on a plane, unless it is there already."""
    server = Server(plane)
    server.install(codegen.manifests(OPERATOR_NAMESPACE))
    wait_until(
        lambda: all(_has_gathered(server, role) for role in ("edit", "admin")),
        "the ready-made roles have gathered ours",
    )
    return server


def _has_gathered(server: Server, role: str) -> bool:
    found = server.client.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}").json()["rules"] or ()
    return any("prompts" in rule.get("resources", ()) and "create" in rule["verbs"] for rule in found)


def path_of(manifest: Manifest, namespace: str) -> str:
    """Return an object's URL path."""
    return f"{_collection(manifest, namespace)}/{manifest['metadata']['name']}"


def _collection(manifest: Manifest, namespace: str) -> str:
    within = "" if manifest["kind"] == "Tenant" else f"/namespaces/{namespace}"
    return f"/apis/{API_VERSION}{within}/{_PLURALS[manifest['kind']]}"


def _impersonating(user: str | None) -> dict[str, str]:
    return {"Impersonate-User": user} if user else {}
