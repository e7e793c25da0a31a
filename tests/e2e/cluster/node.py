"""Process 1 of the node, in namespaces of its own: mounts, starts every component, ends when one of them does.

Run as `python -m tests.e2e.cluster.node FOLDER`. Whatever ends this process takes the whole node with it.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.e2e.cluster import components, machine
from tests.e2e.cluster.layout import NODE, SERVER

MOUNTED = ("/var/lib/containerd", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers")
"""Folders with fixed names that the components write to; the node sees its own."""
_KEPT = frozenset({"kube-apiserver"})
"""Started again when they end, as the kubelet does on other nodes: tests kill them."""
_SYSCTLS = {"kernel/panic": "10", "kernel/panic_on_oops": "1", "vm/overcommit_memory": "1"}
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.05


class ComponentEnded(Exception):
    """A component of the node ended, and the node with it."""


def main(folder: Path) -> None:
    """Run the node until one of its components ends."""
    socket.sethostname(NODE)
    description = json.loads((folder / "node.json").read_text())
    _mount(folder, in_memory=description["in_memory"])
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    binaries: dict[str, str] = description["binaries"]
    foundation = components.foundation(folder, binaries)
    running = _start(foundation, folder, binaries)
    _wait_for_api_server(folder, running)
    running |= _start(components.rest(folder, binaries), folder, binaries)
    while True:
        again = _reap(running, os.WEXITED, kept=_KEPT)
        running |= _start({name: foundation[name] for name in again}, folder, binaries)


def _mount(folder: Path, *, in_memory: bool) -> None:
    # What the kubelet mounts for a pod must reach containerd's mounts, and nobody outside.
    _run("mount", "--make-rshared", "/")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    (folder / "node").mkdir()
    if in_memory:  # unpacking and removing thousands of files takes a disk half a minute
        _run("mount", "-t", "tmpfs", "tmpfs", str(folder / "node"))
    for path in MOUNTED:
        own = folder / "node" / path.lstrip("/")
        own.mkdir(parents=True)
        _run("mount", "--bind", str(own), path)
    # The kubelet would set these for the whole machine, and gives up when it may not: here they read as set.
    for name, value in _SYSCTLS.items():
        stand_in = Path("/run") / f"sysctl-{name.replace('/', '-')}"
        stand_in.write_text(f"{value}\n")
        _run("mount", "--bind", str(stand_in), f"/proc/sys/{name}")


def _start(commands: Mapping[str, tuple[str, ...]], folder: Path, binaries: Mapping[str, str]) -> dict[int, str]:
    # containerd looks for its shim on PATH. No proxy of the developer's: nothing here leaves the machine.
    path = os.pathsep.join((str(Path(binaries["containerd-shim-runc-v2"]).parent), machine.search_path()))
    running = {}
    for name, command in commands.items():
        with (folder / "logs" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=folder, env={"PATH": path, "HOME": "/"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        process.returncode = 0  # _reap() waits for it, among all others
        running[process.pid] = name
    return running


def _wait_for_api_server(folder: Path, running: dict[int, str]) -> None:
    trust = ssl.create_default_context(cafile=str(folder / "certificates" / "authority.crt"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        _reap(running, os.WEXITED | os.WNOHANG)
        with suppress(urllib.error.URLError, OSError), opener.open(f"{SERVER}/readyz", timeout=2):
            return
        time.sleep(_POLL_SECONDS)
    raise ComponentEnded(f"kube-apiserver is not ready within {_READY_SECONDS:.0f} s")


def _reap(running: dict[int, str], options: int, kept: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Wait for a child: an orphan is only collected, a component's end an error. Return who is to be started again."""
    ended = os.waitid(os.P_ALL, 0, options)
    if ended is None or ended.si_pid not in running:
        return ()
    if (name := running.pop(ended.si_pid)) in kept:
        return (name,)
    raise ComponentEnded(f"{name} ended (status {ended.si_status})")


def _run(*command: str) -> None:
    subprocess.run((machine.program(command[0]) or command[0], *command[1:]), check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (ComponentEnded, OSError, subprocess.CalledProcessError) as failure:
        sys.exit(f"the node ended: {failure}")
