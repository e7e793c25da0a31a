"""The table of binaries that are built from Go modules: one row per binary, every version pinned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODULES = Path(__file__).parent / "modules"

KUBERNETES: Final = {"1.37": "v1.37.2", "1.36": "v1.36.3", "1.31": "v1.31.14"}
"""The releases of Kubernetes that can be had, the newest first; the last is the oldest that is supported."""
CURRENT: Final = "1.36"
ETCD = "v3.6.16"
HELM = "v4.3.1"
PROMETHEUS = "v0.316.0"
CONTAINERD = "v2.3.7"
COREDNS = "v1.14.6"
KSTATUS = "v0.37.2"
LUA = "v1.1.1"
KUBECONFORM = "v0.8.0"
HELM_UNITTEST = "v1.1.2"
KUSTOMIZE_CONTROLLER = "v1.9.6"
ARGOCD = "v3.6.1"

_STRIP = "-s -w"
_CONTAINERD_FLAGS = f"{_STRIP} -X github.com/containerd/containerd/v2/version.Version={CONTAINERD}"


@dataclass(frozen=True)
class PinnedTool:
    """A binary and the pinned module it is built from."""

    name: str
    module: str
    """Folder under `modules/` with go.mod and go.sum."""
    package: str
    version: str
    seconds: int
    """How long a first build takes on two cores, to set expectations."""
    ldflags: str = _STRIP
    tags: str = ""

    @property
    def folder(self) -> Path:
        """Where go.mod and go.sum of this binary lie."""
        return MODULES / self.module


def _kubernetes(name: str, seconds: int, release: str) -> PinnedTool:
    version = KUBERNETES[release]
    named = {"gitVersion": version, "gitMajor": "1", "gitMinor": release.removeprefix("1.")}
    flags = (f"-X k8s.io/component-base/version.{variable}={value}" for variable, value in named.items())
    module = f"kubernetes/{release}"
    return PinnedTool(name, module, f"k8s.io/kubernetes/cmd/{name}", version, seconds, " ".join((_STRIP, *flags)))


def _containerd(name: str, seconds: int) -> PinnedTool:
    package = f"github.com/containerd/containerd/v2/cmd/{name}"
    return PinnedTool(
        name, "containerd", package, CONTAINERD, seconds, _CONTAINERD_FLAGS, "no_btrfs,no_devmapper,no_zfs"
    )


def _prometheus(name: str, seconds: int) -> PinnedTool:
    return PinnedTool(name, "prometheus", f"github.com/prometheus/prometheus/cmd/{name}", PROMETHEUS, seconds)


_KUBERNETES: Final = {
    "kube-apiserver": 150,
    "kube-controller-manager": 40,
    "kubectl": 10,
    "kube-scheduler": 10,
    "kubelet": 30,
    "kube-proxy": 10,
}
_OTHERS: Final = {
    tool.name: tool
    for tool in (
        PinnedTool("etcd", "etcd", ".", ETCD, 20),
        PinnedTool(
            "helm",
            "helm",
            "helm.sh/helm/v4/cmd/helm",
            HELM,
            140,
            f"{_STRIP} -X helm.sh/helm/v4/internal/version.version={HELM}",
        ),
        _prometheus("promtool", 130),
        _prometheus("prometheus", 40),
        _containerd("containerd", 80),
        _containerd("containerd-shim-runc-v2", 10),
        _containerd("ctr", 10),
        PinnedTool("kstatus", "kstatus", ".", KSTATUS, 20),
        PinnedTool("lua", "lua", ".", LUA, 5),
        PinnedTool("proxies", "proxies", ".", KSTATUS, 10),
        PinnedTool("kubeconform", "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", KUBECONFORM, 10),
        PinnedTool(
            "helm-unittest",
            "helm-unittest",
            "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
            HELM_UNITTEST,
            40,
        ),
        PinnedTool("coredns", "coredns", "github.com/coredns/coredns", COREDNS, 180),
        PinnedTool("kustomize-controller", "flux", "github.com/fluxcd/kustomize-controller", KUSTOMIZE_CONTROLLER, 150),
        PinnedTool("argocd", "argocd", ".", ARGOCD, 250),
    )
}


def tools(release: str = CURRENT) -> dict[str, PinnedTool]:
    """Return every binary that can be built, by name, those of Kubernetes of one of its releases."""
    return _OTHERS | {name: _kubernetes(name, seconds, release) for name, seconds in _KUBERNETES.items()}


CONTROL_PLANE: tuple[str, ...] = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
"""What a bare plane is made of."""
