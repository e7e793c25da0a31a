"""A control plane on this machine: etcd, kube-apiserver and kube-controller-manager, and what runs beside them."""

from __future__ import annotations

import datetime
import json
import shutil
import signal
import ssl
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import httpx

from promptops.dev import components, kubeconfig, processes
from promptops.dev.components import API_SERVER, CONTROLLER_MANAGER, ETCD, Ports
from promptops.dev.errors import PlaneUnknown, ProcessFailed
from promptops.dev.ports import free_ports
from promptops.dev.processes import Command
from promptops.web.certificates import Authority, Identity, signing_keys, write_secret

ADMINISTRATOR = "promptops-dev-admin"
_READY_SECONDS = 60.0
_STOP_SECONDS = 5.0
_DESCRIPTION = "plane.json"


@dataclass(frozen=True)
class Binaries:
    """What a plane is made of."""

    etcd: Path
    api_server: Path
    controller_manager: Path
    kubectl: Path


class Kubectl(Protocol):
    """Runs kubectl as the plane's administrator."""

    def __call__(
        self, *arguments: str, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Return what kubectl did; raise ProcessFailed when it failed, unless `check` is off."""


class Plane:
    """A running control plane whose parts can be stopped, killed and started again on the same ports and data."""

    def __init__(self, folder: Path, ports: Ports, kubectl: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        self.kubectl_path = kubectl
        self.environment = environment
        self.kubeconfig = folder / "kubeconfig"
        self.audit_log = folder / "audit.log"
        self._tls: ssl.SSLContext | None = None

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://127.0.0.1:{self.ports.api_server}"

    @property
    def authority(self) -> bytes:
        """The certificate that the API server's own is verified with, in PEM."""
        return (self.folder / "certificates" / "authority.crt").read_bytes()

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator; raise ProcessFailed when it fails, unless `check` is off."""
        done = subprocess.run(
            (str(self.kubectl_path), f"--kubeconfig={self.kubeconfig}", *arguments),
            input=input,
            capture_output=True,
            text=True,
            # It ends before it has made much garbage: collecting it is time lost. What it remembers of this API
            # server goes with the plane, not into the home folder.
            env={"GOGC": "400", **self.environment, "KUBECACHEDIR": str(self.folder / "kubectl")},
            check=False,
        )
        if check and done.returncode:
            raise ProcessFailed(f"kubectl {' '.join(arguments)} failed:\n  {done.stderr.strip()}")
        return done

    def ask(self, path: str) -> httpx.Response:
        """Ask the API server itself for something, as the administrator. Raises httpx.HTTPError when nobody answers."""
        if self._tls is None:
            self._tls = _administrator_tls(self.folder)
        with httpx.Client(verify=self._tls, trust_env=False, timeout=30.0) as client:
            return client.get(f"{self.server}{path}")

    def run(self, command: Command, *, wait: bool = True) -> None:
        """Start a process on this plane, note how, and wait until it is ready."""
        note = self._note(command.name)
        note.parent.mkdir(exist_ok=True)
        write_secret(note, json.dumps(asdict(command)))
        process = processes.start(command, self.folder, self.environment)
        if wait and command.ready_url:
            processes.wait_until(
                lambda: self._answers(command.ready_url or ""),
                process,
                name=command.name,
                folder=self.folder,
                within=_READY_SECONDS,
                what="it was ready",
            )

    def start(self, name: str, *, environment: Mapping[str, str] | None = None, wait: bool = True) -> None:
        """Start a stopped process as it was started before, with `environment` changed on top."""
        try:
            noted = json.loads(self._note(name).read_text())
        except FileNotFoundError:
            raise PlaneUnknown(f"nothing named {name} was ever started on this plane") from None
        variables = {**dict(noted["environment"]), **(environment or {})}
        command = Command(name, tuple(noted["arguments"]), tuple(variables.items()), noted["ready_url"])
        self.run(command, wait=wait)

    def stop(self, name: str, with_signal: signal.Signals = signal.SIGTERM, within: float = _STOP_SECONDS) -> None:
        """Send a signal to a process, wait for its end, kill it when it takes longer than `within` seconds."""
        processes.stop(self.folder, name, with_signal, within)

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        processes.stop(self.folder, name, signal.SIGKILL)

    def running(self) -> dict[str, int]:
        """Return the process ids of what runs now, by name."""
        return processes.running(self.folder)

    def is_ready(self) -> bool:
        """Tell whether the API server answers."""
        return self._answers(f"{self.server}/readyz")

    def down(self) -> None:
        """End every process, etcd last, and remove the folder."""
        remove(self.folder)

    def save(self) -> None:
        """Write down what `attach` needs: from now on the plane counts as complete."""
        described = {"ports": asdict(self.ports), "kubectl": str(self.kubectl_path)}
        unfinished = self.folder / f"{_DESCRIPTION}.new"
        write_secret(unfinished, json.dumps(described)).replace(self.folder / _DESCRIPTION)

    def _note(self, name: str) -> Path:
        return self.folder / "processes" / f"{name}.json"

    def _answers(self, url: str) -> bool:
        if self._tls is None:
            self._tls = _administrator_tls(self.folder)
        with suppress(httpx.HTTPError), httpx.Client(verify=self._tls, trust_env=False, timeout=2.0) as client:
            return client.get(url).status_code == httpx.codes.OK
        return False


def start_plane(folder: Path, binaries: Binaries, environment: Mapping[str, str]) -> Plane:
    """Start a bare control plane with its state in `folder`, replacing whatever is there.

    Raises ProcessFailed when a part does not come up.
    """
    folder = folder.resolve()
    try:
        return _first_that_boots(folder, binaries, loopback(environment))
    except BaseException:
        remove(folder)
        raise


def attach(folder: Path, environment: Mapping[str, str]) -> Plane:
    """Return the plane that another process started in `folder`; raise PlaneUnknown when there is none."""
    folder = folder.resolve()
    try:
        described = json.loads((folder / _DESCRIPTION).read_text())
    except FileNotFoundError:
        raise PlaneUnknown(f"no plane is up in {folder}", "start one with: promptops dev up") from None
    return Plane(folder, Ports(**described["ports"]), Path(described["kubectl"]), loopback(environment))


def remove(folder: Path) -> None:
    """End every process of the plane in `folder` and remove the folder; either may be gone already."""
    clear(folder)
    with suppress(FileNotFoundError):
        folder.rmdir()


def clear(folder: Path) -> None:
    """End every process of the plane in `folder`, etcd last, and empty the folder."""
    folder = folder.resolve()
    # An API server that lost its etcd hangs on its way out, and keeps its port.
    last = (CONTROLLER_MANAGER, API_SERVER, ETCD)
    for name in (*(name for name in processes.running(folder) if name not in last), *last):
        processes.stop(folder, name, within=_STOP_SECONDS)
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: the user's, without what would lead it to another cluster or through a proxy."""
    kept = {
        name: value
        for name, value in environment.items()
        if name != "KUBECONFIG" and not name.startswith(("PROMPTOPS_", "KUBERNETES_"))
    }
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def _first_that_boots(folder: Path, binaries: Binaries, environment: dict[str, str]) -> Plane:
    for last_attempt in (False, False, True):
        clear(folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        plane = Plane(folder, Ports(*free_ports(3)), binaries.kubectl, environment)
        try:
            _boot(plane, binaries)
        except ProcessFailed as failure:
            # Somebody took one of the ports between the look and the start.
            if last_attempt or "address already in use" not in str(failure):
                raise
        else:
            break
    return plane


def _boot(plane: Plane, binaries: Binaries) -> None:
    _write_files(plane)
    # All at once: the API server waits for etcd, the controller manager for the API server.
    etcd = components.etcd(binaries.etcd, plane.folder, plane.ports)
    api_server = components.api_server(binaries.api_server, plane.folder, plane.ports)
    plane.run(etcd, wait=False)
    plane.run(api_server)
    plane.run(components.controller_manager(binaries.controller_manager, plane.folder, plane.ports))
    plane.save()


def _write_files(plane: Plane) -> None:
    certificates = plane.folder / "certificates"
    certificates.mkdir(mode=0o700)
    authority = Authority("promptops-dev", datetime.datetime.now(datetime.UTC))
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    server = authority.server("kube-apiserver", ("127.0.0.1", "10.96.0.1"), names)
    administrator = authority.client(ADMINISTRATOR, "system:masters")
    manager = authority.client("system:kube-controller-manager")
    private, public = signing_keys()
    write_secret(certificates / "authority.crt", authority.certificate)
    _write_identity(certificates, "api-server", server)
    _write_identity(certificates, "administrator", administrator)
    write_secret(certificates / "service-account.key", private)
    write_secret(certificates / "service-account.pub", public)
    write_secret(plane.folder / "audit-policy.yaml", components.AUDIT_POLICY)
    for file, identity in (
        (plane.kubeconfig, administrator),
        (plane.folder / "controller-manager.kubeconfig", manager),
    ):
        write_secret(file, kubeconfig.for_certificate(plane.server, authority.certificate, identity))


def _write_identity(certificates: Path, name: str, identity: Identity) -> None:
    write_secret(certificates / f"{name}.crt", identity.certificate)
    write_secret(certificates / f"{name}.key", identity.key)


def _administrator_tls(folder: Path) -> ssl.SSLContext:
    certificates = folder / "certificates"
    context = ssl.create_default_context(cafile=str(certificates / "authority.crt"))
    context.load_cert_chain(certificates / "administrator.crt", certificates / "administrator.key")
    return context
