"""The real application controller and repository server of Argo CD on a plane, with the health that we ship."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from promptops.dev.processes import Command
from tests.gitops.delivery import DELIVERER, Delivery, Health, State, apply, read
from tests.gitops.repository import BRANCH, FOLDER, Repository
from tests.support.manifests import Manifest
from tests.support.waiting import wait_until

NAMESPACE = "argocd"
_CLUSTER = "https://kubernetes.default.svc"
_APPLICATIONS = "applications.argoproj.io"
_REFRESH = "argocd.argoproj.io/refresh"
_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_SCRIPTS = ("git-verify-wrapper.sh", "gpg-wrapper.sh", "git-ask-pass.sh")
"""What the repository server calls beside git, whether anything is signed or not."""
_PARTS = ("argocd-controller", "argocd-repository", "argocd-cache")


@contextmanager
def running(plane: Plane, argocd: Path, source: Path, health: Path, *, impersonates: bool = True) -> Iterator[None]:
    """Run it on a plane. `source`: its own, for what is no code. `health`: our folder for it.

    `impersonates`: what is synced is applied by the account DELIVERER of its namespace.
    """
    definitions = (source / "manifests" / "crds" / f"{kind}-crd.yaml" for kind in ("application", "appproject"))
    plane.kubectl("apply", "--server-side", *(f"--filename={path}" for path in definitions))
    plane.kubectl("create", "namespace", NAMESPACE)
    apply(plane, *_settings(impersonates))
    # As the guide says: under another name, for what was applied under kubectl's and is not applied again would go.
    plane.kubectl("apply", "--server-side", "--field-manager=promptops-health", "--kustomize", str(health))
    folder = plane.folder / "argocd"
    variables = _variables(plane, folder, source)
    cache, repository, repository_metrics, controller = free_ports(4)
    plane.run(Command("argocd-cache", (str(argocd), "cache", f"127.0.0.1:{cache}"), variables))
    serve = (
        "argocd-repo-server",
        "--address=127.0.0.1",
        f"--port={repository}",
        "--metrics-address=127.0.0.1",
        f"--metrics-port={repository_metrics}",
        "--disable-tls",
        "--client-ca-path=",
        f"--redis=127.0.0.1:{cache}",
        "--revision-cache-expiration=1s",
    )
    sync = (
        "argocd-application-controller",
        f"--namespace={NAMESPACE}",
        f"--repo-server=127.0.0.1:{repository}",
        "--repo-server-plaintext",
        f"--redis=127.0.0.1:{cache}",
        f"--metrics-port={controller}",
        "--persist-resource-health",
        "--app-resync=5",
        "--app-resync-jitter=0",
    )
    for name, arguments, port in (("repository", serve, repository_metrics), ("controller", sync, controller)):
        ready = f"http://127.0.0.1:{port}/healthz"
        plane.run(Command(f"argocd-{name}", (str(argocd), *arguments), variables, ready_url=ready))
    yield
    for part in _PARTS:
        plane.stop(part)


def _settings(impersonates: bool) -> tuple[Manifest, ...]:
    labels = {"app.kubernetes.io/part-of": "argocd"}

    def named(name: str) -> Manifest:
        return {"name": name, "namespace": NAMESPACE, "labels": labels}

    data = {"application.resourceTrackingMethod": "annotation"}
    project: Manifest = {
        "sourceRepos": ["*"],
        "destinations": [{"namespace": "*", "server": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    if impersonates:
        data["application.sync.impersonation.enabled"] = "true"
        accounts = {"server": _CLUSTER, "namespace": "*", "defaultServiceAccount": DELIVERER}
        project["destinationServiceAccounts"] = [accounts]
    secret = {"server.secretkey": "0123456789abcdef0123456789abcdef"}
    return (
        {"apiVersion": "v1", "kind": "Secret", "metadata": named("argocd-secret"), "stringData": secret},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named("argocd-cm"), "data": data},
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": named("default"), "spec": project},
    )


def _variables(plane: Plane, folder: Path, source: Path) -> tuple[tuple[str, str], ...]:
    for name in ("bin", "tls", "ssh", "keys", "signed", "plugins", "temporary"):
        (folder / name).mkdir(parents=True)
    for script in _SCRIPTS:
        shutil.copy(source / "hack" / script, folder / "bin" / script)
        (folder / "bin" / script).chmod(0o755)
    return (
        ("PATH", f"{folder / 'bin'}:{plane.environment.get('PATH', '')}"),
        ("TMPDIR", str(folder / "temporary")),
        ("KUBECONFIG", str(plane.kubeconfig)),
        ("ARGOCD_FAKE_IN_CLUSTER", "true"),
        ("ARGOCD_TLS_DATA_PATH", str(folder / "tls")),
        ("ARGOCD_SSH_DATA_PATH", str(folder / "ssh")),
        ("ARGOCD_GNUPGHOME", str(folder / "keys")),
        ("ARGOCD_GPG_DATA_PATH", str(folder / "signed")),
        ("ARGOCD_PLUGINSOCKFILEPATH", str(folder / "plugins")),
        ("ARGOCD_GPG_ENABLED", "false"),
        ("HOSTNAME", "argocd-0"),
    )


class ArgoCd(Delivery):
    """An Application with self-heal and pruning."""

    def __init__(self, plane: Plane, *, server_side: bool = True, prunes: bool = True) -> None:
        self.name = f"Argo CD, {'server-side' if server_side else 'client-side'}"
        self._plane = plane
        self._server_side = server_side
        self._prunes = prunes
        self._application = ""

    def follow(self, repository: Repository, namespace: str) -> None:
        """Make the Application, which has the namespace's name."""
        self._application = namespace
        spec = {
            "project": "default",
            "source": {"repoURL": repository.url, "targetRevision": BRANCH, "path": FOLDER},
            "destination": {"server": _CLUSTER, "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": self._prunes, "selfHeal": True},
                "syncOptions": [f"ServerSideApply={str(self._server_side).lower()}"],
                "retry": {"limit": 2},
            },
        }
        metadata = {"name": namespace, "namespace": NAMESPACE, "finalizers": [_FINALIZER]}
        apply(
            self._plane,
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec},
        )

    def tell(self, revision: str) -> None:
        """Ask for a look at the repository."""
        self._refresh("normal")

    def look_again(self) -> None:
        """Ask for a look at everything, without what it remembers."""
        self._refresh("hard")
        wait_until(
            lambda: _REFRESH not in self._read()["metadata"].get("annotations", {}),
            lambda: f"not looked: {self.state()}",
        )

    def state(self) -> State:
        """Read the Application's status."""
        status = self._read().get("status", {})
        sync, health = status.get("sync", {}), status.get("health", {}).get("status", "")
        operation = status.get("operationState", {})
        message = (
            f"{sync.get('status')}, {operation.get('phase')}: {operation.get('message', '')}{self.unhealthy(status)}"
        )
        words: dict[str, Health] = {"Healthy": "Healthy", "Degraded": "Degraded"}
        if sync.get("status") != "Synced":
            failed = operation.get("phase") in ("Failed", "Error")
            return State(sync.get("revision", ""), "Degraded" if failed else "Progressing", message)
        return State(sync.get("revision", ""), words.get(health, "Progressing"), message, is_applied=True)

    def unfollow(self) -> None:
        """Delete the Application and what it made."""
        self._plane.kubectl("delete", _APPLICATIONS, self._application, "-n", NAMESPACE, "--timeout=60s")

    def unhealthy(self, status: Manifest) -> str:
        """Return what it says of each resource that is not as it should be."""
        resources = status.get("resources", ())
        told = ((each, each.get("health", {})) for each in resources)
        return "".join(
            f"; {each['kind']}/{each['name']} {each.get('status')} {health.get('status', '')} {health.get('message', '')}"
            for each, health in told
            if each.get("status") != "Synced" or health.get("status") not in (None, "Healthy")
        )

    def _refresh(self, how: str) -> None:
        self._plane.kubectl(
            "annotate", "--overwrite", _APPLICATIONS, self._application, "-n", NAMESPACE, f"{_REFRESH}={how}"
        )

    def _read(self) -> Manifest:
        return read(self._plane, _APPLICATIONS, self._application, "-n", NAMESPACE)
