"""The plane that something is measured on: brought up for it alone, and taken down again."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from promptops.dev.plane import Plane
from promptops.dev.progress import Progress
from promptops.dev.stack import SIDECAR, Stack
from tests.support.throwaway import throwaway_stack

SAMPLE = Path(__file__).parents[2] / "manifests" / "samples" / "greeting.yaml"
OPERATOR = "system:serviceaccount:promptops-system:promptops"
"""Whom the API server's audit log names when the operator calls."""


@contextmanager
def bench_plane(name: str) -> Iterator[tuple[Stack, Progress]]:
    """Bring up a plane on which the sample prompt is served."""
    progress = Progress()
    with _memory_volume() as snapshots, throwaway_stack(name, progress) as stack:
        _on_a_memory_volume(stack, snapshots)
        stack.plane.kubectl("apply", "-f", str(SAMPLE))
        stack.plane.kubectl("wait", "--for=condition=Converged", "--timeout=60s", "prompt/greeting")
        yield stack, progress


def administrator(plane: Plane) -> httpx.Client:
    """An HTTP client with the plane's administrator certificate."""
    certificates = plane.folder / "certificates"
    context = ssl.create_default_context(cafile=str(certificates / "authority.crt"))
    context.load_cert_chain(certificates / "administrator.crt", certificates / "administrator.key")
    return httpx.Client(base_url=plane.server, verify=context, trust_env=False, timeout=httpx.Timeout(10, read=None))


def _on_a_memory_volume(stack: Stack, folder: str) -> None:
    """Start the stack's sidecar anew with its snapshot where the chart puts it: the plane's disk is shared with etcd and the audit log."""
    stack.plane.stop(SIDECAR)
    stack.start_sidecar(environment={"PROMPTOPS_SNAPSHOT_DIRECTORY": folder})


def _memory_volume() -> tempfile.TemporaryDirectory[str]:
    """Return a folder in memory, where there is such a thing."""
    return tempfile.TemporaryDirectory(prefix="promptops-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
