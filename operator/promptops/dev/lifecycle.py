"""Where planes keep their state, and who may change it: one `up` or `down` of a plane at a time."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptops.dev import binaries
from promptops.dev.components import API_SERVER, CONTROLLER_MANAGER, ETCD
from promptops.dev.errors import DevError, PlaneUnknown
from promptops.dev.plane import Plane, attach, remove, start_plane
from promptops.dev.processes import running
from promptops.dev.progress import Progress
from promptops.dev.stack import Stack, attach_stack, start_stack
from promptops.settings.dev import DevSettings

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def plane_folder(cache: Path, name: str) -> Path:
    """Return the folder of the plane called `name`; raise DevError for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise DevError(f"{name!r} cannot be the name of a plane", "use lower-case letters, digits and dashes")
    return cache / "planes" / name


def plane_folders(cache: Path) -> tuple[Path, ...]:
    """Return the folders of all planes in the cache."""
    with suppress(FileNotFoundError):
        return tuple(sorted(path for path in (cache / "planes").iterdir() if path.is_dir()))
    return ()


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Hold the plane's folder: others that want to start or end the same plane wait."""
    descriptor = _lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):
            folder.rmdir()  # only when nothing was started in it


def _lock(folder: Path) -> int:
    while True:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.stat(folder).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)  # `down` removed it while this one waited


@dataclass(frozen=True)
class Up:
    """A plane that is up; `stack` is None on a bare one."""

    plane: Plane
    stack: Stack | None
    already: bool
    """It was up before."""


def bring_up(
    folder: Path, settings: DevSettings, progress: Progress, manifests: tuple[dict[str, Any], ...] | None
) -> Up:
    """Return the plane in `folder`, starting what is missing of it: all of it, or the operator and the sidecar.

    Without `manifests` the plane is bare. What a killed `up` left behind is removed first.
    """
    with exclusively(folder):
        plane, stack = _what_is_up(folder, settings)
        already = plane is not None
        if plane is None:
            parts = binaries.control_plane(settings, progress)
            with progress.step("starting the control plane"):
                plane = start_plane(folder, parts, settings.environment)
        if manifests is None or (stack and _all_run(plane, stack.processes)):
            return Up(plane, stack, already)
        try:
            with progress.step("starting the operator and a sidecar"):
                stack = _start_stack(plane, manifests)
        except BaseException:
            if not already:
                plane.down()
            raise
        return Up(plane, stack, already=False)


def take_down(folder: Path) -> bool:
    """End the plane in `folder` and remove every trace of it; return whether there was one."""
    with exclusively(folder):
        found = bool(running(folder.resolve())) or any(folder.iterdir())
        remove(folder)
        return found


def _what_is_up(folder: Path, settings: DevSettings) -> tuple[Plane | None, Stack | None]:
    try:
        plane = attach(folder, settings.environment)
    except PlaneUnknown:
        return None, None
    if not (_all_run(plane, (ETCD, API_SERVER, CONTROLLER_MANAGER)) and plane.is_ready()):
        return None, None
    return plane, attach_stack(plane)


def _all_run(plane: Plane, names: tuple[str, ...]) -> bool:
    return set(names) <= set(plane.running())


def _start_stack(plane: Plane, manifests: tuple[dict[str, Any], ...]) -> Stack:
    for name in set(plane.running()) - {ETCD, API_SERVER, CONTROLLER_MANAGER}:
        plane.stop(name)
    return start_stack(plane, manifests, documented=True)
