"""Names and addresses of the one node. There is one per machine, so they are fixed."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
FILES = Path(__file__).parent / "files"

NAME = "promptops-e2e"
"""Of the network namespace, the cgroup, the kind cluster and the claim on the machine."""
NODE = "node1"
HOST_LINK = "promptops-e2e0"
"""The host's end of the wire to the node."""

HOST_ADDRESS = "10.200.0.1"
NODE_ADDRESS = "10.200.0.2"
POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
SERVER = f"https://{NODE_ADDRESS}:6443"
ISSUER = "https://kubernetes.default.svc.cluster.local"

PAUSE_IMAGE = "localhost/pause:1"
COREDNS_IMAGE = "localhost/coredns:1"

NODE_BINARIES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
)
