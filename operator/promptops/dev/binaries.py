"""Binaries of the control plane and of the tests: the user's, the cached, or built from pinned modules. In this order."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

from promptops.dev import toolchain
from promptops.dev.errors import BinaryUnusable, BuildFailed
from promptops.dev.locking import only_one
from promptops.dev.plane import Binaries
from promptops.dev.progress import Progress
from promptops.dev.tools import TOOLS, Tool
from promptops.settings import DevSettings

_ENVTEST = ("etcd", "kube-apiserver", "kubectl")
"""What a folder that KUBEBUILDER_ASSETS names has by convention."""
_SHOWN_LINES = 12


def control_plane(settings: DevSettings, progress: Progress) -> Binaries:
    """Return what a plane is made of, building what is missing."""
    return Binaries(
        etcd=provide("etcd", settings, progress),
        api_server=provide("kube-apiserver", settings, progress),
        controller_manager=provide("kube-controller-manager", settings, progress),
        kubectl=provide("kubectl", settings, progress),
    )


def provide(name: str, settings: DevSettings, progress: Progress) -> Path:
    """Return the path of a binary, building it when it is nowhere. Raises BinaryUnusable or BuildFailed."""
    if name not in TOOLS:
        raise BinaryUnusable(f"there is no binary named {name}", f"known are: {', '.join(TOOLS)}")
    tool = TOOLS[name]
    return _given(name, settings.kubebuilder_assets) or _cached(tool, settings) or build(tool, settings, progress)


def cached_path(tool: Tool, cache: Path) -> Path:
    """Return where a binary lies once it was built."""
    return cache / "bin" / tool.version / tool.name


def _given(name: str, assets: Path | None) -> Path | None:
    if assets is None:
        return None
    if not assets.is_dir():
        raise BinaryUnusable(f"KUBEBUILDER_ASSETS={assets} is not a folder", "correct it, or unset it")
    path = assets / name
    if path.is_file() and os.access(path, os.X_OK):
        return path
    if name in _ENVTEST:
        raise BinaryUnusable(
            f"KUBEBUILDER_ASSETS={assets} has no executable {name}",
            f"it must have {', '.join(_ENVTEST)}; correct it, or unset it to have them built",
        )
    return None


def _cached(tool: Tool, settings: DevSettings) -> Path | None:
    path = cached_path(tool, settings.cache)
    return path if path.exists() else None


def build(tool: Tool, settings: DevSettings, progress: Progress) -> Path:
    """Return the cached binary, building it when it is not there yet. Raises BuildFailed."""
    path = cached_path(tool, settings.cache)
    with only_one(path, progress):
        if not path.exists():  # another process may have built it while this one waited
            _compile(tool, path, settings, progress)
    return path


def _compile(tool: Tool, path: Path, settings: DevSettings, progress: Progress) -> None:
    compiler = toolchain.go(settings.cache, settings.environment, progress)
    with tempfile.TemporaryDirectory(prefix=f".{tool.name}-", dir=path.parent) as unfinished:
        output = Path(unfinished) / tool.name
        command = _build_command(tool, compiler, output)
        with progress.step(f"building {tool.name}", tool.seconds) as show:
            code, lines = _run(command, go_environment(settings), show)
            if code:
                raise BuildFailed(f"{tool.name} could not be built; go says:\n{lines}", _advice(lines, settings.cache))
        output.replace(path)


def _build_command(tool: Tool, compiler: Path, output: Path) -> tuple[str, ...]:
    tags = (f"-tags={tool.tags}",) if tool.tags else ()
    flags = (f"-ldflags={tool.ldflags}", *tags)
    return (str(compiler), "build", "-C", str(tool.folder), "-o", str(output), *flags, tool.package)


def go_environment(settings: DevSettings) -> dict[str, str]:
    """Return the environment of a build: nothing is written outside the cache, nothing read from a workspace."""
    return {
        **settings.environment,
        "CGO_ENABLED": "0",
        "GOCACHE": str(settings.cache / "go" / "build"),
        "GOMODCACHE": str(settings.cache / "go" / "mod"),
        "GOFLAGS": "-buildvcs=false -modcacherw -trimpath",
        # A few modules ask for a patch release that the Go at hand may lack; it then fetches itself, verified.
        "GOTOOLCHAIN": "auto",
        "GOWORK": "off",
    }


def _run(command: tuple[str, ...], environment: dict[str, str], show: Callable[[str], None]) -> tuple[int, str]:
    """Run a build; return its exit code and its last lines."""
    last: deque[str] = deque(maxlen=_SHOWN_LINES)
    with subprocess.Popen(
        command,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for line in process.stdout or ():
            last.append(f"  {line.rstrip()}")
            show(line.strip())
    return process.returncode, "\n".join(last)


def _advice(lines: str, cache: Path) -> str:
    if "no space left" in lines:
        return f"free some space (a first build needs 4 GB), or set PROMPTOPS_CACHE to a larger disk than {cache}"
    if any(word in lines for word in ("dial tcp", "no such host", "timeout", "proxyconnect", "connection refused")):
        return "the Go module proxy could not be reached: check the network, or set GOPROXY to a mirror"
    return "try again after: make clean-cache; or point KUBEBUILDER_ASSETS to a folder with the binaries"
