"""`promptops backup` and `promptops restore` against a real API server with an operator behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from promptops.cli.backup import backup
from promptops.cli.restore import restore
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.objects import Objects
from promptops.dev import kubeconfig
from promptops.recovery.folder import files_in, read_records
from promptops.recovery.putting_back import Restorer
from tests.support.audit import audited
from tests.support.manifests import config_map, prompt, tenant, version
from tests.support.waiting import eventually, wait_until
from tests.support.world import World

pytestmark = pytest.mark.cluster

Run = Callable[..., Result]
BREAKING = {"text": "{{ who }}", "variables": [{"name": "who", "type": "string"}]}


@pytest.fixture
def kept(world: World, run: Run, tmp_path: Path) -> Path:
    """A backup of a prompt that asks for a version which is not let in; it is gone from the cluster."""
    world.apply(
        config_map("texts", "a"),
        version("greeting", "1.0.0", "Hello"),
        version("greeting", "2.0.0", BREAKING),
        prompt("greeting", activeVersion="1.0.0"),
    )
    world.until_serves("greeting", "1.0.0")
    world.activate("greeting", "2.0.0")
    world.until_ready("greeting", "False", "BreakingChange")
    # What versions say of themselves is kept, too.
    assert world.digest("greeting-1.0.0") != world.digest("greeting-2.0.0")
    done = run(backup, "-o", str(tmp_path / "kept"), "-n", world.namespace)
    assert done.exit_code == 0, done.output
    world.kubectl("delete", "prompts,promptversions,configmaps", "--all", "--timeout=90s")
    return tmp_path / "kept"


def edited(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a file of a backup by hand."""
    value = yaml.safe_load(path.read_text())
    edit(value)
    path.write_text(yaml.safe_dump(value))


def files(folder: Path) -> set[str]:
    """Names of what stands in a folder."""
    return {str(each.relative_to(folder)) for each in folder.rglob("*.yaml")}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(world: World, run: Run, kept: Path) -> None:
    since = world.audit_position()

    done = run(restore, str(kept), "--dry-run")

    assert done.exit_code == 0
    assert f"Prompt {world.namespace}/greeting: to be restored" in done.output
    assert not [each for each in writes(world, since) if each[1] in ("prompts", "promptversions", "configmaps")]


def writes(world: World, since: int) -> list[tuple[str, str]]:
    """What the administrator wrote in the namespace."""
    return [
        (entry["verb"], entry["objectRef"]["resource"])
        for entry in audited(world.plane, since)
        if entry["verb"] in ("create", "update", "patch", "delete")
        and entry.get("objectRef", {}).get("namespace") == world.namespace
        and entry["user"]["username"] == "promptops-dev-admin"
    ]


def test_a_restore_that_is_aborted_after_any_write_is_finished_by_the_next(world: World, run: Run, kept: Path) -> None:
    aborted = [asyncio.run(_abort_after(world, kept, writes)) for writes in range(1, 7)]

    done = run(restore, str(kept))

    assert aborted == [True] * 6
    assert done.exit_code == 0, done.output
    world.until_ready("greeting", "False", "BreakingChange")
    assert world.serves("greeting") == "1.0.0"
    assert "promptops.io/restoring" not in json.dumps(world.get("prompt", "greeting"))


class _Aborted(Exception):
    """As a signal ends a command."""


async def _abort_after(world: World, kept: Path, writes: int) -> bool:
    """Restore, and stop before the write after the `writes`-th. Whatever is there by then stays."""
    client = Client(await Connection.open(world.plane.kubeconfig))
    left = writes

    class Ending(Objects):
        async def create(self, *args: Any, **options: Any) -> dict[str, Any]:
            self._count()
            return await super().create(*args, **options)

        async def replace(self, *args: Any, **options: Any) -> dict[str, Any]:
            self._count()
            return await super().replace(*args, **options)

        async def replace_status(self, *args: Any, **options: Any) -> dict[str, Any]:
            self._count()
            return await super().replace_status(*args, **options)

        def _count(self) -> None:
            nonlocal left
            if left == 0:
                raise _Aborted
            left -= 1

    try:
        restorer = Restorer(Ending(client))
        records = read_records({str(each): each.read_bytes() for each in files_in(kept)})
        steps = await restorer.plan(records, (), overwrite=False)
        async for _ in restorer.put_back(steps, ()):
            pass
    except _Aborted:
        return True
    finally:
        await client.close()
        world.kubectl("delete", "prompts,promptversions,configmaps", "--all", "--timeout=90s") if writes < 6 else None
    return False


def test_without_the_status_what_was_kept_out_is_let_in(world: World, run: Run, kept: Path) -> None:
    done = run(restore, str(kept), "--without-status")

    assert done.exit_code == 0, done.output
    world.until_serves("greeting", "2.0.0")


def test_what_differs_is_said_and_stays_unless_it_is_to_be_overwritten(world: World, run: Run, kept: Path) -> None:
    world.apply(version("greeting", "1.1.0", "Later"), prompt("greeting", activeVersion="1.1.0"))
    world.until_serves("greeting", "1.1.0")
    left = run(restore, str(kept))
    served = world.serves("greeting")

    overwritten = run(restore, str(kept), "--overwrite")

    assert (left.exit_code, overwritten.exit_code) == (1, 0), overwritten.output
    name = f"Prompt {world.namespace}/greeting"
    assert f"{name}: NOT restored: spec.activeVersion is 1.1.0, the backup has 2.0.0; it serves 1.1.0" in left.output
    assert f"{name}: overwritten" in overwritten.output
    assert served == "1.1.0"
    world.until_ready("greeting", "False", "BreakingChange")
    assert world.serves("greeting") == "1.0.0"


