"""What a render waits for while somebody sends the worst: `make bench-stall`.

A sidecar over a folder of prompts renders every 5 ms on one connection, first alone, then beside each hostile input.
Printed are the renders' median and worst, and how long the event loop was held as the sidecar's own watchdog saw it.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path

from promptops.dev.ports import free_ports

PROMPTS = 1000
PACE_SECONDS = 0.005
APART = multiprocessing.get_context("fork")
"""Who attacks is a process of its own: the interpreter that takes the time does nothing else."""
Attack = Callable[["Target", Event], None]


class Target:
    """A running sidecar."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.operations = free_ports(2)
        self.socket = str(Path(tempfile.mkdtemp(prefix="stall-")) / "s.sock")
        own = {
            "PROMPTOPS_DATA_ADDRESS": f"127.0.0.1:{self.data}",
            "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{self.operations}",
            "PROMPTOPS_SOCKET": self.socket,
            "PROMPTOPS_DIRECTORY": str(folder),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTOPS_")}
        command = [sys.executable, "-m", "promptops.cli.main", "sidecar"]
        self.process = subprocess.Popen(command, env=inherited | own, stderr=subprocess.DEVNULL)
        while not (answer := self.ask(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")):
            if self.process.poll() is not None:
                raise SystemExit(f"the sidecar ended: {answer!r}")
            time.sleep(0.1)

    def ask(self, request: bytes, port: int | None = None, seconds: float = 120) -> bytes:
        """Send bytes and return what comes back until the connection ends; nothing when it fails."""
        received = b""
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port or self.data), timeout=seconds) as connection,
        ):
            with suppress(OSError):
                connection.sendall(request)
            while part := connection.recv(65536):
                received += part
        return received

    def held(self) -> dict[str, float]:
        """Return what the watchdog has seen; nothing of a sidecar that has none."""
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        text = self.ask(request, self.operations).decode()
        found = re.findall(r'^promptops_loop_held_seconds_(?:bucket\{le="(\S+)"\}|(count|sum)) (\S+)', text, re.M)
        return {bound or kind: float(value) for bound, kind, value in found}

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()


def post(path: str, body: bytes) -> bytes:
    """Return a request that ends its connection."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def render(variables: object) -> bytes:
    """Return a request for a render."""
    return post("/v1/prompts/prompt-0000/render", json.dumps({"variables": variables}, ensure_ascii=False).encode())


def repeated(request: bytes) -> Attack:
    """Send the same again and again."""

    def attack(target: Target, stop: Event) -> None:
        while not stop.is_set():
            target.ask(request)

    return attack


def scraping(target: Target, stop: Event) -> None:
    """Scrape without a pause."""
    while not stop.is_set():
        target.held()


def half_open(port_of: Callable[[Target], int], begun: bytes) -> Attack:
    """Open hundreds of connections that never finish."""

    def attack(target: Target, stop: Event) -> None:
        held: list[socket.socket] = []
        while not stop.is_set():
            with suppress(OSError):
                connection = socket.create_connection(("127.0.0.1", port_of(target)), timeout=2)
                connection.sendall(begun)
                held.append(connection)
            if len(held) > 400:
                held.pop(0).close()
        for connection in held:
            connection.close()

    return attack


def pipelining(target: Target, stop: Event) -> None:
    """Send thousands of renders ahead on one connection, and take no answer."""
    requests = render({"name": "Ada"}).replace(b"Connection: close\r\n", b"") * 2000
    while not stop.is_set():
        target.ask(requests, seconds=1)


def file_of(name: str, text: str) -> Attack:
    """Save a hostile file, and take it away again."""

    def attack(target: Target, stop: Event) -> None:
        path = target.folder / name
        path.write_text(text)
        stop.wait()
        path.unlink()

    return attack


def forgetting(target: Target, stop: Event) -> None:
    """Take away half of the prompts, all of which were rendered."""
    gone = sorted(target.folder.glob("prompt-*.json"))[PROMPTS // 2 :]
    texts = {path: path.read_text() for path in gone}
    for path in gone:
        path.unlink()
    stop.wait()
    for path, text in texts.items():
        path.write_text(text)


PRIVATE = [chr(code) for code in range(0x30000, 0x10FFFE) if unicodedata.category(chr(code)) in ("Cn", "Co")][:261_000]
MARKS = "".join(chr(code) for code in range(0x300, 0x370))
HALF_SAVED = (
    "apiVersion: promptops.io/v1alpha1\nkind: Prompt\nmetadata:\n  name: half\n  labels:\n"
    + "".join(f"    label-{number}: value\n" for number in range(12))
    + "spec: [\n"
)
ATTACKS: dict[str, Attack] = {
    "different refused characters, 1 MiB": repeated(render({"name": "".join(PRIVATE)})),
    "runs of marks, 1 MiB": repeated(render({"name": ("a" + MARKS[:30]) * 17_000})),
    "ideographs, 1 MiB": repeated(render({"name": "".join(chr(0x4E00 + n % 20_000) for n in range(340_000))})),
    "many variables": repeated(render({f"v{number}": number for number in range(60_000)})),
    "deep nesting": repeated(post("/v1/prompts/prompt-0000/render", b'{"variables":' + b"[" * 500_000)),
    "mistyped ids": repeated(post("/v1/prompts/prompt-9999/render", b"{}")),
    "scrapes": scraping,
    "half heads at the operations port": half_open(lambda target: target.operations, b"GET /metrics HTTP/1.1\r\nX: "),
    "half bodies at the data port": half_open(
        lambda target: target.data,
        b"POST /v1/prompts/prompt-0000/render HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{",
    ),
    "bodies that are too large": repeated(post("/v1/prompts/prompt-0000/render", b"x" * 4_000_000)),
    "renders sent ahead": pipelining,
    "a half-saved manifest": file_of("half.yaml", HALF_SAVED),
    "a file of separators, 512 KiB": file_of("separators.yaml", "---\n" * 131_072),
    "half of the prompts taken away": forgetting,
}


class Renders(threading.Thread):
    """Renders at a pace, on one connection, and keeps how long each took in milliseconds."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True)
        self._target = target
        self._stop_asked = threading.Event()
        self.milliseconds: list[float] = []
        self.failures = 0

    def run(self) -> None:
        """Render until told to stop."""
        request = render({"name": "Ada"}).replace(b"Connection: close\r\n", b"")
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(self._target.socket)
        while not self._stop_asked.is_set():
            begun = time.perf_counter()
            try:
                connection.sendall(request)
                if b"200" not in connection.recv(65536)[:20]:
                    self.failures += 1
            except OSError:
                self.failures += 1
                return
            took = time.perf_counter() - begun
            self.milliseconds.append(took * 1000)
            time.sleep(max(PACE_SECONDS - took, 0))

    def finish(self) -> None:
        """Stop."""
        self._stop_asked.set()
        self.join(70)


