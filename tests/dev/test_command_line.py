"""`promptops dev` as a user runs it: up, up again, two side by side, killed half-way, down without a trace."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from promptops.dev import binaries, processes
from promptops.dev.plane import loopback
from promptops.dev.ports import free_or_else, free_ports
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.support.waiting import wait_until

pytestmark = pytest.mark.cluster

KEYS = {
    "kubeconfig",
    "kubectl",
    "namespace",
    "sidecar_url",
    "sidecar_socket",
    "operations_url",
    "operator_metrics_url",
    "audit_log",
}
PARTS = {"etcd", "kube-apiserver", "kube-controller-manager"}


@dataclass(frozen=True)
class CommandLine:
    """Runs `promptops dev` in a process of its own, as from a shell."""

    root: Path
    settings: DevSettings

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "promptops.cli.main", "dev", *arguments)

    @property
    def environment(self) -> dict[str, str]:
        cache = {"PROMPTOPS_CACHE": str(self.settings.cache)}
        return loopback(self.settings.environment) | cache | {"PYTHONPATH": str(self.root / "operator")}


@pytest.fixture
def dev(root: Path, dev_settings: DevSettings) -> CommandLine:
    binaries.control_plane(dev_settings, Progress())
    return CommandLine(root, dev_settings)


@pytest.fixture
def folders(dev: CommandLine, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two folders for planes, which are gone afterwards."""
    pair = (tmp_path / "a", tmp_path / "b")
    yield pair
    for folder in pair:
        dev("down", "--directory", str(folder))


