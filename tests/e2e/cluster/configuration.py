"""Everything the node reads: certificates, kubeconfigs, and the files of its components."""

from __future__ import annotations

import datetime
import string
from pathlib import Path

from promptops.dev import kubeconfig
from promptops.web.certificates import Authority, Identity, signing_keys, write_secret
from tests.e2e.cluster import layout, machine
from tests.e2e.cluster.layout import FILES, NODE, NODE_ADDRESS


def write(folder: Path, snapshotter: str) -> None:
    """Write all files of a node into its folder."""
    _write_credentials(folder)
    (folder / "resolv.conf").write_text(f"nameserver {layout.DNS_ADDRESS}\n")
    (folder / "cni").mkdir()
    values = {
        "folder": str(folder),
        "snapshotter": snapshotter,
        "pause_image": layout.PAUSE_IMAGE,
        "coredns_image": layout.COREDNS_IMAGE,
        "cni_plugins": str(machine.cni_plugins()),
        "runc": str(machine.program("runc")),
        "pod_network": layout.POD_NETWORK,
        "dns_address": layout.DNS_ADDRESS,
        "address": NODE_ADDRESS,
        "node": NODE,
        "cgroup": f"/{layout.NAME}",
    }
    for source, target in {
        "containerd.toml": "containerd.toml",
        "bridge.conflist": "cni/10-bridge.conflist",
        "kubelet.yaml": "kubelet.yaml",
        "kube-proxy.yaml": "kube-proxy.yaml",
        "coredns.yaml": "coredns.yaml",
    }.items():
        (folder / target).write_text(string.Template((FILES / source).read_text()).substitute(values))


def _write_credentials(folder: Path) -> None:
    certificates = folder / "certificates"
    certificates.mkdir(mode=0o700)
    authority = Authority(layout.NAME, datetime.datetime.now(datetime.UTC))
    addresses = (NODE_ADDRESS, "127.0.0.1", layout.API_SERVICE_ADDRESS)
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    private, public = signing_keys()
    write_secret(certificates / "authority.crt", authority.certificate)
    write_secret(certificates / "service-account.key", private)
    write_secret(certificates / "service-account.pub", public)
    _write_identity(certificates, "api-server", authority.server("kube-apiserver", addresses, names))
    _write_identity(certificates, "kubelet-server", authority.server(NODE, (NODE_ADDRESS,), (NODE,)))
    administrator = authority.client(f"{layout.NAME}-admin", "system:masters")
    _write_identity(certificates, "administrator", administrator)
    for name, identity in {
        "administrator": administrator,
        "controller-manager": authority.client("system:kube-controller-manager"),
        "scheduler": authority.client("system:kube-scheduler"),
        "kubelet": authority.client(f"system:node:{NODE}", "system:nodes"),
        "kube-proxy": authority.client("system:kube-proxy"),
    }.items():
        content = kubeconfig.for_certificate(layout.SERVER, authority.certificate, identity)
        write_secret(folder / f"{name}.kubeconfig", content)


def _write_identity(certificates: Path, name: str, identity: Identity) -> None:
    write_secret(certificates / f"{name}.crt", identity.certificate)
    write_secret(certificates / f"{name}.key", identity.key)
