"""Command lines of the node's components: the node's configuration as data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.e2e.cluster.layout import FILES, ISSUER, NODE, NODE_ADDRESS, SERVICE_NETWORK

_ETCD = "http://127.0.0.1:2379"
_ETCD_PEER = "http://127.0.0.1:2380"


def foundation(folder: Path, binaries: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return what starts at once, by name."""
    return {
        "etcd": (
            binaries["etcd"],
            f"--data-dir={folder}/node/etcd",
            f"--listen-client-urls={_ETCD}",
            f"--advertise-client-urls={_ETCD}",
            f"--listen-peer-urls={_ETCD_PEER}",
            f"--initial-advertise-peer-urls={_ETCD_PEER}",
            f"--initial-cluster=default={_ETCD_PEER}",
            "--unsafe-no-fsync",  # it lives for one test run
            "--log-level=error",
        ),
        "kube-apiserver": (binaries["kube-apiserver"], *_api_server(folder)),
        "containerd": (binaries["containerd"], f"--config={folder}/containerd.toml"),
    }


def _api_server(folder: Path) -> tuple[str, ...]:
    certificates = folder / "certificates"
    return (
        f"--etcd-servers={_ETCD}",
        f"--bind-address={NODE_ADDRESS}",
        f"--advertise-address={NODE_ADDRESS}",
        "--secure-port=6443",
        "--allow-privileged=true",
        "--profiling=false",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={certificates}/authority.crt",
        f"--tls-cert-file={certificates}/api-server.crt",
        f"--tls-private-key-file={certificates}/api-server.key",
        f"--service-account-issuer={ISSUER}",
        # Only its own: the audience of the feed must never be good for the API.
        f"--api-audiences={ISSUER}",
        f"--service-account-key-file={certificates}/service-account.pub",
        f"--service-account-signing-key-file={certificates}/service-account.key",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--kubelet-client-certificate={certificates}/administrator.crt",
        f"--kubelet-client-key={certificates}/administrator.key",
        f"--kubelet-certificate-authority={certificates}/authority.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={FILES}/audit-policy.yaml",
        f"--audit-log-path={folder}/audit.log",
        "--audit-log-maxsize=10240",  # never rotated under a reader
    )


def rest(folder: Path, binaries: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return what starts once the API server answers, by name."""
    certificates = folder / "certificates"
    return {
        "kube-controller-manager": (
            binaries["kube-controller-manager"],
            f"--kubeconfig={folder}/controller-manager.kubeconfig",
            "--leader-elect=false",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={certificates}/service-account.key",
            f"--root-ca-file={certificates}/authority.crt",
            "--bind-address=127.0.0.1",
        ),
        "kube-scheduler": (
            binaries["kube-scheduler"],
            f"--kubeconfig={folder}/scheduler.kubeconfig",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ),
        "kubelet": (
            binaries["kubelet"],
            f"--kubeconfig={folder}/kubelet.kubeconfig",
            f"--config={folder}/kubelet.yaml",
            f"--node-ip={NODE_ADDRESS}",
            f"--hostname-override={NODE}",
            "--v=2",
        ),
        "kube-proxy": (binaries["kube-proxy"], f"--config={folder}/kube-proxy.yaml"),
    }
