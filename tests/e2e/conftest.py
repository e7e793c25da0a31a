"""One cluster for all end-to-end tests, made for them and gone afterwards: real pods, or kind when asked for.

`make e2e` and `make e2e-kind` differ in PROMPTOPS_E2E_CLUSTER alone. What a cluster lacks on this machine fails the
tests and says what to install: nothing is skipped.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from promptops.dev.errors import DevError
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.e2e.cluster import sessions
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.diagnosis import diagnose
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.release import NAMESPACE, Release

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, dev_settings: DevSettings) -> Iterator[Cluster]:
    """A cluster with the product's images. Progress is shown while it is made, whatever pytest captures."""
    with ExitStack() as open_clusters:
        with _shown(request):
            try:
                made = open_clusters.enter_context(_chosen(dev_settings))
            except DevError as error:  # once, and not once more for each test
                pytest.exit(f"there is no cluster to test on: {error}", returncode=1)
        yield made
        with _shown(request):
            open_clusters.close()


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the module's own, under the restricted Pod Security standard."""
    name = f"e2e-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", name, RESTRICTED)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture(scope="session")
def system_namespace(cluster: Cluster) -> str:
    """The operator's namespace, under the restricted Pod Security standard."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("label", "namespace", NAMESPACE, RESTRICTED)
    return NAMESPACE


@pytest.fixture(scope="module")
def release(cluster: Cluster, system_namespace: str, root: Path) -> Iterator[Release]:
    """The chart installed with the operator's image, ready, and uninstalled after the module's tests."""
    made = Release(cluster, root / "helm" / "promptops")
    made.install()
    yield made
    made.uninstall()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the end what looks back at all the others."""
    items.sort(key=lambda item: item.path.name == "test_audit.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the cluster says to the report of a failure."""
    report = yield
    made = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and isinstance(made, Cluster):
        report.sections.append(("cluster", diagnose(made)))
    return report


def _chosen(settings: DevSettings) -> AbstractContextManager[Cluster]:
    kind = settings.environment.get("PROMPTOPS_E2E_CLUSTER", "real-pods")
    if kind not in sessions.CLUSTERS:
        raise ClusterError(f"PROMPTOPS_E2E_CLUSTER is {kind!r}", f"it must be one of: {', '.join(sessions.CLUSTERS)}")
    return sessions.CLUSTERS[kind](settings, Progress())


def _shown(request: pytest.FixtureRequest) -> AbstractContextManager[None]:
    capture = request.config.pluginmanager.getplugin("capturemanager")
    shown: AbstractContextManager[None] = capture.global_and_fixture_disabled()
    return shown
