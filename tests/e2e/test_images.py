"""The images, looked at from inside of a pod: what they can import, who they are, what they may write to."""

from __future__ import annotations

import json

import pytest

from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.images import REPOSITORIES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300, func_only=True)]

_WAIT = ("python", "-c", "import signal; signal.sigwait([signal.SIGTERM])")
_IMPORTABLE = """
import importlib, json, sys
def importable(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        return error.name != name
    return True
print(json.dumps({name: importable(name) for name in sys.argv[1:]}))
"""
_WRITABLE = """
import json, os, sys
print(json.dumps([path for path in sys.argv[1:] if os.access(path, os.W_OK)]))
"""


@pytest.fixture(scope="module", params=REPOSITORIES)
def image(request: pytest.FixtureRequest, cluster: Cluster, namespace: str) -> str:
    """The name of a pod that runs an image and of the Dockerfile's target it was built from."""
    target = str(request.param)
    pods.run(cluster, namespace, pods.pod(target, cluster.images.name(target), command=_WAIT))
    return target


def test_only_the_operator_has_kopf_and_a_kubernetes_client(cluster: Cluster, namespace: str, image: str) -> None:
    names = ("kopf", "kubernetes", "aiohttp")

    answer = json.loads(pods.python(cluster, namespace, image, _IMPORTABLE, *names))

    assert answer == dict.fromkeys(names, image == "operator")


def test_there_is_no_installer_beside_the_product(cluster: Cluster, namespace: str, image: str) -> None:
    answer = json.loads(
        pods.python(cluster, namespace, image, _IMPORTABLE, "pip", "setuptools", "hatchling", "promptops")
    )

    assert answer == {"pip": False, "setuptools": False, "hatchling": False, "promptops": True}


def test_runs_as_a_user_without_rights(cluster: Cluster, namespace: str, image: str) -> None:
    code = "import os; print(os.getuid())"

    assert pods.python(cluster, namespace, image, code) == "65532"


def test_nothing_is_writable(cluster: Cluster, namespace: str, image: str) -> None:
    places = ("/", "/tmp", "/opt/promptops", "/opt/promptops/bin/promptops", "/etc", "/var", "/usr")

    assert json.loads(pods.python(cluster, namespace, image, _WRITABLE, *places)) == []


def test_is_compiled_ahead(cluster: Cluster, namespace: str, image: str) -> None:
    code = "import os, promptops.settings as module; print(os.path.exists(module.__cached__))"

    assert pods.python(cluster, namespace, image, code) == "True"


def test_carries_no_trace_of_how_it_was_built(cluster: Cluster, namespace: str, image: str) -> None:
    code = "import os; print(sorted(name for name in os.environ if 'PIP' in name), os.listdir('/build'))"

    answered = cluster.kubectl("exec", f"-n={namespace}", image, "--", "python", "-c", code, check=False)

    assert "FileNotFoundError" in answered.stderr


def test_says_its_version(cluster: Cluster, namespace: str, image: str) -> None:
    answered = cluster.kubectl("exec", f"-n={namespace}", image, "--", "promptops", "--version")

    assert "0.1.0" in answered.stdout
