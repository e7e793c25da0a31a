"""Viewer, author, releaser and tenant admin as real ServiceAccounts through kubectl: what each may do, and what is said where they may not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from promptops.codegen.rbac import PEOPLE
from promptops.dev import kubeconfig
from promptops.dev.plane import Plane
from tests.crds.server import OPERATOR, Server
from tests.support.manifests import prompt, reading, tenant, version
from tests.support.waiting import wait_until

Manifest = dict[str, Any]
Kubectl = Callable[..., subprocess.CompletedProcess[str]]

VIEWER, AUTHOR, RELEASER, ADMIN = ROLES = ("viewer", "author", "releaser", "tenant-admin")
ALL = frozenset(ROLES)
WRITERS = frozenset((AUTHOR, ADMIN))
RELEASERS = frozenset((RELEASER, ADMIN))

ACTIVATE = "needs the verb activate on prompts.promptops.io greeting: the role promptops-releaser has it"
FORBIDDEN = "is forbidden: User"

PATCH = ("patch", "prompt", "greeting", "--type=merge", "-p")
ROWS: dict[str, tuple[tuple[str, ...], Manifest | None, frozenset[str], str]] = {
    "read what is served": (("get", "prompts,promptversions"), None, ALL, ""),
    "read a Tenant": (("get", "tenant", "books"), None, frozenset(), FORBIDDEN),
    "claim a namespace": (("create", "-f", "-"), tenant("mine", "mine"), frozenset(), FORBIDDEN),
    "write a version": (("create", "-f", "-"), version("greeting", "1.1.0", "Hello"), WRITERS, FORBIDDEN),
    "write a Prompt that asks for nothing": (("create", "-f", "-"), prompt("new"), WRITERS, FORBIDDEN),
    "keep fewer versions": ((*PATCH, '{"spec":{"historyLimit":3}}'), None, frozenset((AUTHOR, RELEASER, ADMIN)), FORBIDDEN),
    "activate": ((*PATCH, '{"spec":{"activeVersion":"1.1.0"}}'), None, RELEASERS, ACTIVATE),
    "switch off": ((*PATCH, '{"spec":{"disabled":true}}'), None, RELEASERS, ACTIVATE),
    "follow a source": ((*PATCH, '{"spec":{"activeVersion":null,"source":{"content":{"text":"Obey"}}}}'), None, RELEASERS, ACTIVATE),
    "take an id": ((*PATCH, '{"spec":{"promptId":"team/greeting"}}'), None, RELEASERS, ACTIVATE),
    "delete what is served": (("delete", "prompt", "greeting"), None, RELEASERS, ACTIVATE),
    "delete a version in use": (("delete", "promptversion", "greeting-1.0.0"), None, RELEASERS, ACTIVATE),
    "delete a version not in use": (("delete", "promptversion", "greeting-0.9.0"), None, frozenset((AUTHOR, RELEASER, ADMIN)), FORBIDDEN),
    "read from a ConfigMap that one may not read": ((*PATCH, json.dumps({"spec": {"source": reading("words")}})), None, frozenset((AUTHOR, ADMIN)), "spec.source.configMapKeyRef.name names the ConfigMap words, which you may not get"),
    "forge what is served": (("patch", "prompt", "greeting", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Healthy"}}'), None, frozenset(), FORBIDDEN),
}  # fmt: skip
"""A command, what it reads, who may, and what is said to the others."""


@pytest.fixture(scope="module")
def kubectl_as(server: Server, plane: Plane, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Run kubectl as one of them: `kubectl_as("author", "get", "prompts")`. The author may read ConfigMaps besides."""
    home = tmp_path_factory.mktemp("people")
    for role in ROLES:
        plane.kubectl("create", "serviceaccount", role, "-n", namespace)
        _bind(plane, namespace, role, f"promptops-{role}")
        token = plane.kubectl("create", "token", role, "-n", namespace).stdout.strip()
        (home / role).write_text(kubeconfig.for_token(plane.server, plane.authority, token, namespace))
    plane.kubectl("create", "role", "words", "--verb=get", "--resource=configmaps", "-n", namespace)
    plane.kubectl(
        "create", "rolebinding", "words", "--role=words", f"--serviceaccount={namespace}:author", "-n", namespace
    )

    def run(role: str, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        command = (str(plane.kubectl_path), f"--kubeconfig={home / role}", *arguments)
        environment = {**plane.environment, "KUBECACHEDIR": str(home / "cache"), "HOME": os.fspath(home)}
        return subprocess.run(command, input=input, capture_output=True, text=True, check=False, env=environment)

    wait_until(lambda: all(run(role, "get", "prompts").returncode == 0 for role in ROLES))
    wait_until(lambda: run(AUTHOR, "auth", "can-i", "get", "configmaps").stdout.strip() == "yes")
    # Policies take a moment to be heard of, too.
    probe = prompt("probe")
    server.create(probe, namespace).raise_for_status()
    for role, spec, said in (
        (AUTHOR, {"activeVersion": "1.0.0"}, "needs the verb activate"),
        (RELEASER, {"source": reading("words")}, "which you may not get"),
    ):
        tried = ("patch", "prompt", "probe", "--type=merge", "--dry-run=server", "-p", json.dumps({"spec": spec}))
        wait_until(partial(_is_told, run, role, tried, said), said)
    server.delete(probe, namespace)
    return run


def _is_told(run: Kubectl, role: str, tried: tuple[str, ...], said: str) -> bool:
    return said in run(role, *tried).stderr


def _bind(plane: Plane, namespace: str, account: str, role: str) -> None:
    who = f"--serviceaccount={namespace}:{account}"
    plane.kubectl("create", "rolebinding", account, f"--clusterrole={role}", who, "-n", namespace)


@pytest.fixture
def served(server: Server, namespace: str) -> Any:
    """A Prompt that serves one of its two versions."""
    used = {"type": "InUse", "status": "True", "reason": "InUse", "message": ".", "lastTransitionTime": "2026-01-01T00:00:00Z"}  # fmt: skip
    there = [
        prompt("greeting", activeVersion="1.0.0"),
        version("greeting", "0.9.0", "Hi"),
        version("greeting", "1.0.0", "Hello"),
    ]
    for each in there:
        server.create(each, namespace).raise_for_status()
    server.replace_status({**there[2], "status": {"conditions": [used]}}, namespace, OPERATOR).raise_for_status()
    yield
    for each in (*there, prompt("new"), version("greeting", "1.1.0", "Hello")):
        server.delete(each, namespace)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("role", ROLES)
def test_what_each_may_do(kubectl_as: Kubectl, namespace: str, role: str) -> None:
    for name, (command, manifest, who, said) in ROWS.items():
        tried = command if command[0] == "get" else (*command, "--dry-run=server")
        done = kubectl_as(role, *tried, input=json.dumps(manifest) if manifest else None)

        # Who may write nothing at all hears of that.
        expected = "" if role in who else FORBIDDEN if role == VIEWER else said
        assert (done.returncode == 0) == (role in who), f"{name}: {done.stdout}{done.stderr}"
        assert expected in done.stderr, f"{name}: {done.stderr}"


def test_the_page_for_people_says_the_same(root: Path) -> None:
    page = (root / "docs" / "guides" / "roles.md").read_text()
    lines = page[page.index("\n|") + 1 :].partition("\n\n")[0].splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    (_, *columns), _, *rows = table

    said = {name: {each for each, cell in zip(columns, cells, strict=True) if cell == "yes"} for name, *cells in rows}

    assert columns == list(ROLES) == [role.name for role in PEOPLE]
    assert said == {name: set(who) for name, (_, _, who, _) in ROWS.items()}
