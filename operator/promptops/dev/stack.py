"""The operator and sidecars as processes on a plane, with the rights that the chart gives them and no more."""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import promptops
from promptops.api.feed import AUDIENCE
from promptops.api.limits import MAX_BOUND_PATH_BYTES
from promptops.api.names import RELAY, TRUST_CONFIG_MAP, TRUST_KEY
from promptops.dev import kubeconfig
from promptops.dev.errors import DevError, PlaneUnknown, ProcessFailed
from promptops.dev.plane import Plane
from promptops.dev.ports import free_or_else, free_ports
from promptops.dev.processes import Command
from promptops.web.certificates import write_secret

OPERATOR = "operator"
SIDECAR = "sidecar"
NAMESPACE = "promptops-system"
ACCOUNT = "promptops"
SIDECAR_ACCOUNT = "promptops-sidecar"
FEED_PORT, DATA_PORT, OPERATIONS_PORT = 8282, 8181, 8182
"""Where the documentation says that the feed and a sidecar listen. The operator's own 8080 is left to other programs."""
_TOKEN_LIFE = "8760h"  # noqa: S105  as long as the plane's certificates; the plane's end revokes it
_DESCRIPTION = "stack.json"


@dataclass(frozen=True)
class OperatorEndpoints:
    """Where the operator listens."""

    feed_url: str
    operations_url: str

    @property
    def metrics_url(self) -> str:
        """Where Prometheus scrapes."""
        return f"{self.operations_url}/metrics"


@dataclass(frozen=True)
class RelayEndpoints:
    """Where a relay, or a gateway, listens."""

    url: str
    operations_url: str


@dataclass(frozen=True)
class SidecarEndpoints:
    """Where a sidecar listens, and for which namespace."""

    namespace: str
    url: str
    socket: str
    operations_url: str


