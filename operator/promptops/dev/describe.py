"""What `promptops dev` says about a plane, for people and for programs."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path

import psutil

from promptops.dev.components import API_SERVER, CONTROLLER_MANAGER, ETCD
from promptops.dev.errors import PlaneUnknown
from promptops.dev.plane import Plane, attach
from promptops.dev.processes import running
from promptops.dev.stack import DATA_PORT, Stack, attach_stack
from promptops.settings.dev import DevSettings

NAMESPACE = "default"


def as_json(plane: Plane, stack: Stack | None) -> str:
    """Return where everything is; null for what a bare plane lacks."""
    sidecar = stack.sidecar if stack else None
    operator = stack.operator if stack else None
    answer = {
        "kubeconfig": str(plane.kubeconfig),
        "kubectl": str(plane.kubectl_path),
        "namespace": NAMESPACE,
        "sidecar_url": sidecar.url if sidecar else None,
        "sidecar_socket": sidecar.socket if sidecar else None,
        "operations_url": sidecar.operations_url if sidecar else None,
        "operator_metrics_url": operator.metrics_url if operator else None,
        "audit_log": str(plane.audit_log),
    }
    return json.dumps(answer, indent=2)


def as_text(plane: Plane, stack: Stack | None, which: str = "") -> str:
    """Return where everything is, and the next three commands to try; `which` are the options that name the plane."""
    rows = [("API server", plane.server), ("kubeconfig", str(plane.kubeconfig)), ("audit log", str(plane.audit_log))]
    commands = [f'eval "$(promptops dev env{which})"', "kubectl get namespaces", f"promptops dev down{which}"]
    if stack and stack.operator:
        taken = "" if stack.sidecar.url.endswith(f":{DATA_PORT}") else f" (port {DATA_PORT} was taken)"
        rows += [
            ("operator", stack.operator.metrics_url),
            ("sidecar", f"{stack.sidecar.url} for the namespace {stack.sidecar.namespace}{taken}"),
            ("", f"{stack.sidecar.socket} (Unix socket)"),
            ("", f"{stack.sidecar.operations_url}/metrics"),
        ]
        commands[1:2] = ["kubectl apply -f YOUR-PROMPT.yaml", "curl -s $PROMPTOPS_URL/v1/prompts"]
    lines = [f"  {label:<11} {value}" for label, value in rows]
    return "\n".join((*lines, "", "Try:", *(f"  {command}" for command in commands)))


def as_environment(plane: Plane, stack: Stack | None) -> str:
    """Return what a shell evaluates so that kubectl, promptops and clients find the plane."""
    folders = (plane.kubectl_path.parent, Path(sys.executable).parent)
    lines = [
        f"export KUBECONFIG={shlex.quote(str(plane.kubeconfig))}",
        f'export PATH={":".join(shlex.quote(str(folder)) for folder in folders)}:"$PATH"',
    ]
    if stack:
        # A client looks in one place: what named another before is gone.
        lines += [f"export PROMPTOPS_URL={shlex.quote(stack.sidecar.url)}", "unset PROMPTOPS_SOCKET"]
    return "\n".join(lines)


def status(folder: Path, settings: DevSettings) -> tuple[bool, str]:
    """Return whether the plane in `folder` is whole, and one line on it and on each of its processes."""
    try:
        plane = attach(folder, settings.environment)
    except PlaneUnknown:
        left = running(folder.resolve())
        return False, _incomplete(folder, left) if left or folder.exists() else f"{folder.name} is not up"
    stack = attach_stack(plane)
    alive = plane.running()
    expected = (ETCD, API_SERVER, CONTROLLER_MANAGER, *(stack.processes if stack else ()))
    whole = set(expected) <= set(alive) and plane.is_ready()
    kind = "up" if stack else "up (bare)"
    lines = [f"{folder.name} is {kind if whole else 'damaged: run `promptops dev up` again'}  {plane.server}"]
    lines += [f"  {name:<24} {_since(alive[name]) if name in alive else 'not running'}" for name in expected]
    return whole, "\n".join(lines)


def _incomplete(folder: Path, left: dict[str, int]) -> str:
    names = f" ({', '.join(left)} still run)" if left else ""
    return f"{folder.name} was left incomplete{names}: `promptops dev up` or `promptops dev down` cleans up"


def _since(pid: int) -> str:
    try:
        seconds = time.time() - psutil.Process(pid).create_time()
    except psutil.Error:
        return "not running"
    return f"process {pid:<8} up {seconds // 60:.0f} min {seconds % 60:.0f} s"
