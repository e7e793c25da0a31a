"""A real single-node cluster without Docker: up in ten seconds, and down without a trace."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tests.e2e.cluster import cgroups, configuration, machine, network, ownership, storage
from tests.e2e.cluster.api_server import ApiServer
from tests.e2e.cluster.commands import last_lines, run, wait_until
from tests.e2e.cluster.errors import ClusterError, NodeEnded
from tests.e2e.cluster.layout import NAME, NODE, ROOT
from tests.e2e.cluster.node import MOUNTED
from tests.e2e.cluster.ownership import Record

_END_SECONDS = 2.0
_NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--ipc")


class RealPods:
    """A running node."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], binaries: Mapping[str, Path]) -> None:
        self.folder = folder
        self.kubeconfig = folder / "administrator.kubeconfig"
        self._process = process
        self._binaries = binaries

    def load(self, layout: Path) -> None:
        """Bring the images of an OCI layout folder to the node."""
        self._wait_until(lambda: self._ctr("version"), "containerd answers")
        importing = (*self._inside(), str(self._binaries["ctr"]), "-n", "k8s.io", "images", "import", "--local", "-")
        with subprocess.Popen(("tar", "-C", str(layout), "-cf", "-", "."), stdout=subprocess.PIPE) as tar:
            done = subprocess.run(importing, stdin=tar.stdout, capture_output=True, check=False)
        if done.returncode:
            # Whoever dies with the node has no words of its own, and may be heard of first.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            self._check_alive()
            raise ClusterError(f"images can not be imported:\n{last_lines(done.stderr.decode(errors='replace'))}")

    def wait_until_ready(self) -> None:
        """Wait until the node takes pods and answers for names. The images of its own must be loaded."""
        self._wait_until(lambda: self._kubectl("get", "--raw=/readyz", check=False) == 0, "the API server is ready")
        self._kubectl("wait", "--for=create", f"node/{NODE}", "--timeout=60s")
        self._kubectl("wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=60s")
        self._kubectl("wait", "--for=create", "-n=kube-system", "serviceaccount/default", "--timeout=60s")
        self._kubectl("apply", "-f", str(self.folder / "coredns.yaml"))
        self._kubectl("rollout", "status", "-n=kube-system", "deployment/coredns", "--timeout=60s")

    def _kubectl(self, *arguments: str, check: bool = True) -> int:
        kubectl = (str(self._binaries["kubectl"]), f"--kubeconfig={self.kubeconfig}")
        # Without a home, it keeps its cache in the folder that the caller is in.
        environment = {"PATH": machine.search_path(), "HOME": str(self.folder)}
        return run(*kubectl, *arguments, environment=environment, check=check).returncode

    def _ctr(self, *arguments: str) -> bool:
        if self._process_1() is None:
            return False
        return run(*self._inside(), str(self._binaries["ctr"]), *arguments, check=False).returncode == 0

    def _inside(self) -> tuple[str, ...]:
        return (machine.program("nsenter") or "nsenter", f"--target={self._process_1()}", *_NAMESPACES, "--")

    def _process_1(self) -> int | None:
        """Return the node's process 1, the only child of `unshare`."""
        with suppress(OSError):
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    def _wait_until(self, met: Callable[[], bool], what: str) -> None:
        def met_while_alive() -> bool:
            self._check_alive()
            return met()

        wait_until(met_while_alive, what)

    def _check_alive(self) -> None:
        if self._process.poll() is not None:
            raise NodeEnded(f"the node ended:\n{_log_ends(self.folder)}")


def api_server(folder: Path) -> ApiServer:
    """The API server of the node that is up, whose processes the host sees."""

    def processes() -> tuple[int, ...]:
        return tuple(each for each in network.processes() if _program(each) == "kube-apiserver")

    def kill(process: int) -> None:
        os.kill(process, signal.SIGKILL)

    return ApiServer(processes, kill, (folder / "audit.log").read_text)


def _program(process: int) -> str:
    with suppress(OSError):
        return Path(Path(f"/proc/{process}/cmdline").read_text().partition("\0")[0]).name
    return ""


def up(folder: Path, binaries: Mapping[str, Path], claimed: socket.socket, *, attached: bool) -> RealPods:
    """Start a node with its state in `folder`. `attached`: it ends with the caller, however the caller ends.

    Takes the claim over. Raises ClusterError, with nothing left behind, when this machine does not allow it.
    """
    # Before anything is made, so that whatever is made is found again.
    ownership.write_record(Record(str(folder)))
    try:
        ownership.write_record(Record(str(folder), made := ownership.make_mount_points(MOUNTED)))
        folder.mkdir(parents=True, mode=0o700)
        (folder / "logs").mkdir()
        _describe(folder, binaries)
        cgroups.create()
        network.create()
        process = _start(folder, claimed, attached=attached)
        ownership.write_record(Record(str(folder), made, process.pid))
    except BaseException:
        ownership.clean()
        raise
    return RealPods(folder, process, binaries)


def down() -> None:
    """End the cluster that is up, or clean up what is left of one. There may be none."""
    ownership.clean()


def _describe(folder: Path, binaries: Mapping[str, Path]) -> None:
    in_memory = storage.has_memory(Path("/proc/meminfo").read_text())
    stacked = storage.overlay_works(storage.MEMORY if in_memory else folder)
    configuration.write(folder, "overlayfs" if stacked else "native")
    described = {"in_memory": in_memory, "binaries": {name: str(path) for name, path in binaries.items()}}
    (folder / "node.json").write_text(json.dumps(described))


def _start(folder: Path, claimed: socket.socket, *, attached: bool) -> subprocess.Popen[bytes]:
    # nsenter, not `ip netns exec`: that mounts /sys anew and hides the cgroups.
    command = (
        *((machine.program("setpriv") or "setpriv", "--pdeathsig=KILL", "--") if attached else ()),
        machine.program("nsenter") or "nsenter",
        f"--net=/run/netns/{NAME}",
        machine.program("unshare") or "unshare",
        *("--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"),
        *(sys.executable, "-m", "tests.e2e.cluster.node", str(folder)),
    )
    with (folder / "logs" / "node.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": machine.search_path(), "PYTHONPATH": f"{ROOT}:{ROOT / 'operator'}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(claimed.fileno(),),
        )


def _log_ends(folder: Path) -> str:
    logs = sorted((folder / "logs").glob("*.log"), key=lambda path: path.name != "node.log")
    return "\n".join(f"  {path.name}:\n{last_lines(path.read_text(errors='replace'), 6)}" for path in logs)
