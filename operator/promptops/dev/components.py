"""Command lines of the control plane's parts, as values. They listen on 127.0.0.1 only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promptops.dev.processes import Command

ETCD = "etcd"
API_SERVER = "kube-apiserver"
CONTROLLER_MANAGER = "kube-controller-manager"
ISSUER = "https://kubernetes.default.svc"

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
# Events and leases are written all the time and decide nothing.
- level: None
  resources:
  - {group: "", resources: [events]}
  - {group: events.k8s.io, resources: [events]}
  - {group: coordination.k8s.io, resources: [leases]}
# Discovery and health are about no object.
- level: None
  nonResourceURLs: ["*"]
# Who did what to which object, and how it ended: never the text of a prompt.
- level: Metadata
"""


@dataclass(frozen=True)
class Ports:
    """Where a plane listens."""

    api_server: int
    etcd: int
    etcd_peer: int


def etcd(binary: Path, folder: Path, ports: Ports) -> Command:
    """Storage that forgets to call fsync: a dev plane may lose its data with the machine's power."""
    client, peer = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.etcd_peer}"
    return Command(
        ETCD,
        (
            str(binary),
            f"--data-dir={folder / 'etcd'}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        ),
        ready_url=f"{client}/readyz",
    )


def api_server(binary: Path, folder: Path, ports: Ports) -> Command:
    """The API server, with RBAC, ServiceAccount tokens and an audit log.

    The audience of the feed is deliberately no API audience: with it, a sidecar's token would open the API.
    """
    certificates = folder / "certificates"
    return Command(
        API_SERVER,
        (
            str(binary),
            f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={ports.api_server}",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={certificates}",
            f"--tls-cert-file={certificates / 'api-server.crt'}",
            f"--tls-private-key-file={certificates / 'api-server.key'}",
            f"--client-ca-file={certificates / 'authority.crt'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            "--authorization-mode=RBAC",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={certificates / 'service-account.pub'}",
            f"--service-account-signing-key-file={certificates / 'service-account.key'}",
            f"--audit-policy-file={folder / 'audit-policy.yaml'}",
            f"--audit-log-path={folder / 'audit.log'}",
            "--audit-log-maxsize=10240",  # never rotated under a reader
            "--profiling=false",
        ),
        ready_url=f"https://127.0.0.1:{ports.api_server}/readyz",
    )


def controller_manager(binary: Path, folder: Path, ports: Ports) -> Command:
    """Ownership, namespaces, ServiceAccounts; as fast as tests are impatient."""
    certificates, kubeconfig = folder / "certificates", folder / "controller-manager.kubeconfig"
    return Command(
        CONTROLLER_MANAGER,
        (
            str(binary),
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            "--secure-port=0",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={certificates / 'service-account.key'}",
            f"--root-ca-file={certificates / 'authority.crt'}",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--concurrent-gc-syncs=40",
            "--concurrent-namespace-syncs=20",
            "--profiling=false",
        ),
        # It serves nothing itself, but this is its first deed in every namespace.
        ready_url=f"https://127.0.0.1:{ports.api_server}/api/v1/namespaces/default/serviceaccounts/default",
    )