class Stack:
    """What `promptops dev up` adds to a bare plane. `documented`: on the documented ports, as far as they are free."""

    def __init__(self, plane: Plane, *, documented: bool = False) -> None:
        self.plane = plane
        self._documented = documented
        self.operator: OperatorEndpoints | None = None
        self.sidecars: dict[str, SidecarEndpoints] = {}

    @property
    def sidecar(self) -> SidecarEndpoints:
        """The first sidecar."""
        return self.sidecars[SIDECAR]

    @property
    def processes(self) -> tuple[str, ...]:
        """Names of the processes that were started here, in that order."""
        return (*((OPERATOR,) if self.operator else ()), *self.sidecars)

    def start_operator(self, environment: Mapping[str, str] | None = None, name: str = OPERATOR) -> OperatorEndpoints:
        """Start an operator with its own ServiceAccount's token; return when it is ready. `name`: of one that stands by."""
        (feed,), (operations,) = self._ports(FEED_PORT) if name == OPERATOR else free_ports(1), free_ports(1)
        endpoints = OperatorEndpoints(f"https://127.0.0.1:{feed}", f"http://127.0.0.1:{operations}")
        variables = {
            "KUBECONFIG": str(self._kubeconfig(ACCOUNT, self.plane.folder / "operator.kubeconfig")),
            "PROMPTOPS_NAMESPACE": NAMESPACE,
            "PROMPTOPS_FEED_ADDRESS": f"127.0.0.1:{feed}",
            "PROMPTOPS_TOKEN_FILE": str(self._own_token(ACCOUNT)),
            "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
            **(environment or {}),
        }
        self.plane.run(_role(name, OPERATOR, variables, endpoints.operations_url))
        if name == OPERATOR:
            self.operator = endpoints
        return endpoints

    def start_sidecar(
        self, name: str = SIDECAR, namespace: str = "default", environment: Mapping[str, str] | None = None
    ) -> SidecarEndpoints:
        """Start a sidecar for a namespace with a feed token of that namespace; return when it is ready."""
        if self.operator is None:
            raise PlaneUnknown("a sidecar follows the operator, which was not started")
        data, operations = self._ports(DATA_PORT, OPERATIONS_PORT)
        socket = self._socket(name)
        endpoints = SidecarEndpoints(
            namespace, f"http://127.0.0.1:{data}", str(socket), f"http://127.0.0.1:{operations}"
        )
        variables = {
            "PROMPTOPS_FEED_URL": self.operator.feed_url,
            "PROMPTOPS_TOKEN_FILE": str(self.feed_token(namespace, name)),
            "PROMPTOPS_TRUST_FILE": str(self._trust_file()),
            "PROMPTOPS_DATA_ADDRESS": f"127.0.0.1:{data}",
            "PROMPTOPS_SOCKET": str(socket),
            "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
            "PROMPTOPS_SNAPSHOT_DIRECTORY": str(self._folder("snapshots") / name),
            "PROMPTOPS_INSTANCE": name,
            **(environment or {}),
        }
        self.plane.run(_role(name, SIDECAR, variables, endpoints.operations_url))
        self.sidecars[name] = endpoints
        return endpoints

    def start_relay(
        self, name: str = RELAY, role: str = "relay", environment: Mapping[str, str] | None = None
    ) -> RelayEndpoints:
        """Start a relay, or a gateway, with the relays' account and certificate; return when it is ready."""
        if self.operator is None:
            raise PlaneUnknown("a relay follows the operator, which was not started")
        address, operations = free_ports(2)
        endpoints = RelayEndpoints(f"https://127.0.0.1:{address}", f"http://127.0.0.1:{operations}")
        kubeconfig = self._kubeconfig(RELAY, self.plane.folder / "relay.kubeconfig")
        variables = {
            "KUBECONFIG": str(kubeconfig),
            "PROMPTOPS_NAMESPACE": NAMESPACE,
            "PROMPTOPS_FEED_URL": self.operator.feed_url,
            "PROMPTOPS_TOKEN_FILE": str(self._own_token(RELAY)),
            "PROMPTOPS_TRUST_FILE": str(self._trust_file()),
            "PROMPTOPS_CERTIFICATE_DIRECTORY": str(self._relay_certificate()),
            "PROMPTOPS_ADDRESS": f"127.0.0.1:{address}",
            "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
            **(environment or {}),
        }
        self.plane.run(_role(name, role, variables, endpoints.operations_url))
        return endpoints

    def feed_token(self, namespace: str, name: str = SIDECAR) -> Path:
        """Ask for a token of the namespace's sidecar account, for the feed alone; return the file it is in."""
        account = ("serviceaccount", SIDECAR_ACCOUNT, "--namespace", namespace)
        if self.plane.kubectl("get", *account, check=False).returncode:
            self.plane.kubectl("create", *account)
        token = self._token(SIDECAR_ACCOUNT, namespace, "--audience", AUDIENCE)
        return write_secret(self._folder("tokens") / f"{name}.token", token)

    def _own_token(self, account: str) -> Path:
        """A token for the feed of an account in the operator's namespace."""
        token = self._token(account, NAMESPACE, "--audience", AUDIENCE)
        return write_secret(self._folder("tokens") / f"{account}.token", token)

    def _relay_certificate(self) -> Path:
        """What a relay's pod mounts, as soon as the operator has written it."""
        folder = self._folder("relay-certificate")
        self.plane.kubectl("wait", "--for=create", f"secret/{RELAY}", "-n", NAMESPACE, "--timeout=60s")
        wanted = '-o=go-template={{index .data "tls.crt"}} {{index .data "tls.key"}}'
        found = self.plane.kubectl("get", "secret", RELAY, "-n", NAMESPACE, wanted).stdout
        for name, text in zip(("tls.crt", "tls.key"), found.split(), strict=True):
            write_secret(folder / name, base64.b64decode(text))
        return folder

    def trust(self) -> str:
        """Return what the operator tells sidecars to believe, as JSON."""
        wanted = f"-o=jsonpath={{.data.{TRUST_KEY.replace('.', chr(92) + '.')}}}"
        return self.plane.kubectl("get", "configmap", TRUST_CONFIG_MAP, "-n", NAMESPACE, wanted).stdout

    def feed_context(self) -> ssl.SSLContext:
        """Return what a client of the feed verifies it with."""
        return ssl.create_default_context(cadata=json.loads(self.trust())["ca"])

    def save(self) -> None:
        """Write down what `attach_stack` needs: from now on the stack counts as complete."""
        described = {
            "operator": asdict(self.operator) if self.operator else None,
            "sidecars": {name: asdict(endpoints) for name, endpoints in self.sidecars.items()},
        }
        unfinished = self.plane.folder / f"{_DESCRIPTION}.new"
        write_secret(unfinished, json.dumps(described)).replace(self.plane.folder / _DESCRIPTION)

    def _ports(self, *documented: int) -> tuple[int, ...]:
        return free_or_else(documented) if self._documented else free_ports(len(documented))

    def _kubeconfig(self, account: str, path: Path) -> Path:
        text = kubeconfig.for_token(self.plane.server, self.plane.authority, self._token(account, NAMESPACE), NAMESPACE)
        return write_secret(path, text)

    def _trust_file(self) -> Path:
        return write_secret(self.plane.folder / "trust.json", self.trust())

    def _token(self, account: str, namespace: str, *options: str) -> str:
        arguments = ("create", "token", account, "--namespace", namespace, "--duration", _TOKEN_LIFE, *options)
        return self.plane.kubectl(*arguments).stdout.strip()

    def _socket(self, name: str) -> Path:
        path = self.plane.folder / f"{name}.sock"
        if len(os.fsencode(path)) > MAX_BOUND_PATH_BYTES:
            raise DevError(
                f"{path} is too long for a Unix socket ({MAX_BOUND_PATH_BYTES} bytes at most)",
                "choose a shorter --directory, or a shorter PROMPTOPS_CACHE",
            )
        return path

    def _folder(self, name: str) -> Path:
        path = self.plane.folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path