def test_whoever_may_not_write_statuses_is_told_before_anything_is_served(
    world: World, run: Run, kept: Path, tmp_path: Path
) -> None:
    world.kubectl("create", "serviceaccount", "admin")
    world.kubectl("create", "rolebinding", "admin", "--clusterrole=admin", f"--serviceaccount={world.namespace}:admin")
    token = world.kubectl("create", "token", "admin").strip()
    plane = world.plane
    asked = ("auth", "can-i", "create", "promptversions", f"--as=system:serviceaccount:{world.namespace}:admin")
    wait_until(lambda: plane.kubectl(*asked, "-n", world.namespace, check=False).stdout.strip() == "yes")
    own = tmp_path / "kubeconfig"
    own.write_text(kubeconfig.for_token(plane.server, plane.authority, token, world.namespace))

    done = run(restore, str(kept), "--kubeconfig", str(own))

    assert done.exit_code == 1
    assert "prompts/status" in done.output or "promptversions/status" in done.output, done.output
    assert "add --without-status" in done.output
    assert not world.all("prompts") or world.serves("greeting") is None


def test_one_letter_in_a_backup_restores_nothing(world: World, run: Run, kept: Path) -> None:
    path = kept / "namespaces" / world.namespace / "promptversions" / "greeting-1.0.0.yaml"
    edited(path, lambda value: value["spec"]["content"].update(text="Hallo"))

    done = run(restore, str(kept))

    assert done.exit_code == 2
    assert f"PromptVersion {world.namespace}/greeting-1.0.0: its content has the digest" in done.output
    assert world.all("promptversions") == []


def test_a_namespace_that_is_not_there_is_named_or_made(world: World, run: Run, kept: Path) -> None:
    there = f"{world.namespace}-new"
    (kept / "namespaces" / world.namespace).rename(kept / "namespaces" / there)
    for path in kept.rglob("*.yaml"):
        edited(path, lambda value: value["metadata"].update(namespace=there))
    refused = run(restore, str(kept))
    made = run(restore, str(kept), "--create-namespaces")

    found = world.plane.kubectl("get", "prompts", "-n", there, "-o", "name").stdout
    world.plane.kubectl("delete", "namespace", there, "--wait=false")

    assert (refused.exit_code, made.exit_code) == (1, 0), made.output
    assert f"there is no namespace {there}: create what is missing, or add --create-namespaces" in refused.output
    assert found == "prompt.promptops.io/greeting\n"


def test_a_tenant_is_backed_up_with_the_namespaces_it_holds(world: World, run: Run, tmp_path: Path) -> None:
    name = world.namespace
    world.apply(prompt("greeting"), tenant(name, name))
    eventually(lambda: [each["state"] for each in world.get("tenant", name)["status"].get("claims", ())], ["Claimed"])

    done = run(backup, "-o", str(tmp_path / "kept"), "--tenant", name)

    world.plane.kubectl("delete", "tenant", name)
    assert done.output == f"{tmp_path / 'kept'}: 1 Tenant, 1 Prompt\n"
    assert files(tmp_path / "kept") == {f"tenants/{name}.yaml", f"namespaces/{name}/prompts/greeting.yaml"}


def test_what_is_gone_goes_out_of_the_folder_and_what_it_does_not_cover_stays(
    world: World, run: Run, tmp_path: Path
) -> None:
    other = tmp_path / "namespaces" / "other" / "prompts" / "theirs.yaml"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    world.apply(prompt("first"), prompt("second"))
    run(backup, "-o", str(tmp_path), "-n", world.namespace)
    world.delete(prompt("first"))

    run(backup, "-o", str(tmp_path), "-n", world.namespace)

    own = f"namespaces/{world.namespace}/prompts"
    assert files(tmp_path) == {f"{own}/second.yaml", "namespaces/other/prompts/theirs.yaml"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--tenant", "nobody"), "there is no Tenant nobody: kubectl get tenants lists them", id="no such tenant"),
        pytest.param(("--keys", "--operator-namespace", "default"), "there is no Secret promptops-keys", id="no keys there"),
        pytest.param(("--tenant", "a", "-n", "b"), "choose one of --tenant and --namespace", id="both"),
    ],
)  # fmt: skip
def test_what_cannot_be_backed_up(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(backup, "-o", str(tmp_path / "kept"), *arguments)

    assert said in done.output
    assert done.exit_code != 0
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("kind: Pod\napiVersion: v1\nmetadata: {name: a, namespace: b}\n", "Pod is nothing that a backup has", id="another kind"),
        pytest.param("kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\n", "promptops-keys alone, not a", id="another secret"),
        pytest.param("kind: Prompt\napiVersion: promptops.io/v1alpha1\nmetadata: {name: a}\nspec: {}\n", "metadata.namespace: is required", id="no namespace"),
        pytest.param("kind: Prompt\napiVersion: promptops.io/v1alpha1\nmetadata: {name: a, namespace: b}\nspec: {activ: 1}\n", "spec.activ", id="a typo"),
        pytest.param("a: [", "a.yaml:", id="no YAML"),
        pytest.param("", "there is nothing of a backup in it", id="nothing"),
    ],
)  # fmt: skip
def test_what_is_no_backup(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)

    done = CliRunner().invoke(restore, [str(tmp_path)])

    assert said in done.output
    assert done.exit_code == 2


def test_an_object_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    text = "kind: Tenant\napiVersion: promptops.io/v1alpha1\nmetadata: {name: a}\nspec: {namespaces: [b]}\n"
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(text)

    done = CliRunner().invoke(restore, [str(tmp_path)])

    assert "Tenant a stands there twice" in done.output
