"""The demo's first chapter, while the control plane is being built: a sidecar over a folder, which needs nothing."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from promptops.cli.demo_story import StoryError
from promptops.client import PromptOpsError, SyncPromptOpsClient
from promptops.dev import processes
from promptops.dev.plane import loopback
from promptops.dev.ports import free_or_else
from promptops.dev.processes import Command
from promptops.dev.progress import Progress
from promptops.dev.stack import DATA_PORT, OPERATIONS_PORT
from promptops.settings.dev import DevSettings

_SIDECAR = "sidecar"
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.005
_FILE, _LINE = "greeting.yaml", "activeVersion: "
_ASKED = 'curl -s {url}/v1/prompts/greeting/render -d \'{{"variables": {{"name": "Ada"}}}}\''


def meanwhile(build: Callable[[], object], samples: Path, settings: DevSettings, progress: Progress) -> None:
    """Build, and show what needs nothing built. Raises what either raises."""
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(build)
        try:
            show_folder(samples, settings, progress)
        finally:
            building.result()


def show_folder(samples: Path, settings: DevSettings, progress: Progress) -> None:
    """Serve the samples from a folder, ask, edit a line, ask again. Raises StoryError or DevError."""
    progress.say("While the control plane is built: the same prompts from a folder, without any cluster.")
    with tempfile.TemporaryDirectory(prefix="promptops-") as home:
        folder = Path(home) / samples.name
        shutil.copytree(samples, folder)
        (data, operations), begun = free_or_else((DATA_PORT, OPERATIONS_PORT)), time.perf_counter()
        elsewhere = "" if data == DATA_PORT else f"PROMPTOPS_DATA_ADDRESS=127.0.0.1:{data} "
        progress.say(f"$ cp -r {samples} {home}")
        progress.say(f"$ {elsewhere}promptops sidecar --directory {folder} &")
        with _sidecar(folder, data, operations, settings), SyncPromptOpsClient(base_url=_url(data)) as client:
            progress.say(f"$ {_ASKED.format(url=_url(data))}")
            progress.say(f"  {_said(client, '1.0.0')} ({time.perf_counter() - begun:.1f} s after the start)")
            progress.say(f"$ sed -i 's/{_LINE}1.0.0/{_LINE}1.1.0/' {folder / _FILE}")
            (folder / _FILE).write_text((folder / _FILE).read_text().replace(f"{_LINE}1.0.0", f"{_LINE}1.1.0"))
            begun = time.perf_counter()
            progress.say(f"  {_said(client, '1.1.0')} ({(time.perf_counter() - begun) * 1000:.0f} ms after the edit)")


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@contextmanager
def _sidecar(folder: Path, data: int, operations: int, settings: DevSettings) -> Iterator[None]:
    environment = {
        "PROMPTOPS_DATA_ADDRESS": f"127.0.0.1:{data}",
        "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    arguments = (sys.executable, "-m", "promptops.cli.main", "sidecar", "--directory", str(folder))
    home = folder.parent
    process = processes.start(
        Command(_SIDECAR, arguments, tuple(environment.items())), home, loopback(settings.environment)
    )
    try:
        processes.wait_until(
            lambda: _answers(f"{_url(operations)}/readyz"),
            process,
            name=_SIDECAR,
            folder=home,
            within=_PATIENCE_SECONDS,
            what="it was ready",
        )
        yield
    finally:
        processes.stop(home, _SIDECAR)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=2.0).is_success
    except httpx.HTTPError:
        return False


def _said(client: SyncPromptOpsClient, version: str) -> str:
    """Ask until this version answers; return what it says."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = client.render_prompt("greeting", variables={"name": "Ada"})
        except PromptOpsError as error:
            raise StoryError(f"the sidecar over a folder failed: {error}") from error
        if answer.version == version:
            return f"{answer.prompt_id} {version}, from a {answer.source}: “{answer.rendered_content.strip()}”"
        time.sleep(_PAUSE_SECONDS)
    raise StoryError(f"the sidecar over a folder did not serve {version} within {_PATIENCE_SECONDS:.0f} s")
