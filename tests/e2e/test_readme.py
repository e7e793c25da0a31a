"""README's way into a cluster, typed in as it stands: an installation, and a Deployment that gets served by a label."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import steps
from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.commands import run
from tests.e2e.cluster.images import REPOSITORIES
from tests.e2e.release import Release

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600, func_only=True)]

APP = "my-app"
REGISTRY = "--set image.registry=registry.example.com/team"
_WAIT = ("python", "-c", "import signal; signal.sigwait([signal.SIGTERM])")
_RENDER = """
from promptops.client import SyncPromptOpsClient
with SyncPromptOpsClient() as client:
    print(client.render_prompt("greeting", {"name": "Ada"}).version)
"""


@pytest.fixture
def application(cluster: Cluster, system_namespace: str, namespace: str, root: Path) -> Iterator[str]:
    """The namespace of a Deployment that knows nothing of prompts. What is installed meanwhile is gone afterwards."""
    pod = pods.pod(APP, cluster.images.name("sidecar"), command=_WAIT)
    template = {"metadata": {"labels": {"app": APP}}, "spec": pod["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": APP}}, "template": template}
    made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": APP}, "spec": spec}
    cluster.kubectl("apply", f"-n={namespace}", "-f=-", input=json.dumps(made))
    yield namespace
    cluster.kubectl("delete", f"-n={namespace}", "deployment", APP)
    Release(cluster, root / "helm" / "promptops").uninstall()


def test_readme_installs_and_a_label_serves(cluster: Cluster, application: str, root: Path, tmp_path: Path) -> None:
    (step,) = steps("README.md", "## Install it", "## Try it")
    # The images are on the node already, under names of their own.
    sidecar = f"--set injection.image.repository={REPOSITORIES['sidecar']}"
    images = f"--set image.repository={REPOSITORIES['operator']} --set image.tag={cluster.images.tag} {sidecar}"
    typed = [line for line in step.typed.splitlines() if not line.startswith("make images")]
    assert REGISTRY in step.typed

    environment = _shell(cluster, application, tmp_path)
    script = "\n".join(("set -e", f"cd {root}", *typed)).replace(REGISTRY, images)
    run("bash", "-c", script, environment=environment, within=300)
    cluster.kubectl("apply", f"-n={application}", f"-f={root / 'manifests' / 'samples' / 'greeting.yaml'}")
    cluster.kubectl("rollout", "status", f"-n={application}", f"deployment/{APP}", "--timeout=120s", within=150)
    cluster.kubectl(
        "wait", f"-n={application}", "--for=jsonpath={.status.served}=all", "prompt/greeting", "--timeout=110s"
    )

    (name,) = cluster.kubectl(
        "get", "pods", f"-n={application}", "-l=promptops.io/injected=true", "-o=jsonpath={.items[*].metadata.name}"
    ).stdout.split()
    assert pods.python(cluster, application, name, _RENDER) == "1.0.0"


def _shell(cluster: Cluster, namespace: str, folder: Path) -> dict[str, str]:
    """Return the environment of a shell whose kubectl and helm speak to this cluster, and to this namespace of it."""
    described = yaml.safe_load(cluster.kubeconfig.read_text())
    for each in described["contexts"]:
        each["context"]["namespace"] = namespace
    (folder / "kubeconfig").write_text(yaml.safe_dump(described))
    for program in (cluster.kubectl_path, cluster.helm_path):
        (folder / program.name).symlink_to(program)
    return {**cluster.environment(), "KUBECONFIG": str(folder / "kubeconfig"), "PATH": f"{folder}:/usr/bin:/bin"}
