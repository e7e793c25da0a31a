"""Kubeconfig files of a plane. JSON, which is YAML too."""

from __future__ import annotations

import base64
import json

from promptops.web.certificates import Identity


def for_certificate(server: str, authority: bytes, identity: Identity, namespace: str = "default") -> str:
    """Return a kubeconfig whose user proves itself with a client certificate."""
    user = {
        "client-certificate-data": _base64(identity.certificate),
        "client-key-data": _base64(identity.key),
    }
    return _kubeconfig(server, authority, user, namespace)


def for_token(server: str, authority: bytes, token: str, namespace: str = "default") -> str:
    """Return a kubeconfig whose user proves itself with a bearer token."""
    return _kubeconfig(server, authority, {"token": token}, namespace)


def _kubeconfig(server: str, authority: bytes, user: dict[str, str], namespace: str) -> str:
    name = "promptops-dev"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": _base64(authority)}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
    }
    return json.dumps(document, indent=1) + "\n"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
