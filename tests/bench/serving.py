"""How many renders a second one core answers, beside servers that have less to do: `make bench-serving`.

nginx returns the bytes of an answer, a bare ASGI application in uvicorn does the same, FastAPI substitutes; the sidecar renders. Each has one
core to itself, `wrk` the other one, with kept connections, in turns: what disturbs the machine disturbs all of them. Printed are the
middle of the turns, the 99th percentile, and the shares by the renders that a second of processor time is worth, which a neighbour
takes nothing from.
    python tests/bench/serving.py [--turns 5] [--seconds 2]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from promptops.dev.distribution import NGINX, WRK, DistributedProgram, provide
from promptops.dev.ports import free_ports
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.support.manifests import sourced
from tests.support.sidecar import ROOT, sidecars, write
from tests.support.waiting import wait_until

TEXT = "Hello {{ name }}, this is a prompt. " + "words and words " * 30
LOGIC = (
    "Hello {{ name }}.{% if polite %} Please be polite.{% endif %}{% for each in rules %} - {{ each }}\n{% endfor %}"
)
LOGIC += "words and words " * 30
PROMPTS = {
    "greeting": (TEXT, [{"name": "name", "type": "string"}]),
    "logic": (
        LOGIC,
        [
            {"name": "name", "type": "string"},
            {"name": "polite", "type": "boolean"},
            {"name": "rules", "type": "list", "itemType": "string"},
        ],
    ),
}
RENDERS = {
    "greeting": '{"variables":{"name":"Ada"}}',
    "logic": '{"variables":{"name":"Ada","polite":true,"rules":["be brief","be kind"]}}',
}
CONNECTIONS = 16
GOALS = {"nginx": 0.55, "uvicorn": 2.7}


@dataclass
class Contender:
    """A server, and what came of its turns."""

    name: str
    port: int
    process: psutil.Process
    prompt: str = "greeting"
    per_second: list[float] = field(default_factory=list)
    per_processor_second: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where a render is asked for."""
        return f"http://127.0.0.1:{self.port}/v1/prompts/{self.prompt}/render"

    @property
    def worth(self) -> float:
        """Renders in a second of processor time, in the middle."""
        return statistics.median(self.per_processor_second)

    def processor_seconds(self) -> float:
        """Return what it has used so far."""
        every = (self.process, *self.process.children(recursive=True))
        return sum(each.cpu_times().user + each.cpu_times().system for each in every)


