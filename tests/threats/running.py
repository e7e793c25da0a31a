"""Hostile contents given to a running operator and sidecar: who refused them, how soon, and at what cost."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from promptops.dev.stack import Stack
from promptops.domain.review import review
from tests.crds.server import Server
from tests.support.manifests import prompt, version
from tests.support.waiting import wait_until

Content = dict[str, Any]
Condition = Mapping[str, str]
API_SERVER, WEBHOOK, OPERATOR, RENDER, NOBODY = "API server", "webhook", "operator", "render", "nobody"


@dataclass(frozen=True)
class Verdict:
    """What became of one content."""

    name: str
    gate: str
    """Who refused it: the API server, the webhook, the operator, the render with values that are too much; or nobody."""
    reason: str
    seconds: float
    """From when it was applied, or called, to the refusal or the answer."""


class Running:
    """An operator with a sidecar, and what it costs them."""

    def __init__(self, stack: Stack) -> None:
        self._server = Server(stack.plane)
        self._namespace = stack.sidecar.namespace
        self._http = httpx.Client(transport=httpx.HTTPTransport(uds=stack.sidecar.socket), timeout=30.0)
        self._plane = stack.plane
        self._made = 0

    def processes(self) -> dict[str, int]:
        """Return the processes of the product by name, with those that judge for the webhook."""
        found = {name: pid for name, pid in self._plane.running().items() if name in ("operator", "sidecar", WEBHOOK)}
        judges = psutil.Process(found[WEBHOOK]).children(recursive=True) if WEBHOOK in found else []
        return found | {f"judge {number}": each.pid for number, each in enumerate(judges, 1)}

    def try_out(self, contents: Mapping[str, Content], values: Mapping[str, Any]) -> list[Verdict]:
        """Apply contents as versions, all at once; render what is accepted with these values, one by one."""
        subjects = {name: self._subject() for name in contents}
        begun = time.monotonic()
        verdicts = [
            made for name, content in contents.items() if (made := self._created(name, subjects[name], content))
        ]
        judged = {each.name for each in verdicts}
        wanted = {f"{subject}-1.0.0": name for name, subject in subjects.items() if name not in judged}
        seen: dict[str, tuple[Condition, float]] = {}
        wait_until(lambda: self._look(wanted, seen, begun), lambda: f"no verdict on {wanted.keys() - seen.keys()}")
        for version_name, (ready, seconds) in seen.items():
            name = wanted[version_name]
            if ready["status"] == "False":
                verdicts.append(Verdict(name, OPERATOR, ready["reason"], seconds))
            else:
                self._activate(subjects[name])
                declared = {each["name"] for each in contents[name].get("variables", ())}
                given = {key: value for key, value in values.items() if key in declared}
                verdicts.append(self._rendered(name, subjects[name], given))
        return verdicts

    def try_values(self, content: Content, values: Mapping[str, Mapping[str, Any]]) -> list[Verdict]:
        """Render one content with each of these values."""
        subject = self._serve(content)
        return [self._rendered(name, subject, given) for name, given in values.items()]

    def try_manifest(self, name: str, manifest: dict[str, Any]) -> Verdict:
        """Ask the API server alone whether it would take a manifest; what it takes, whoever reads it has to refuse."""
        begun = time.monotonic()
        asked = self._server.send("POST", f"{collection(manifest, self._namespace)}?dryRun=All", manifest)
        if asked.is_client_error:
            return Verdict(name, API_SERVER, asked.json()["reason"], time.monotonic() - begun)
        found = [each.reason for each in review(manifest) if each.severity == "error"]
        return Verdict(name, OPERATOR if found else NOBODY, found[0] if found else "", time.monotonic() - begun)

    def try_apply(self, name: str, manifest: dict[str, Any]) -> Verdict:
        """Ask what `kubectl apply --dry-run=server` asks of what is new: everybody is asked, and nothing is stored."""
        begun = time.monotonic()
        asked = self._server.send("POST", f"{collection(manifest, self._namespace)}?dryRun=All", manifest)
        seconds = time.monotonic() - begun
        if asked.is_success:
            return Verdict(name, NOBODY, "", seconds)
        assert asked.status_code < 500, asked.text
        said = asked.json()
        return Verdict(name, WEBHOOK if "admission webhook" in said["message"] else API_SERVER, said["reason"], seconds)

    def renders(self) -> bool:
        """Whether a good prompt is served within a minute, and rendered right."""
        name = self._serve({"text": "Hello {{ x }}", "variables": [{"name": "x", "type": "string"}]})
        rendered: str | None = self._render(name, {"x": "Ada"}).json().get("rendered_content")
        return rendered == "Hello Ada"

    def _subject(self) -> str:
        self._made += 1
        return f"threat-{id(self)}-{self._made}"

    def _created(self, name: str, subject: str, content: Content) -> Verdict | None:
        begun = time.monotonic()
        created = self._server.create(version(subject, "1.0.0", content), self._namespace)
        if created.is_client_error:
            return Verdict(name, API_SERVER, created.json()["reason"], time.monotonic() - begun)
        created.raise_for_status()
        return None

    def _look(self, wanted: Mapping[str, str], seen: dict[str, tuple[Condition, float]], begun: float) -> bool:
        path = f"/apis/promptops.io/v1alpha1/namespaces/{self._namespace}/promptversions"
        for found in self._server.client.get(path).json()["items"]:
            name, conditions = found["metadata"]["name"], found.get("status", {}).get("conditions", ())
            ready = next((each for each in conditions if each["type"] == "Ready"), None)
            if name in wanted and name not in seen and ready is not None:
                seen[name] = (ready, time.monotonic() - begun)
        return wanted.keys() <= seen.keys()

    def _serve(self, content: Content) -> str:
        subject = self._subject()
        self._server.create(version(subject, "1.0.0", content), self._namespace).raise_for_status()
        self._activate(subject)
        return subject

    def _activate(self, subject: str) -> None:
        self._server.create(prompt(subject, activeVersion="1.0.0"), self._namespace).raise_for_status()
        wait_until(lambda: self._render(subject, {}).status_code not in (404, 503), lambda: f"{subject} is not served")

    def _render(self, subject: str, values: Mapping[str, Any]) -> httpx.Response:
        return self._http.post(
            f"http://sidecar/v1/prompts/{subject}/render", content=json.dumps({"variables": dict(values)})
        )

    def _rendered(self, name: str, subject: str, values: Mapping[str, Any]) -> Verdict:
        begun = time.monotonic()
        answer = self._render(subject, values)
        seconds = time.monotonic() - begun
        if answer.is_success:
            return Verdict(name, NOBODY, f"{len(answer.json()['rendered_content'])} characters", seconds)
        assert answer.status_code < 500, answer.text
        return Verdict(name, RENDER, answer.json()["code"], seconds)


def collection(manifest: dict[str, Any], namespace: str) -> str:
    """Return where objects of a manifest's kind are created."""
    plural = {"Prompt": "prompts", "PromptVersion": "promptversions", "Tenant": "tenants"}[manifest["kind"]]
    within = "" if plural == "tenants" else f"namespaces/{namespace}/"
    return f"/apis/promptops.io/v1alpha1/{within}{plural}"


class Memory:
    """The most that processes held at once since this was made, beyond what they held then."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        for pid in pids.values():
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # the kernel begins anew to note the most
        self._before = {name: psutil.Process(pid).memory_info().rss for name, pid in pids.items()}

    def growth(self) -> dict[str, float]:
        """Return MiB by name. A process that is gone raises."""
        return {name: (_most(pid) - self._before[name]) / 2**20 for name, pid in self._pids.items()}


def _most(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024
