"""What the node needs from this machine: root on Linux and a few programs, installed where apt-get can."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from promptops.dev.progress import Progress
from tests.e2e.cluster.commands import run
from tests.e2e.cluster.errors import ClusterError

_ELSEWHERE = "with Docker and kind, the same tests run anywhere: make e2e-kind"
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_CNI_PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PROGRAMS = {
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
"""Programs, and the Debian packages that bring them."""


def prepare(progress: Progress) -> None:
    """Make sure of everything the node needs, installing Debian packages that are missing. Raises ClusterError."""
    _require_root_on_linux()
    if packages := missing_packages():
        _install(packages, progress)
    if packages := missing_packages():
        raise ClusterError(f"still missing after the installation: {', '.join(packages)}", _ELSEWHERE)


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages whose programs are not there."""
    missing = {package for name, package in _PROGRAMS.items() if program(name) is None}
    if cni_plugins() is None:
        missing.add("containernetworking-plugins")
    if not _KEYRING.exists():
        missing.add("debian-archive-keyring")
    return tuple(sorted(missing))


def program(name: str) -> str | None:
    """Return the path of a program of the system, also of one that only root has on PATH."""
    return shutil.which(name, path=search_path())


def search_path() -> str:
    """Return the folders that programs of the system lie in."""
    return os.pathsep.join(_PATH)


def cni_plugins() -> Path | None:
    """Return the folder with the container network plugins."""
    return next((folder for folder in _CNI_PLUGINS if (folder / "bridge").exists()), None)


def _require_root_on_linux() -> None:
    if platform.system() != "Linux":
        raise ClusterError("a real kubelet needs Linux", _ELSEWHERE)
    if os.geteuid() != 0:
        raise ClusterError("a real kubelet needs root (namespaces, cgroups, mounts)", f"run as root; or, {_ELSEWHERE}")


def _install(packages: tuple[str, ...], progress: Progress) -> None:
    apt = program("apt-get")
    if apt is None:
        raise ClusterError(
            f"missing on this machine: {', '.join(packages)} (these are Debian's names)",
            f"install them by your system's means; or, {_ELSEWHERE}",
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with progress.step(f"installing {' '.join(packages)}", 40):
        run(apt, "update", "-qq", environment=environment, within=300)
        run(apt, "install", "-y", "-qq", "--no-install-recommends", *packages, environment=environment, within=600)