def start_stack(plane: Plane, manifests: tuple[dict[str, Any], ...], *, documented: bool = False) -> Stack:
    """Install the manifests, then start the operator and one sidecar for the namespace `default`.

    `documented`: on the documented ports, as far as they are free.
    """
    install(plane, manifests)
    stack = Stack(plane, documented=documented)
    try:
        stack.start_operator()
        stack.start_sidecar()
    except ProcessFailed as failure:
        # Somebody took one of the ports between the look and the start.
        if not (documented and "cannot listen on" in str(failure)):
            raise
        for name in (SIDECAR, OPERATOR):
            plane.stop(name)
        return start_stack(plane, manifests)
    stack.save()
    return stack


def attach_stack(plane: Plane) -> Stack | None:
    """Return what runs on a plane that another process brought up; None when it is bare."""
    stack = Stack(plane)
    with suppress(FileNotFoundError):
        described = json.loads((plane.folder / _DESCRIPTION).read_text())
        stack.operator = OperatorEndpoints(**described["operator"])
        stack.sidecars = {name: SidecarEndpoints(**found) for name, found in described["sidecars"].items()}
        return stack
    return None


def install(plane: Plane, manifests: tuple[dict[str, Any], ...]) -> None:
    """Apply what an installation consists of besides the processes; wait until the kinds are served."""
    items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    plane.kubectl("apply", "--server-side", "--force-conflicts", "--filename", "-", input=json.dumps(items))
    kinds = [f"crd/{m['metadata']['name']}" for m in manifests if m["kind"] == "CustomResourceDefinition"]
    if kinds:
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *kinds)


def _role(name: str, role: str, variables: Mapping[str, str], operations_url: str) -> Command:
    source = str(Path(promptops.__file__).parents[1])
    return Command(
        name,
        (sys.executable, "-m", "promptops.cli.main", role),
        (*variables.items(), ("PYTHONPATH", source)),
        ready_url=f"{operations_url}/readyz",
    )
