"""The real kustomize-controller of Flux on a plane.

Flux fetches commits by another controller, and takes archives of them from anybody who publishes an ExternalArtifact: here that
is this module.
"""

from __future__ import annotations

import datetime
import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from promptops.dev.processes import Command
from tests.gitops.delivery import DELIVERER, Delivery, State, apply, read
from tests.gitops.repository import BRANCH, FOLDER, Repository
from tests.support.manifests import Manifest
from tests.support.waiting import wait_until

CONTROLLER = "kustomize-controller"
_NAME = "prompts"
_KUSTOMIZATIONS = "kustomizations.kustomize.toolkit.fluxcd.io"
_ASKED = "reconcile.fluxcd.io/requestedAt"


class Archives(BaseHTTPRequestHandler):
    """Serves what was published."""

    published: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        """Answer with an archive."""
        data = self.published.get(self.path)
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def running(plane: Plane, controller: Path, definitions: tuple[Path, ...]) -> Iterator[str]:
    """Run the controller on a plane, with the definitions that lie in these folders; yield where archives are served."""
    plane.kubectl("apply", "--server-side", *(f"--filename={folder}" for folder in definitions))
    plane.kubectl("create", "namespace", "flux-system")
    metrics, health = free_ports(2)
    arguments = (
        f"--metrics-addr=127.0.0.1:{metrics}",
        f"--health-addr=127.0.0.1:{health}",
        "--events-addr=",
        "--enable-leader-election=false",
        "--feature-gates=ExternalArtifact=true",
        "--requeue-dependency=2s",
    )
    variables = (("KUBECONFIG", str(plane.kubeconfig)), ("RUNTIME_NAMESPACE", "flux-system"))
    ready = f"http://127.0.0.1:{health}/readyz"
    plane.run(Command(CONTROLLER, (str(controller), *arguments), variables, ready_url=ready))
    with ThreadingHTTPServer(("127.0.0.1", 0), Archives) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    plane.stop(CONTROLLER)


class Flux(Delivery):
    """A Kustomization of a namespace's own."""

    def __init__(self, plane: Plane, archives: str, *, account: str = DELIVERER, waits: bool = True) -> None:
        """`account`: empty applies with all rights of the controller, and everything where it says. `waits`: for health."""
        self.name = "Flux"
        self._plane = plane
        self._archives = archives
        self._account = account
        self._waits = waits
        self._repository: Repository | None = None
        self._namespace = ""
        self._asked = 0

    def follow(self, repository: Repository, namespace: str) -> None:
        """Make the Kustomization."""
        self._repository, self._namespace = repository, namespace
        spec: Manifest = {
            "interval": "1h",
            "retryInterval": "5s",
            "timeout": "30s",
            "path": f"./{FOLDER}",
            "prune": True,
            "wait": self._waits,
            "sourceRef": {"kind": "ExternalArtifact", "name": _NAME},
        }
        if self._account:
            spec |= {"serviceAccountName": self._account, "targetNamespace": namespace}
        group = "kustomize.toolkit.fluxcd.io/v1"
        apply(self._plane, {"apiVersion": group, "kind": "Kustomization", "metadata": self._metadata(), "spec": spec})

    def tell(self, revision: str) -> None:
        """Publish an archive of the commit."""
        assert self._repository is not None
        data = gzip.compress(self._repository.archive(revision), mtime=0)
        path = f"/{self._namespace}/{revision}.tar.gz"
        Archives.published[path] = data
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        artifact = {
            "path": path.removeprefix("/"),
            "url": f"{self._archives}{path}",
            "revision": f"{BRANCH}@sha1:{revision}",
            "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "size": len(data),
            "lastUpdateTime": now,
        }
        stored = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "stored",
            "lastTransitionTime": now,
        }
        source = {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "ExternalArtifact", "metadata": self._metadata()}
        of = {"apiVersion": "example.com/v1", "kind": "Repository", "name": _NAME}
        apply(self._plane, source | {"spec": {"sourceRef": of}})
        status = source | {"status": {"artifact": artifact, "conditions": [stored]}}
        self._plane.kubectl("apply", "--server-side", "--subresource=status", "-f", "-", input=json.dumps(status))

    def look_again(self) -> None:
        """Ask for one more reconciliation."""
        self._asked += 1
        wanted = str(self._asked)
        self._kubectl("annotate", "--overwrite", _KUSTOMIZATIONS, _NAME, f"{_ASKED}={wanted}")
        wait_until(lambda: self._handled() == wanted and self.state().health != "Progressing", lambda: self.state())

    def state(self) -> State:
        """Read the Kustomization's conditions."""
        status = self._status()
        conditions = {each["type"]: each for each in status.get("conditions", ())}
        ready = conditions.get("Ready", {"status": "Unknown", "message": ""})
        revision = status.get("lastAttemptedRevision", "").rpartition(":")[2]
        if ready["status"] == "True" and status.get("lastAppliedRevision") == status.get("lastAttemptedRevision"):
            return State(revision, "Healthy", ready["message"], is_applied=True)
        return State(revision, "Degraded" if ready["status"] == "False" else "Progressing", ready["message"])

    def unfollow(self) -> None:
        """Delete the Kustomization, which prunes."""
        self._kubectl("delete", _KUSTOMIZATIONS, _NAME, "--timeout=60s")

    @property
    def inventory(self) -> frozenset[str]:
        """What it says that it delivered: NAMESPACE_NAME_GROUP_KIND."""
        entries = self._status().get("inventory", {}).get("entries", ())
        return frozenset(each["id"] for each in entries)

    def _handled(self) -> str:
        return str(self._status().get("lastHandledReconcileAt", ""))

    def _status(self) -> Manifest:
        return dict(read(self._plane, _KUSTOMIZATIONS, _NAME, "-n", self._namespace).get("status", {}))

    def _metadata(self) -> Manifest:
        return {"name": _NAME, "namespace": self._namespace}

    def _kubectl(self, *arguments: str) -> None:
        self._plane.kubectl("--namespace", self._namespace, *arguments)
