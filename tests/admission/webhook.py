"""The webhook as a process, with what the kubelet would mount in a folder, and an API server that calls it by its URL."""

from __future__ import annotations

import base64
import ssl
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

import promptops
from promptops.codegen import webhooks
from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from promptops.dev.processes import Command
from promptops.web.certificates import Authority
from tests.admission.pods import PARAMETERS

Manifest = dict[str, Any]
NAME = "webhook"


@dataclass
class RunningWebhook:
    """Where it listens, and what it was given."""

    plane: Plane
    folder: Path
    authority: Authority
    port: int
    operations_port: int

    @property
    def url(self) -> str:
        """What the API server calls."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def operations_url(self) -> str:
        """Metrics and probes."""
        return f"http://127.0.0.1:{self.operations_port}"

    @property
    def client(self) -> httpx.Client:
        """Somebody who believes its authority."""
        context = ssl.create_default_context(cadata=self.authority.certificate.decode())
        return httpx.Client(base_url=self.url, verify=context, trust_env=False, timeout=30.0)

    def certify(self, authority: Authority) -> None:
        """Write a certificate as a renewed Secret would bring it."""
        identity = authority.server("webhook", ("127.0.0.1",), ("localhost",))
        folder = self.folder / "certificate"
        folder.mkdir(exist_ok=True)
        for name, content in (("tls.key", identity.key), ("tls.crt", identity.certificate)):
            (folder / f"{name}.new").write_bytes(content)
            (folder / f"{name}.new").replace(folder / name)
        self.authority = authority

    def start(self) -> None:
        """Start the process; return when it is ready."""
        variables = {
            "PROMPTOPS_WEBHOOK_ADDRESS": f"127.0.0.1:{self.port}",
            "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{self.operations_port}",
            "PROMPTOPS_CERTIFICATE_DIRECTORY": str(self.folder / "certificate"),
            "PROMPTOPS_INJECTION_DIRECTORIES": str(self.folder / "parameters"),
            "PYTHONPATH": str(Path(promptops.__file__).parents[1]),
        }
        command = (sys.executable, "-m", "promptops.cli.main", "webhook")
        self.plane.run(Command(NAME, command, tuple(variables.items()), ready_url=f"{self.operations_url}/readyz"))

    def configurations(self, namespace: str) -> tuple[Manifest, Manifest]:
        """Return what tells the API server to call it, for one namespace alone."""
        made = webhooks.validating(namespace), webhooks.mutating(namespace)
        for configuration in made:
            # The operator's name is left to whoever tests the operator on this plane.
            configuration["metadata"]["name"] = f"admission-{namespace}"
            (hook,) = configuration["webhooks"]
            path = hook["clientConfig"]["service"]["path"]
            hook["clientConfig"] = {
                "url": f"{self.url}{path}",
                "caBundle": base64.b64encode(self.authority.certificate).decode(),
            }
            hook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            # A machine that is busy with tests is no cluster that waits for its users.
            hook["timeoutSeconds"] = 20
            hook["failurePolicy"] = "Fail"
        return made


def prepared(plane: Plane, folder: Path) -> RunningWebhook:
    """Return a webhook that has everything and does not run yet."""
    authority = Authority("webhook test", datetime.now(UTC))
    made = RunningWebhook(plane, folder, authority, *free_ports(2))
    made.certify(authority)
    (folder / "parameters").mkdir()
    for name, value in PARAMETERS.items():
        (folder / "parameters" / name).write_text(value)
    return made
