"""The node's cgroup beside everybody else's, in version 1 and version 2. Pods are below it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.e2e.cluster.commands import wait_until
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.layout import NAME

_NEEDED = frozenset({"cpu", "cpuset", "memory", "pids"})
_USED_BY_KUBELET = _NEEDED | {"hugetlb"}
"""In version 2, the kubelet refuses a group that lacks one of these which the root has."""
_ELSEWHERE = "run on a machine or virtual machine of its own; or, with Docker and kind: make e2e-kind"


@dataclass(frozen=True)
class Hierarchy:
    """A mounted cgroup file system."""

    folder: Path
    version: int
    controllers: frozenset[str]

    @property
    def node(self) -> Path:
        """The node's group in it."""
        return self.folder / NAME


def hierarchies(mounts: str) -> tuple[Hierarchy, ...]:
    """Return what of cgroups is mounted below /sys, given the text of /proc/self/mounts."""
    rows = [line.split(" ") for line in mounts.splitlines()]
    return tuple(
        Hierarchy(Path(target), 2 if kind == "cgroup2" else 1, frozenset(options.split(",")))
        for _, target, kind, options, *_ in rows
        if kind in ("cgroup", "cgroup2") and target.startswith("/sys/")
    )


def create() -> None:
    """Make the node's cgroup. Raises ClusterError when this machine's cgroups do not allow it."""
    create_in(hierarchies(Path("/proc/self/mounts").read_text()))


def create_in(found: Sequence[Hierarchy]) -> None:
    """Make the node's cgroup in these hierarchies, whose version the kubelet tells in the same way."""
    first = [hierarchy for hierarchy in found if hierarchy.version == 1]
    second = [hierarchy for hierarchy in found if hierarchy.version == 2]
    try:
        if any(hierarchy.controllers & _NEEDED for hierarchy in first):
            _create_first(first)
        elif second:
            _create_second(second[0].folder)
        else:
            raise ClusterError("no cgroup file system is mounted below /sys", _ELSEWHERE)
    except OSError as error:
        raise ClusterError(f"no cgroup can be made: {error.strerror} ({error.filename})", _ELSEWHERE) from None


def remove() -> None:
    """Remove the node's cgroup and all below it; the processes in it are ending or gone."""
    for hierarchy in hierarchies(Path("/proc/self/mounts").read_text()):
        if hierarchy.node.exists():
            emptied = partial(_removed, hierarchy.node)
            wait_until(emptied, f"cgroup {hierarchy.node} is empty", within=20)


def _create_first(found: Sequence[Hierarchy]) -> None:
    _require(frozenset().union(*(hierarchy.controllers for hierarchy in found)))
    for hierarchy in found:
        hierarchy.node.mkdir(exist_ok=True)
        if "cpuset" in hierarchy.controllers:  # a new group has none, and nothing can run in it
            for name in ("cpuset.cpus", "cpuset.mems"):
                (hierarchy.node / name).write_text((hierarchy.folder / name).read_text())


def _create_second(folder: Path) -> None:
    available = frozenset((folder / "cgroup.controllers").read_text().split())
    _require(available)
    delegated = frozenset((folder / "cgroup.subtree_control").read_text().split())
    if missing := (available & _USED_BY_KUBELET) - delegated:
        # In a container, whose processes sit in the root of what it sees, the kernel answers: busy.
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in sorted(missing)))
    (folder / NAME).mkdir(exist_ok=True)


def _require(controllers: frozenset[str]) -> None:
    if missing := _NEEDED - controllers:
        raise ClusterError(f"these cgroup controllers are not available: {', '.join(sorted(missing))}", _ELSEWHERE)


def _removed(group: Path) -> bool:
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
        with suppress(OSError):  # processes in it are still ending
            folder.rmdir()
    with suppress(OSError):
        group.rmdir()
    return not group.exists()
