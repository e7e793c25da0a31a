"""A real sidecar process over a directory, and what tests ask it with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import yaml

from promptops.dev.ports import free_ports
from tests.support.plain import NO_TLS
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


@dataclass
class Sidecar:
    """A running process and how to talk to it."""

    process: subprocess.Popen[bytes]
    directory: Path
    socket: Path
    port: int
    operations_port: int
    log_file: Path
    http: httpx.Client
    said_before: int = 0
    """Bytes of the log that were written before anybody asked."""
    source = "directory"
    """What its answers say of where they come from, unless it follows a feed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def operations_url(self) -> str:
        return f"http://127.0.0.1:{self.operations_port}"

    @property
    def log(self) -> str:
        return self.log_file.read_bytes()[self.said_before :].decode()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(f"{self.url}{path}", **options)

    def render(self, prompt: str, variables: dict[str, Any] | None = None, **fields: Any) -> httpx.Response:
        return self.post(prompt, json.dumps({"variables": variables or {}, **fields}, ensure_ascii=False).encode())

    def post(self, prompt: str, body: bytes, **options: Any) -> httpx.Response:
        return self.http.post(f"{self.url}/v1/prompts/{prompt}/render", content=body, **options)

    def operations(self, path: str) -> httpx.Response:
        return self.http.get(f"{self.operations_url}{path}")

    def raw(self, data: bytes, *, unix: bool = False) -> bytes:
        """Send bytes as they are and return all that comes back until the end of the connection."""
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as connection:
            connection.settimeout(10)
            connection.connect(str(self.socket) if unix else ("127.0.0.1", self.port))
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            received = b""
            with suppress(ConnectionResetError):
                while part := connection.recv(65536):
                    received += part
            return received

    def stop(self) -> int:
        """End the process as Kubernetes does; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


class Start(Protocol):
    """Starts a sidecar over a directory, or over what the environment says."""

    def __call__(self, directory: Path | None = None, *, stderr: int | None = None, **environment: str) -> Sidecar: ...


def sidecars() -> Iterator[Start]:
    """Yield what starts sidecars; all of them are gone in the end."""
    started: list[Sidecar] = []
    # Not pytest's own folder: the path of a Unix socket must be short.
    home = Path(tempfile.mkdtemp(prefix="promptops-"))

    def start(directory: Path | None = None, *, stderr: int | None = None, **environment: str) -> Sidecar:
        number = len(started)
        started.append(_launch(directory or home, home / f"{number}.sock", home / f"{number}.log", environment, stderr))
        running = started[-1]
        ready = directory is not None
        wait_until(
            lambda: listens(running.http, running.url, ready=ready), lambda: f"the sidecar listens; log: {running.log}"
        )
        return running

    yield start

    for sidecar in started:
        sidecar.http.close()
        sidecar.stop()
    shutil.rmtree(home)


def listens(client: httpx.Client, url: str, *, ready: bool) -> bool:
    """Whether a sidecar answers there at all, or as one that is ready."""
    with suppress(httpx.TransportError):
        return client.get(f"{url}/v1/health").is_success or not ready
    return False


def _launch(directory: Path, unix: Path, log: Path, environment: dict[str, str], stderr: int | None) -> Sidecar:
    data, operations = free_ports(2)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTOPS_")}
    settings = {
        "PYTHONPATH": str(ROOT / "operator"),
        # asyncio then logs every call that blocks its loop for long; tests read the log.
        "PYTHONASYNCIODEBUG": "1",
        "PROMPTOPS_DATA_ADDRESS": f"127.0.0.1:{data}",
        "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
        "PROMPTOPS_SOCKET": str(unix),
        **({} if environment else {"PROMPTOPS_DIRECTORY": str(directory)}),
    }
    command = [sys.executable, "-m", "promptops.cli.main", "sidecar"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env=inherited | settings | environment, stderr=stderr or file, stdout=subprocess.DEVNULL
        )
    return Sidecar(
        process, directory, unix, data, operations, log, httpx.Client(verify=NO_TLS, trust_env=False, timeout=20)
    )


def write(path: Path, *manifests: dict[str, Any]) -> Path:
    """Put a file of these documents (of one, when it is JSON) in the place of what is there, as an editor does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    written = json.dumps(manifests[0]) if path.suffix == ".json" else yaml.safe_dump_all(manifests, sort_keys=False)
    fresh.write_text(written)
    fresh.replace(path)
    return path
