"""Compiles binaries from their pinned modules: one `go build` per module, all at once, into the cache or not at all.

Files of such modules that no binary has in it, such as the definitions of others' kinds, are found here as well.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from promptops.dev import toolchain
from promptops.dev.errors import BuildFailed
from promptops.dev.locking import only_one
from promptops.dev.pace import Pace
from promptops.dev.progress import Progress
from promptops.dev.tools import MODULES, PinnedTool
from promptops.settings.dev import DevSettings

_SHOWN_LINES = 12
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """A running `go build` of one module's binaries."""

    tools: tuple[PinnedTool, ...]
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def names(self) -> str:
        """The binaries' names, for people."""
        return _names(self.tools)

    @property
    def package(self) -> str:
        """The package that go is at."""
        return next(reversed(self._lines()), "")

    @property
    def complaint(self) -> str:
        """The last lines that are more than a package's name."""
        return "\n".join([line for line in self._lines() if " " in line][-_SHOWN_LINES:])

    def _lines(self) -> list[str]:
        return (self.folder / "log").read_text(errors="replace").splitlines()


def cached_path(tool: PinnedTool, cache: Path) -> Path:
    """Return where a binary lies once it was built."""
    return cache / "bin" / tool.version / tool.name


def build(tools: tuple[PinnedTool, ...], settings: DevSettings, progress: Progress) -> None:
    """Build what of `tools` is not in the cache yet. Raises BuildFailed, or ToolchainMissing."""
    if not _missing(tools, settings.cache):
        return
    with only_one(settings.cache / "bin" / "build", progress):
        missing = _missing(tools, settings.cache)  # another process may have built some while this one waited
        if not missing:
            return
        compiler = toolchain.go(settings.cache, settings.environment, progress)
        seconds = sum(tool.seconds for tool in missing)
        with Pace(settings.cache).step(progress, "build", f"building {_names(missing)}", seconds) as show:
            _build(missing, compiler, settings, show)


def _missing(tools: tuple[PinnedTool, ...], cache: Path) -> tuple[PinnedTool, ...]:
    return tuple(tool for tool in tools if not cached_path(tool, cache).exists())


def _build(tools: tuple[PinnedTool, ...], compiler: Path, settings: DevSettings, show: Callable[[str], None]) -> None:
    with ExitStack() as stack:
        jobs = [stack.enter_context(_job(module, compiler, settings)) for module in _by_module(tools)]
        while any(job.process.poll() is None for job in jobs):
            _raise_for_failed(jobs, settings.cache)
            show(next((job.package for job in jobs if job.process.returncode is None), ""))
            time.sleep(_POLL_SECONDS)
        _raise_for_failed(jobs, settings.cache)
        for job in jobs:
            for tool in job.tools:
                path = cached_path(tool, settings.cache)
                path.parent.mkdir(parents=True, exist_ok=True)
                (job.folder / "out" / tool.name).replace(path)


def _by_module(tools: tuple[PinnedTool, ...]) -> list[tuple[PinnedTool, ...]]:
    ordered = sorted(tools, key=lambda tool: tool.module)
    return [tuple(group) for _, group in groupby(ordered, key=lambda tool: (tool.module, tool.ldflags, tool.tags))]


@contextmanager
def _job(tools: tuple[PinnedTool, ...], compiler: Path, settings: DevSettings) -> Iterator[Job]:
    """Start `go build`; when the block is left before its end, it is killed and nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix=".building-", dir=settings.cache / "bin") as folder:
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                _command(tools, compiler, Path(folder) / "out"),
                env=go_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Job(tools, Path(folder), process)
        finally:
            process.kill()
            process.wait()


def _command(tools: tuple[PinnedTool, ...], compiler: Path, output: Path) -> tuple[str, ...]:
    first = tools[0]
    tags = (f"-tags={first.tags}",) if first.tags else ()
    # Nobody debugs these: without debug information they compile an eighth faster.
    flags = (f"-ldflags={first.ldflags}", "-gcflags=all=-dwarf=false", *tags)
    packages = (tool.package for tool in tools)
    return (str(compiler), "build", "-C", str(first.folder), "-v", "-o", f"{output}/", *flags, *packages)


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


def source_folder(module: str, required: str, settings: DevSettings, progress: Progress) -> Path:
    """Return where the source of a required module lies, fetched when it is nowhere. Raises BuildFailed, or ToolchainMissing.

    `module`: the folder under `modules/` whose go.sum vouches for it. `required`: path@version.
    """
    compiler = toolchain.go(settings.cache, settings.environment, progress)
    done = subprocess.run(
        (str(compiler), "mod", "download", "-json", required),
        cwd=MODULES / module,
        env=go_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(
            f"{required} could not be fetched; go says:\n  {(done.stderr or done.stdout).strip()[-400:]}",
            "check the network, or set GOPROXY to a mirror",
        )
    return Path(json.loads(done.stdout)["Dir"])


def _raise_for_failed(jobs: list[Job], cache: Path) -> None:
    for job in jobs:
        if job.process.poll():
            shown = "\n".join(f"  {line}" for line in job.complaint.splitlines())
            raise BuildFailed(f"{job.names} could not be built; go says:\n{shown}", _advice(shown, cache))


def _advice(said: str, cache: Path) -> str:
    if "no space left" in said:
        return f"free some space (a first build needs 5 GB), or set PROMPTOPS_CACHE to a larger disk than {cache}"
    if any(word in said for word in ("dial tcp", "no such host", "timeout", "proxyconnect", "connection refused")):
        return "the Go module proxy could not be reached: check the network, or set GOPROXY to a mirror"
    return "try again after: make clean-cache; or point KUBEBUILDER_ASSETS to a folder with the binaries"


def _names(tools: tuple[PinnedTool, ...]) -> str:
    return ", ".join(tool.name for tool in tools)