@contextmanager
def rendering(target: Target) -> Iterator[Renders]:
    """Render meanwhile."""
    renders = Renders(target)
    renders.start()
    yield renders
    renders.finish()


def folder_of_prompts() -> Path:
    """Return a folder of prompts that follow their own content."""
    folder = Path(tempfile.mkdtemp(prefix="stall-"))
    for number in range(PROMPTS):
        content = {
            "text": f"Hello {{{{ name }}}}, this is {number}.",
            "variables": [{"name": "name", "type": "string"}],
        }
        prompt = {
            "apiVersion": "promptops.io/v1alpha1",
            "kind": "Prompt",
            "metadata": {"name": f"prompt-{number:04}"},
            "spec": {"source": {"content": content}},
        }
        (folder / f"prompt-{number:04}.json").write_text(json.dumps(prompt))
    return folder


def measured(target: Target, attack: Attack | None, seconds: float) -> tuple[Renders, float, float]:
    """Return the renders beside an attack, and how often and for how long the loop was held."""
    before, stop = target.held(), APART.Event()
    with rendering(target) as renders:
        if attack is None:
            time.sleep(seconds)
        else:
            attacking = APART.Process(target=attack, args=(target, stop), daemon=True)
            attacking.start()
            time.sleep(seconds)
            stop.set()
            attacking.join(130)
    after = target.held()
    return renders, after.get("count", 0) - before.get("count", 0), after.get("sum", 0) - before.get("sum", 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each input")
    parser.add_argument("--only", default="", help="inputs whose name holds this")
    options = parser.parse_args()
    gc.freeze()
    target = Target(folder_of_prompts())
    try:
        for number in range(PROMPTS):  # every prompt has its series
            target.ask(post(f"/v1/prompts/prompt-{number:04}/render", b'{"variables":{"name":"x"}}'))
        print(f"{'beside':40} {'renders':>7} {'median':>8} {'worst':>9} {'over idle':>9}  loop held")
        idle = 0.0
        chosen = {name: attack for name, attack in ATTACKS.items() if options.only in name}
        for name, attack in {"nothing": None, **chosen}.items():
            renders, times, held = measured(target, attack, options.seconds)
            worst = max(renders.milliseconds, default=float("nan"))
            idle = worst if attack is None else idle
            failed = f", {renders.failures} FAILED" if renders.failures else ""
            print(
                f"{name:40} {len(renders.milliseconds):7} {statistics.median(renders.milliseconds or [0]):6.2f} ms "
                f"{worst:6.1f} ms {worst - idle:6.1f} ms  {times:.0f} times, {held:.2f} s{failed}",
                flush=True,
            )
    finally:
        target.stop()


if __name__ == "__main__":
    main()