def test_up_and_down(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    folder = folders[0]

    up = dev("up", "--bare", "--json", "--directory", str(folder))
    answer = json.loads(up.stdout)
    assert set(answer) == KEYS
    lacks = {"sidecar_url", "sidecar_socket", "operations_url", "operator_metrics_url"}
    assert {key for key, value in answer.items() if value is None} == lacks
    namespaces = subprocess.run(
        (answer["kubectl"], "--kubeconfig", answer["kubeconfig"], "get", "namespace", "default", "-o", "name"),
        env=dev.environment | {"KUBECACHEDIR": str(folder / "kubectl")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert namespaces.stdout == "namespace/default\n"

    again = dev("up", "--bare", "--json", "--directory", str(folder))
    assert again.stdout == up.stdout
    assert again.stderr == "the plane a is up already\n"

    down = dev("down", "--directory", str(folder))
    assert down.stdout == "a is down\n"
    assert processes.running(folder) == {}
    assert not folder.exists()


def test_two_planes_side_by_side(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    commands = [dev.command("up", "--bare", "--json", "--directory", str(folder)) for folder in folders]
    started = [subprocess.Popen(c, env=dev.environment, stdout=subprocess.PIPE, text=True) for c in commands]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in started]

    dev("down", "--directory", str(folders[0]))

    servers = {json.loads(Path(answers[1]["kubeconfig"]).read_text())["clusters"][0]["cluster"]["server"]}
    assert answers[0] != answers[1]
    assert len(servers) == 1
    assert set(processes.running(folders[1])) == PARTS
    assert dev("status", "--directory", str(folders[1])).returncode == 0


def test_a_killed_up_is_cleaned_by_the_next(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    folder = folders[0]
    killed = subprocess.Popen(
        dev.command("up", "--bare", "--directory", str(folder)), env=dev.environment, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: "kube-apiserver" in processes.running(folder))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    left = processes.running(folder)

    status = dev("status", "--directory", str(folder))
    up = dev("up", "--bare", "--directory", str(folder))

    assert left
    assert status.returncode == 1
    assert "was left incomplete" in status.stdout
    assert up.returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in left.values())
    assert set(processes.running(folder)) == PARTS


def test_an_interrupted_up_cleans_up_itself(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    folder = folders[0]
    interrupted = subprocess.Popen(
        dev.command("up", "--bare", "--directory", str(folder)),
        env=dev.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background ignores the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_until(lambda: "kube-apiserver" in processes.running(folder))

    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate(timeout=90)

    assert "Aborted!" in said
    assert "Traceback" not in said
    assert processes.running(folder) == {}
    assert not folder.exists()


def test_status_tells_what_runs_and_what_does_not(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    folder = folders[0]
    dev("up", "--bare", "--directory", str(folder))
    whole = dev("status", "--directory", str(folder))
    processes.stop(folder, "kube-controller-manager")
    damaged = dev("status", "--directory", str(folder))

    assert whole.returncode == 0
    lines = [line.split() for line in whole.stdout.splitlines()]
    assert lines[0][:4] == ["a", "is", "up", "(bare)"]
    assert {line[0] for line in lines[1:]} == PARTS
    assert damaged.returncode == 1
    assert "kube-controller-manager  not running" in damaged.stdout


def test_what_is_not_up_is_said_plainly(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    status, down = dev("status", "--directory", str(folders[0])), dev("down", "--directory", str(folders[0]))

    assert (status.returncode, status.stdout) == (1, "a is not up\n")
    assert (down.returncode, down.stdout) == (0, "a was not up\n")
    assert not folders[0].exists()


def test_bad_input_ends_in_advice_and_never_in_a_stack_trace(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    nameless = dev("status", "--name", "../elsewhere")
    bad_assets = subprocess.run(
        dev.command("up", "--bare", "--directory", str(folders[0])),
        env=dev.environment | {"KUBEBUILDER_ASSETS": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert nameless.returncode == 1
    assert nameless.stderr == (
        "Error: '../elsewhere' cannot be the name of a plane\nWhat helps: use lower-case letters, digits and dashes\n"
    )
    assert bad_assets.returncode == 1
    assert bad_assets.stderr == (
        "Error: KUBEBUILDER_ASSETS=/nowhere is not a folder\nWhat helps: correct it, or unset it\n"
    )
    assert not folders[0].exists()


def test_up_with_operator_and_sidecar_and_up_again_after_one_was_killed(
    dev: CommandLine, folders: tuple[Path, Path]
) -> None:
    folder = folders[0]
    first = dev("up", "--json", "--directory", str(folder))
    processes.stop(folder, "operator", signal.SIGKILL)
    damaged = dev("status", "--directory", str(folder))

    again = dev("up", "--json", "--directory", str(folder))

    assert all(json.loads(first.stdout).values()), first.stderr
    assert damaged.returncode == 1
    assert json.loads(again.stdout)["kubeconfig"] == json.loads(first.stdout)["kubeconfig"]
    assert set(processes.running(folder)) == PARTS | {"operator", "sidecar"}
    assert dev("status", "--directory", str(folder)).returncode == 0
    assert dev("down", "--directory", str(folder)).stdout == "a is down\n"
    assert processes.running(folder) == {}


def test_a_shell_that_evaluates_env_finds_the_plane(dev: CommandLine, folders: tuple[Path, Path]) -> None:
    folder = folders[0]
    before = dev("env", "--directory", str(folder))
    dev("up", "--directory", str(folder))
    promptops = f"{sys.executable} -m promptops.cli.main dev"
    script = (
        f'eval "$({promptops} env --directory {folder})"\n'
        "kubectl get namespace default -o name\ncommand -v promptops\n"
        "python3 -c 'from promptops.client import SyncPromptOpsClient as C; print(C().health_check().status)'"
    )

    shell = subprocess.run(("bash", "-ec", script), env=dev.environment, capture_output=True, text=True, timeout=120)

    assert (before.returncode, before.stdout) == (1, "")
    assert "promptops dev up" in before.stderr
    assert shell.stderr == ""
    said = shell.stdout.splitlines()
    assert (said[0], said[2]) == ("namespace/default", "healthy")
    assert said[1] == str(Path(sys.executable).parent / "promptops")


def test_up_takes_the_documented_ports_that_are_free() -> None:
    (free,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]

        first, second = free_or_else((busy, free))

    assert first != busy
    assert second == free
