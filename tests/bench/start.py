"""What a sidecar over a directory costs before anybody asks: `make bench-start`.

With one file and with a thousand: from its exec to its being ready, beside a bare interpreter that reads the same files
with PyYAML's C loader and does nothing else; then memory and processor at rest, and from the edit of one file to the answer
that has it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import yaml

from promptops.dev.ports import free_ports

RIVAL = """
import pathlib, sys, yaml
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
"""
_TICK_SECONDS = 0.002


class Started:
    """A sidecar from its exec on."""

    def __init__(self, folder: Path) -> None:
        data, operations = free_ports(2)
        own = {
            "PROMPTOPS_DATA_ADDRESS": f"127.0.0.1:{data}",
            "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
            "PROMPTOPS_DIRECTORY": str(folder),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTOPS_")}
        self._http = httpx.Client(trust_env=False, timeout=60)
        self._data, self._operations = f"http://127.0.0.1:{data}", f"http://127.0.0.1:{operations}"
        command = [sys.executable, "-m", "promptops.cli.main", "sidecar"]
        began = time.perf_counter()
        self._process = subprocess.Popen(command, env=inherited | own, stderr=subprocess.DEVNULL)
        self._seen = psutil.Process(self._process.pid)
        _when(self._is_ready)
        self.ready_seconds = time.perf_counter() - began
        self.ready_cpu_seconds = self.cpu_seconds

    @property
    def cpu_seconds(self) -> float:
        used = self._seen.cpu_times()
        return float(used.user + used.system)

    @property
    def mebibytes(self) -> float:
        return float(self._seen.memory_info().rss) / 2**20

    def rendered(self, prompt: str) -> str:
        """Return what a prompt renders to."""
        answer = self._http.post(f"{self._data}/v1/prompts/{prompt}/render", json={"variables": {"name": "Ada"}})
        return str(answer.json()["rendered_content"])

    def at_rest(self, seconds: float) -> float:
        """Return the share of a processor that it uses while nobody asks, in percent."""
        before = self.cpu_seconds
        time.sleep(seconds)
        return (self.cpu_seconds - before) / seconds * 100

    def end(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(30)
        self._http.close()

    def _is_ready(self) -> bool:
        try:
            return self._http.get(f"{self._operations}/readyz").is_success
        except httpx.TransportError:
            if self._process.poll() is not None:
                raise SystemExit("the sidecar ended before it was ready") from None
            return False


def _when(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(_TICK_SECONDS)


def _manifest(name: str, words: str) -> dict[str, object]:
    content = {
        "text": f"Hello {{{{ name }}}}, {words} " + "words and words " * 30,
        "variables": [{"name": "name", "type": "string"}],
    }
    return {
        "apiVersion": "promptops.io/v1alpha1",
        "kind": "Prompt",
        "metadata": {"name": name},
        "spec": {"source": {"content": content}},
    }


def _write(folder: Path, name: str, words: str) -> None:
    fresh = folder / f".{name}"
    fresh.write_text(yaml.safe_dump(_manifest(name, words), sort_keys=False))
    fresh.replace(folder / f"{name}.yaml")


def _rival(folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", RIVAL, str(folder)], check=True)
    return time.perf_counter() - began


def _edits(sidecar: Started, folder: Path, count: int) -> list[float]:
    took = []
    for number in range(count):
        words = f"edit {number}"
        _write(folder, "prompt-0000", words)
        began = time.perf_counter()
        _when(lambda words=words: words in sidecar.rendered("prompt-0000"))  # type: ignore[misc]
        took.append(time.perf_counter() - began)
    return took


def measure(files: int, runs: int, rest_seconds: float) -> dict[str, float]:
    """Return the figures for a folder of so many files, the two interleaved."""
    with tempfile.TemporaryDirectory(prefix="start-") as place:
        folder = Path(place)
        for number in range(files):
            _write(folder, f"prompt-{number:04}", f"this is {number}.")
        ready, cpu, rival = [], [], []
        for _ in range(runs):
            sidecar = Started(folder)
            ready.append(sidecar.ready_seconds)
            cpu.append(sidecar.ready_cpu_seconds)
            sidecar.end()
            rival.append(_rival(folder))
        sidecar = Started(folder)
        sidecar.rendered("prompt-0000")
        memory, rest = sidecar.mebibytes, sidecar.at_rest(rest_seconds)
        edits = _edits(sidecar, folder, runs)
        sidecar.end()
    return {
        "ready s": statistics.median(ready),
        "ready CPU s": statistics.median(cpu),
        "rival s": statistics.median(rival),
        "ratio": statistics.median(ready) / statistics.median(rival),
        "RSS MiB": memory,
        "at rest % CPU": rest,
        "edit s": statistics.median(edits),
        "worst edit s": max(edits),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rest", type=float, default=10.0, help="seconds")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {files: measure(files, given.runs, given.rest) for files in (1, given.files)}
    if given.json:
        print(json.dumps(found))
        return
    print(f"{'files':>8}" + "".join(f"{name:>15}" for name in found[1]))
    for files, figures in found.items():
        print(f"{files:>8}" + "".join(f"{value:>15.2f}" for value in figures.values()))
    print(f"rival: a bare interpreter that reads the same files with yaml.CSafeLoader; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