def pinned(process: int, core: int) -> None:
    """Keep a process, and those it starts from now on, to one core."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(process, {core})


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], port: int) -> Iterator[psutil.Process]:
    """Run a server on the first core until it is left."""
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, preexec_fn=lambda: pinned(0, 0))
    try:
        wait_until(lambda: answers(port), lambda: f"{command[0]} answers")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def answers(port: int) -> bool:
    """Whether anybody answers there."""
    with contextlib.suppress(httpx.TransportError):
        return bool(httpx.get(f"http://127.0.0.1:{port}/").status_code)
    return False


def nginx(
    program: DistributedProgram, folder: Path, port: int, answer: bytes
) -> contextlib.AbstractContextManager[psutil.Process]:
    """Run nginx with one worker that returns these bytes."""
    quoted = answer.decode().replace("\\", "\\\\").replace("'", "\\'")
    (folder / "nginx.conf").write_text(
        f"""
        daemon off; pid {folder}/nginx.pid; error_log /dev/null; worker_processes 1;
        events {{ worker_connections 512; }}
        http {{
            access_log off; keepalive_requests 1000000000; default_type application/json; server_tokens off;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            add_header cache-control no-store; add_header x-content-type-options nosniff;
            server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{quoted}'; }} }}
        }}
        """
    )
    return running([str(program.path), "-c", str(folder / "nginx.conf"), "-p", str(folder)], program.surroundings, port)


def uvicorn(application: str, folder: Path, port: int) -> contextlib.AbstractContextManager[psutil.Process]:
    """Run uvicorn as fast as it is."""
    command = [sys.executable, "-m", "uvicorn", f"tests.bench.rivals:{application}", "--port", str(port)]
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    told = {"RIVAL_ANSWER": str(folder / "answer"), "RIVAL_TEXT": TEXT, "PYTHONPATH": f"{ROOT}:{ROOT / 'operator'}"}
    return running(command + options, os.environ | told, port)


def turn(wrk: DistributedProgram, contender: Contender, seconds: int, script: Path) -> None:
    """Ask one of them for so long, from the other core. Raises SystemExit when anything but renders comes back."""
    body = RENDERS[contender.prompt]
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['content-type'] = 'application/json'\n"
        "done = function(summary, latency) io.write(string.format('requests=%d seconds=%f p99=%d errors=%d\\n', "
        "summary.requests, summary.duration / 1000000, latency:percentile(99), "
        "summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status)) end\n"
    )
    command = [str(wrk.path), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), contender.url]
    last, before = (os.cpu_count() or 1) - 1, contender.processor_seconds()
    said = subprocess.run(
        command,
        env=wrk.surroundings,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: pinned(0, last),
    ).stdout
    used = contender.processor_seconds() - before
    found = re.search(r"requests=(\d+) seconds=([\d.]+) p99=(\d+) errors=(\d+)", said)
    if found is None or found[4] != "0":
        raise SystemExit(f"{contender.name} did not answer as it should:\n{said}")
    contender.per_second.append(int(found[1]) / float(found[2]))
    contender.per_processor_second.append(int(found[1]) / used)
    contender.p99_ms.append(int(found[3]) / 1000)


def show(contenders: list[Contender]) -> None:
    """Print the table."""
    worth = {each.name: each.worth for each in contenders}
    print(f"{'one core':<32} {'renders/s':>10} {'p99 ms':>8} {'µs each':>8} {'of nginx':>9} {'of uvicorn':>11}")
    for each in contenders:
        middle = f"{statistics.median(each.per_second):>10.0f} {statistics.median(each.p99_ms):>8.2f}"
        shares = f"{each.worth / worth['nginx']:>9.2f} {each.worth / worth['uvicorn']:>11.2f}"
        print(f"{each.name:<32} {middle} {1e6 / each.worth:>8.1f} {shares}")
    print(f"goals: {GOALS['nginx']} of nginx, {GOALS['uvicorn']} of uvicorn")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    settings = DevSettings.from_environment()
    wrk, server = provide(WRK, settings, Progress()), provide(NGINX, settings, Progress())
    with (
        tempfile.TemporaryDirectory() as home,
        contextlib.contextmanager(sidecars)() as start,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(home)
        for name, (text, variables) in PROMPTS.items():
            write(folder / "prompts" / f"{name}.yaml", sourced(name, {"text": text, "variables": variables}))
        sidecar = start(folder / "prompts", PYTHONASYNCIODEBUG="", PROMPTOPS_DIRECTORY=str(folder / "prompts"))
        pinned(sidecar.process.pid, 0)
        answer = sidecar.post("greeting", RENDERS["greeting"].encode()).content
        (folder / "answer").write_bytes(answer)
        ports = free_ports(3)
        ours = psutil.Process(sidecar.process.pid)
        contenders = [
            Contender("nginx", ports[0], stack.enter_context(nginx(server, folder, ports[0], answer))),
            Contender("uvicorn", ports[1], stack.enter_context(uvicorn("bare", folder, ports[1]))),
            Contender("FastAPI", ports[2], stack.enter_context(uvicorn("fastapi", folder, ports[2]))),
            Contender("sidecar, substitution", sidecar.port, ours),
            Contender("sidecar, conditions and a loop", sidecar.port, ours, "logic"),
        ]
        for _ in range(options.turns):
            for contender in contenders:
                turn(wrk, contender, options.seconds, folder / "script.lua")
    show(contenders)


if __name__ == "__main__":
    main()
