"""Who runs the one cluster of this machine, and what a killed run left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e.cluster import cgroups, network
from tests.e2e.cluster.commands import wait_until
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.layout import NAME

_RECORD = Path("/run") / f"{NAME}.json"
DOWN = "python -m tests.e2e.cluster down"


@dataclass(frozen=True)
class Record:
    """What must be known to end a cluster and to remove what it left."""

    folder: str
    made: tuple[str, ...] = ()
    """Folders outside of it that were made as mount points."""
    process: int | None = None
    """The node, as the host sees it."""


def claim() -> socket.socket:
    """Take this machine's one cluster, then remove what a killed run left. Raises ClusterError while one is up.

    The claim is a name in the kernel and no file: it is free again when its last holder ends, however that happens.
    """
    held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        held.bind(f"\0{NAME}")
    except OSError:
        held.close()
        record = read_record()
        where = f" (process {record.process}, state in {record.folder})" if record and record.process else ""
        raise ClusterError(
            f"a cluster of the end-to-end tests is up on this machine already{where}, and there can be only one",
            f"wait for that run to end, or end it: {DOWN}",
        ) from None
    clean()
    return held


def read_record() -> Record | None:
    """Return what is known of the cluster that is or was up."""
    try:
        noted = json.loads(_RECORD.read_text())
    except FileNotFoundError:
        return None
    return Record(noted["folder"], tuple(noted["made"]), noted["process"])


def write_record(record: Record) -> None:
    """Note what must be known to clean up."""
    unfinished = _RECORD.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(record)))
    unfinished.replace(_RECORD)


def make_mount_points(paths: Sequence[str]) -> tuple[str, ...]:
    """Make the folders that do not exist; return those, parents first."""
    made: list[str] = []
    for path in map(Path, paths):
        missing = [folder for folder in (*reversed(path.parents), path) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        made += map(str, missing)
    return tuple(made)


def clean() -> None:
    """End the node if it lives, and remove everything of it. There may be nothing."""
    record = read_record()
    if record and record.process and _is_node(record.process):
        os.kill(record.process, signal.SIGKILL)
    for process in network.processes():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    wait_until(lambda: not network.processes(), "the processes of the node have ended", within=30)
    network.remove()
    cgroups.remove()
    if record:
        _remove_files(record)


def _remove_files(record: Record) -> None:
    shutil.rmtree(record.folder, ignore_errors=True)
    for path in reversed(record.made):
        with suppress(OSError):  # somebody else has put something there
            Path(path).rmdir()
    _RECORD.unlink(missing_ok=True)


def _is_node(process: int) -> bool:
    """Tell whether that process is a node: numbers are used again."""
    with suppress(OSError):
        return b"tests.e2e.cluster.node" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False
