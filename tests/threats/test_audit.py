"""Who did it is told by the API server's audit log, by the policy that is shipped; and the operator's own log of decisions is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from promptops import codegen
from promptops.cli.audit import audit
from promptops.cli.blame import blame
from promptops.dev.plane import Plane
from promptops.dev.stack import NAMESPACE, OPERATOR, Stack, install
from tests.support.manifests import prompt, version
from tests.support.waiting import wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster

SECRET_TEXT = "a text that stands in no log"
LOG = "promptops-decisions-00"


@pytest.fixture(scope="module")
def world(file_plane: Plane, root: Path) -> World:
    """A plane whose API server keeps the log that the shipped policy asks for, with an operator."""
    shutil.copy(root / "manifests" / "audit" / "policy.yaml", file_plane.folder / "audit-policy.yaml")
    file_plane.stop("kube-apiserver")
    file_plane.audit_log.unlink(missing_ok=True)
    file_plane.start("kube-apiserver")
    install(file_plane, codegen.manifests(NAMESPACE))
    Stack(file_plane).start_operator()
    world = World(file_plane, "default")
    for user, role in (("ann", "promptops-author"), ("rob", "promptops-releaser")):
        world.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}")
    world.apply(version("greeting", "1.0.0", SECRET_TEXT), version("greeting", "1.1.0", "B"), prompt("greeting"))
    for number in ("1.0.0", "1.1.0"):
        patch = json.dumps({"spec": {"activeVersion": number}})
        refused = world.plane.kubectl(
            "patch", "prompt", "greeting", "--type=merge", "-p", patch, "--as=ann", check=False
        )
        assert refused.returncode
        world.kubectl("patch", "prompt", "greeting", "--type=merge", "-p", patch, "--as=rob")
        wait_until(partial(_serves, world, number), lambda: world.status("greeting"))
    wait_until(lambda: len(_lines(world)) == 2, lambda: _lines(world))
    return world


def _serves(world: World, number: str) -> bool:
    return world.serves("greeting") == number


def _lines(world: World) -> list[dict[str, Any]]:
    """What the operator logged."""
    found = world.plane.kubectl(
        "get", "configmap", LOG, "-n", NAMESPACE, "-o", "jsonpath={.data.decisions}", check=False
    )
    return [json.loads(line) for line in found.stdout.splitlines()]


def run(world: World, command: Any, *arguments: str) -> Result:
    """Run a command on the plane."""
    options = () if "who" in arguments else ("--kubeconfig", str(world.plane.kubeconfig))
    return CliRunner().invoke(command, [*arguments, *options])


def test_who_activated_what_and_who_was_refused(world: World) -> None:
    done = run(world, audit, "who", str(world.plane.audit_log), "--prompt", "greeting")

    told = [line.split("  ")[1:] for line in done.output.splitlines()]
    assert told == [
        ["refused", "promptops-dev-admin as ann", "default/greeting", "nothing -> 1.0.0"],
        ["done", "promptops-dev-admin as rob", "default/greeting", "nothing -> 1.0.0"],
        ["refused", "promptops-dev-admin as ann", "default/greeting", "1.0.0 -> 1.1.0"],
        ["done", "promptops-dev-admin as rob", "default/greeting", "1.0.0 -> 1.1.0"],
    ]


def test_no_log_has_a_text_in_it(world: World) -> None:
    assert SECRET_TEXT not in world.plane.audit_log.read_text()
    assert SECRET_TEXT not in json.dumps(_lines(world))


def test_blame_says_what_was_served_then_and_by_whom(world: World) -> None:
    first, second = _lines(world)

    told = run(world, blame, "greeting", "--at", first["at"], "--audit-log", str(world.plane.audit_log))
    now = run(world, blame, "greeting", "--audit-log", str(world.plane.audit_log))

    assert told.output.startswith(
        f"default/greeting at {first['at']}: {first['to']}\n" if first["at"] != second["at"] else "default"
    )
    assert f": 1.1.0 {second['to'].split()[1]}\nsince {second['at']}, Activated, instead of 1.0.0" in now.output
    assert "\nby promptops-dev-admin as rob at " in now.output
    assert now.output.rstrip().endswith("1.0.0 -> 1.1.0")


def test_blame_without_an_audit_log_says_that_the_manager_is_a_claim(world: World) -> None:
    assert "which anybody can call himself: --audit-log says who it was" in run(world, blame, "greeting").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("nobody",), "no decision on default/nobody before", id="no such prompt"),
        pytest.param(("greeting", "--at", "2001-01-01T00:00:00Z"), "it begins at", id="before the log"),
        pytest.param(("greeting", "--at", "yesterday"), "write it as 2026-01-31T12:00:00Z", id="no time"),
    ],
)
def test_what_blame_cannot_tell(world: World, arguments: tuple[str, ...], said: str) -> None:
    done = run(world, blame, *arguments)

    assert said in done.output
    assert done.exit_code


def test_the_log_is_whole_over_the_end_of_an_operator_and_what_it_did_not_log_is_added(world: World) -> None:
    head = run(world, audit, "verify").output.split()[-1]
    world.plane.kill(OPERATOR)
    world.activate("greeting", "1.0.0")
    world.plane.start(OPERATOR)
    wait_until(lambda: len(_lines(world)) == 3, lambda: _lines(world), within=60)

    done = run(world, audit, "verify", "--head", head)

    assert done.exit_code == 0, done.output
    assert done.output.startswith("3 decisions, 1 to 3, ")


def _flip(written: str) -> str:
    return written.replace("RolledBack", "RolledBacl").replace('"reason":"Activated"', '"reason":"Activatec"', 1)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(_flip, "was changed: it has another hash than it says", id="one byte"),
        pytest.param(lambda text: "\n".join(text.splitlines()[1:]) + "\n", "entries before 2 were removed", id="one entry less"),
        pytest.param(lambda text: "\n".join(reversed(text.splitlines())) + "\n", "they were put in another order", id="another order"),
        pytest.param(lambda text: "\n".join(text.splitlines()[:1]) + "\n", "is not in the log: it was cut off before that", id="the end cut off"),
    ],
)  # fmt: skip
def test_damage_is_found(world: World, damage: Callable[[str], str], said: str) -> None:
    head = run(world, audit, "verify").output.split()[-1]
    found = json.loads(world.plane.kubectl("get", "configmap", LOG, "-n", NAMESPACE, "-o", "json").stdout)
    whole = found["data"]["decisions"]
    _write(world, damage(whole))
    done = run(world, audit, "verify", "--head", head)
    refused = run(world, blame, "greeting")
    _write(world, whole)

    assert (done.exit_code, said in done.output) == (1, True), done.output
    assert refused.exit_code == (0 if "cut off" in said else 1)


def _write(world: World, written: str) -> None:
    patch = json.dumps({"data": {"decisions": written}})
    world.plane.kubectl("patch", "configmap", LOG, "-n", NAMESPACE, "--type=merge", "-p", patch)


def test_an_installation_that_logs_nothing_is_no_whole_log(world: World) -> None:
    done = run(world, audit, "verify", "--operator-namespace", "default")

    assert done.exit_code == 1
    assert "the end was cut off" in done.output or "there is no log of decisions in namespace default" in done.output


def test_a_file_that_is_no_audit_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("no log\n{}\n")

    done = CliRunner().invoke(audit, ["who", str(tmp_path / "log")])

    assert (done.exit_code, "log:1: this is no line of an audit log" in done.output) == (2, True)
