"""The pictures in docs/images, made from what really comes: `make screens`.

The demo draws itself. `kubectl get prompts -o wide` and the dashboard come from a plane on which five prompts are in five
states and are asked for during two minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from promptops import codegen
from promptops.cli import pictures
from promptops.dev import binaries
from promptops.dev.plane import Plane, start_plane
from promptops.dev.ports import free_ports
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE, Stack, start_stack
from promptops.settings.dev import DevSettings
from tests.docs import dashboard
from tests.docs.pages import ROOT

IMAGES: Final = ROOT / "docs" / "images"
SECONDS: Final = 120
STATES: Final = """\
greeting: {1.0.0: "Hello {{ name }}", 1.1.0: "Good day, {{ name }}!"}
refund:   {1.0.0: "Refund {{ name }}", 2.0.0: "Refund {{ name }} for order {{ order }}"}
summary:  {1.0.0: "Sum up for {{ name }}"}
triage:   {1.0.0: "Sort {{ name }}", 1.1.0: "Order {{ name }}"}
welcome:  {1.0.0: "Welcome {{ name }}", 1.1.0: "Welcome {{ nmae }}"}
"""
"""Prompts, and the texts of their versions. The last but one fails its test."""
ACTIVATED: Final = {"greeting": "1.1.0", "refund": "2.0.0", "summary": "3.0.0", "triage": "1.1.0", "welcome": "1.1.0"}
REASONS: Final = {
    "greeting": "Active",
    "refund": "BreakingChange",
    "summary": "VersionNotFound",
    "triage": "TestsFailed",
    "welcome": "VersionInvalid",
}


def main() -> None:
    """Draw all three."""
    settings, progress = DevSettings.from_environment(), Progress()
    with progress.step("the demo", 60):
        command = (sys.executable, "-m", "promptops.cli.main", "demo", f"--picture={IMAGES / 'demo.svg'}")
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with tempfile.TemporaryDirectory(prefix="screens-") as folder:
        plane = start_plane(Path(folder) / "p", binaries.control_plane(settings, progress), settings.environment)
        try:
            stack = start_stack(plane, codegen.manifests(NAMESPACE))
            five_states(plane)
            (IMAGES / "prompts.svg").write_text(_prompts(plane))
            with progress.step("asking for the dashboard's data", SECONDS):
                (IMAGES / "dashboard.svg").write_text(_dashboard(stack, settings, Path(folder)))
        finally:
            plane.down()


def five_states(plane: Plane) -> None:
    """Bring five prompts into five states. Each serves its 1.0.0 first."""
    texts: dict[str, dict[str, str]] = yaml.safe_load(STATES)
    first = [_version(name, "1.0.0", of["1.0.0"]) for name, of in texts.items()]
    prompts = [{**_named("Prompt", name), "spec": {"activeVersion": "1.0.0"}} for name in texts]
    _apply(plane, *first, *prompts)
    plane.kubectl("wait", "--for=condition=Converged", "prompt", "--all", "--timeout=60s")
    later = [(name, number, text) for name, of in texts.items() for number, text in of.items() if number != "1.0.0"]
    _apply(plane, *(_version(*each) for each in later))
    _apply(plane, *({**_named("Prompt", name), "spec": {"activeVersion": to}} for name, to in ACTIVATED.items()))
    for name, reason in REASONS.items():
        ready = '{.status.conditions[?(@.type=="Ready")].reason}'
        plane.kubectl("wait", f"--for=jsonpath={ready}={reason}", f"prompt/{name}", "--timeout=60s")
    plane.kubectl("wait", "--for=condition=Converged", "prompt/greeting", "--timeout=60s")


def _version(prompt: str, number: str, text: str) -> dict[str, Any]:
    variables = [{"name": name, "type": "string"} for name in ("name", "order") if f"{{{{ {name} }}}}" in text]
    tests = [{"name": "sorts", "variables": {"name": "Ada"}, "expect": [{"contains": "Sort Ada"}]}]
    spec = {
        "promptRef": {"name": prompt},
        "version": number,
        "content": {"text": text, "variables": variables},
        **({"tests": tests} if prompt == "triage" else {}),
    }
    return {**_named("PromptVersion", f"{prompt}-{number}"), "spec": spec}


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "promptops.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "default"}}


def _apply(plane: Plane, *manifests: dict[str, Any]) -> None:
    plane.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))


def _prompts(plane: Plane) -> str:
    said = plane.kubectl("get", "prompts", "-o", "wide").stdout
    text = "\n".join(("$ kubectl get prompts -o wide", *_broken(said.splitlines())))
    return pictures.of_text("five prompts, five states (lines broken after PHASE)", text)


def _broken(lines: list[str]) -> Iterator[str]:
    """Break each line before the digest, and the message where 80 columns end."""
    digest, message = lines[0].index("DIGEST"), lines[0].index("MESSAGE")
    for line in lines:
        yield line[:digest].rstrip()
        yield f"  {line[digest:message].rstrip()}"
        yield from textwrap.wrap(line[message:], 78, initial_indent="  ", subsequent_indent="  ")


def _dashboard(stack: Stack, settings: DevSettings, folder: Path) -> str:
    defined = json.loads((ROOT / "helm" / "promptops" / "files" / "dashboard.json").read_text())
    with (
        _prometheus(stack, settings, folder) as api,
        httpx.Client(base_url=stack.sidecar.url, trust_env=False) as client,
    ):
        begun = time.time()
        while time.time() < begun + SECONDS:
            _ask_for_all(client, stack.plane, int(time.time() - begun))

        def ask(expression: str) -> list[tuple[dict[str, str], list[dashboard.Point]]]:
            filled = expression.replace("$__rate_interval", "10s").replace("$namespace", ".*")
            params: dict[str, str | float] = {"query": filled, "start": begun + 12, "end": begun + SECONDS, "step": 2}
            answer = api.get("/api/v1/query_range", params=params).raise_for_status().json()
            return [
                (series["metric"], [(at, float(value)) for at, value in series["values"] if value != "NaN"])
                for series in answer["data"]["result"]
            ]

        return dashboard.picture(defined, ask, f"{SECONDS} s of a real Prometheus, not drawn by Grafana")


def _ask_for_all(client: httpx.Client, plane: Plane, second: int) -> None:
    """Ask for every prompt, some more often; every seventh second callers of one forget its variable."""
    for number, name in enumerate(REASONS):
        variables = {} if name == "triage" and second % 7 == 0 else {"name": "Ada"}
        for _ in range(number + 1):
            client.post(f"/v1/prompts/{name}/render", json={"variables": variables})
    if second % 20 == 0:
        to = "1.0.0" if second % 40 == 0 else "1.1.0"
        plane.kubectl("patch", "prompt", "greeting", "--type=merge", "-p", json.dumps({"spec": {"activeVersion": to}}))
    time.sleep(0.1)


@contextmanager
def _prometheus(stack: Stack, settings: DevSettings, folder: Path) -> Iterator[httpx.Client]:
    assert stack.operator
    targets = {
        "operator": (stack.operator.operations_url, NAMESPACE),
        "sidecar": (stack.sidecar.operations_url, "default"),
    }
    scraped = [
        {
            "job_name": job,
            "static_configs": [{"targets": [url.removeprefix("http://")], "labels": {"namespace": namespace}}],
        }
        for job, (url, namespace) in targets.items()
    ]
    configuration = {"global": {"scrape_interval": "1s"}, "scrape_configs": scraped}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    (port,) = free_ports(1)
    program = binaries.provide("prometheus", settings, Progress())
    options = ("--config.file=prometheus.yaml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen((str(program), *options), cwd=folder, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as api:
            yield api
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
