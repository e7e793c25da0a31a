"""The same cluster where there is Docker: kind, with images that Docker builds from the Dockerfile."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.e2e.cluster import inputs, layout, pip_configuration
from tests.e2e.cluster.api_server import ApiServer
from tests.e2e.cluster.commands import run
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.images import REPOSITORIES, Images

_BUILD_SECONDS = 900
_NODE = f"{layout.NAME}-control-plane"
_AUDIT_LOG = "/var/log/kubernetes/audit.log"
_DESCRIPTION = f"""\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  kubeadmConfigPatches:
  - |
    kind: ClusterConfiguration
    apiServer:
      extraArgs:
        audit-policy-file: /etc/kubernetes/policies/audit-policy.yaml
        audit-log-path: {_AUDIT_LOG}
        audit-log-maxsize: "10240"
      extraVolumes:
      - {{{{name: policies, hostPath: /etc/kubernetes/policies, mountPath: /etc/kubernetes/policies, readOnly: true, pathType: DirectoryOrCreate}}}}
      - {{{{name: logs, hostPath: /var/log/kubernetes, mountPath: /var/log/kubernetes, readOnly: false, pathType: DirectoryOrCreate}}}}
  extraMounts:
  - {{{{hostPath: "{{policy}}", containerPath: /etc/kubernetes/policies/audit-policy.yaml, readOnly: true}}}}
"""
_CREATE_SECONDS = 300


def require(environment: Mapping[str, str]) -> None:
    """Make sure that Docker runs and kind is there. Raises ClusterError saying what to install."""
    path = environment.get("PATH", os.defpath)
    if shutil.which("docker", path=path) is None:
        raise ClusterError("there is no docker on PATH", "install Docker (docs.docker.com/engine/install)")
    if run("docker", "version", environment=environment, check=False).returncode:
        raise ClusterError("docker is there, but its daemon does not answer", "start it; try: docker version")
    if shutil.which("kind", path=path) is None:
        raise ClusterError("there is no kind on PATH", "install kind (kind.sigs.k8s.io/docs/user/quick-start)")


@contextmanager
def cluster(settings: DevSettings, progress: Progress, home: Path) -> Iterator[tuple[Path, Images]]:
    """Yield the kubeconfig of a kind cluster and the images it has; the cluster is gone afterwards."""
    environment = settings.environment
    kubeconfig = home / "kubeconfig"
    with _only_run(settings.cache / "e2e"):
        images = _build(settings, progress)
        try:
            with progress.step("starting a kind cluster", 60):
                _kind(environment, "delete", "cluster")  # what a killed run left
                described = home / "kind.yaml"
                described.write_text(_DESCRIPTION.format(policy=layout.FILES / "audit-policy.yaml"))
                options = (f"--config={described}", f"--kubeconfig={kubeconfig}", "--wait=120s")
                _kind(environment, "create", "cluster", *options)
                _kind(environment, "load", "docker-image", *map(images.name, REPOSITORIES))
            yield kubeconfig, images
        finally:
            with progress.step("ending the kind cluster", 5):
                _kind(environment, "delete", "cluster", f"--kubeconfig={kubeconfig}")


def api_server(environment: Mapping[str, str]) -> ApiServer:
    """The API server in the node's container."""

    def in_node(*command: str, check: bool = True) -> str:
        return run("docker", "exec", _NODE, *command, environment=environment, check=check).stdout

    def processes() -> tuple[int, ...]:
        return tuple(map(int, in_node("pgrep", "-x", "kube-apiserver", check=False).split()))

    def kill(process: int) -> None:
        in_node("kill", "-KILL", str(process))

    return ApiServer(processes, kill, lambda: in_node("cat", _AUDIT_LOG))


@contextmanager
def _only_run(folder: Path) -> Iterator[None]:
    """Keep a second run from deleting the first one's cluster; the lock ends with the process that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".kind.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another run uses the kind cluster {layout.NAME}, and there can be only one"
            raise ClusterError(message, "wait for that run to end") from None
        yield


def _build(settings: DevSettings, progress: Progress) -> Images:
    images = Images(inputs.key_of(layout.ROOT), settings.cache / "e2e" / "images")
    with (
        progress.step(f"building images {images.tag} with Docker", 90),
        tempfile.TemporaryDirectory(prefix="promptops-secrets-") as folder,
    ):
        secrets = pip_configuration.write_secrets(Path(folder), settings.environment).arguments()
        environment = {**settings.environment, "DOCKER_BUILDKIT": "1"}
        for target in REPOSITORIES:
            options = (f"--target={target}", f"--tag={images.name(target)}", *secrets)
            run("docker", "build", *options, str(layout.ROOT), environment=environment, within=_BUILD_SECONDS)
    return images


def _kind(environment: Mapping[str, str], verb: str, thing: str, *arguments: str) -> None:
    command = ("kind", verb, thing, f"--name={layout.NAME}", *arguments)
    run(*command, environment=environment, within=_CREATE_SECONDS)
