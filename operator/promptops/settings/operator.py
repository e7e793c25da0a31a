"""Settings of the operator."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from promptops.api.names import RELAY
from promptops.settings.environment import SettingsError, accounts, address, optional_path, reached_at, seconds, switch


@dataclass(frozen=True)
class OperatorSettings:
    """What the operator needs to know before it can talk to the cluster."""

    namespace: str
    """The operator's own namespace: its Lease and the Secret with the signing keys live there."""
    identity: str
    """Of this process alone, so that no two ever hold one Lease: the host's name, which in a pod is the pod's, and chance."""
    kubeconfig: Path | None
    """None in a pod, where the mounted ServiceAccount token is used."""
    feed_address: str
    """host:port of the feed. It speaks TLS alone, and to holders of a token for it."""
    advertised_address: str
    """host:port at which the other replicas reach this one's feed: PROMPTOPS_POD_IP, or the feed's host, and the feed's port."""
    token_file: Path | None
    """The projected token that this replica shows to the leader's feed while it stands by; without one it does not follow."""
    relays: frozenset[tuple[str, str]]
    """ServiceAccounts, namespace/name and commas between them, that may follow every scope; none: promptops and promptops-relay of the
    operator's namespace."""
    operations_address: str
    """host:port of /metrics, /healthz, /readyz."""
    tenancy_mode: Literal["Implicit", "Strict"]
    """What a namespace is that no Tenant claims: its own tenant, or refused."""
    webhook: bool
    """Whether there is an admission webhook whose certificate is to be looked after."""
    key_seconds: int
    """Life of a signing key, before the next one takes over."""
    authority_seconds: int
    """Life of the authority of the feed's certificates; the next one takes over after half of it."""
    certificate_seconds: int
    """Life of a certificate of the feed, renewed after two thirds of it."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ, identity: str = "") -> OperatorSettings:
        """Read PROMPTOPS_* and KUBECONFIG. `identity`: of this process; made up when it is empty.

        Raises SettingsError naming the variable when one has an impossible value.
        """
        namespace = environ.get("PROMPTOPS_NAMESPACE") or "promptops-system"
        feed_address = address(environ, "PROMPTOPS_FEED_ADDRESS", "0.0.0.0:8282")
        own_accounts = f"{namespace}/promptops,{namespace}/{RELAY}"
        return cls(
            namespace=namespace,
            identity=identity or drawn_identity(),
            kubeconfig=optional_path(environ, "KUBECONFIG"),
            feed_address=feed_address,
            advertised_address=reached_at(environ, "PROMPTOPS_POD_IP", feed_address),
            token_file=optional_path(environ, "PROMPTOPS_TOKEN_FILE"),
            relays=accounts(environ, "PROMPTOPS_RELAYS", own_accounts),
            operations_address=address(environ, "PROMPTOPS_OPERATIONS_ADDRESS", "0.0.0.0:8080"),
            tenancy_mode=_tenancy_mode(environ),
            key_seconds=seconds(environ, "PROMPTOPS_KEY_SECONDS", "7776000"),
            authority_seconds=seconds(environ, "PROMPTOPS_AUTHORITY_SECONDS", "31536000"),
            certificate_seconds=seconds(environ, "PROMPTOPS_CERTIFICATE_SECONDS", "86400"),
            webhook=switch(environ, "PROMPTOPS_WEBHOOK", "false"),
        )


def drawn_identity() -> str:
    """Return a name that no other process has."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"


def _tenancy_mode(environ: Mapping[str, str]) -> Literal["Implicit", "Strict"]:
    value = environ.get("PROMPTOPS_TENANCY_MODE") or "Implicit"
    if value == "Implicit":
        return "Implicit"
    if value == "Strict":
        return "Strict"
    raise SettingsError(f"PROMPTOPS_TENANCY_MODE is {value!r}; it must be Implicit or Strict")
