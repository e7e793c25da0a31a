"""No render fails, whatever happens to the parts behind the sidecars; and after each an activation reaches every pod."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.release import NAMESPACE, OPERATORS, Release
from tests.e2e.renders import Renders
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400, func_only=True)]

BRIEF = ("feed.keySeconds=60", "feed.certificateSeconds=120")
"""Lives so short that keys and certificates are renewed during the tests."""
WEBHOOK = f"-n={NAMESPACE}", "deployment/promptops-webhook"
WEBHOOK_PODS = f"-n={NAMESPACE}", "pod", "-l=app.kubernetes.io/component=webhook"


@dataclass(frozen=True)
class Installation:
    """What faults are done to."""

    cluster: Cluster
    release: Release
    renders: Renders
    another_chart: Path
    signing: frozenset[str]
    """The keys of the beginning: the one that signed, and its successor."""

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return self.cluster.kubectl(*arguments, check=check).stdout


@pytest.fixture(scope="module")
def installation(
    cluster: Cluster, system_namespace: str, namespace: str, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A release with keys of its own, and pods that render all the time."""
    chart, another = root / "helm" / "promptops", tmp_path_factory.mktemp("another") / "promptops"
    release, renders = Release(cluster, chart), Renders(cluster, namespace)
    release.forget()
    release.install(*BRIEF)
    cluster.kubectl("apply", f"-n={namespace}", f"-f={root / 'manifests' / 'samples' / 'greeting.yaml'}")
    cluster.kubectl("wait", f"-n={namespace}", "--for=condition=Ready", "prompt/greeting", "--timeout=60s")
    renders.start()
    signing = frozenset(each["private"] for each in keyring(cluster))
    yield Installation(
        cluster,
        release,
        renders,
        changed(chart, another),
        signing,
    )
    cluster.kubectl("delete", "deployment/renders", f"-n={namespace}", "--wait=false")
    release.uninstall()
    release.forget()


@pytest.fixture(scope="module")
def versions() -> Iterator[str]:
    """Which version is activated next."""
    return itertools.cycle(("1.1.0", "1.0.0"))


def changed(chart: Path, into: Path) -> Path:
    """Copy a chart as its next version, whose operator ends a little sooner."""
    shutil.copytree(chart, into)
    for name, before, after in (
        ("Chart.yaml", "\nversion: 0.1.0\n", "\nversion: 0.1.1\n"),
        ("templates/deployment.yaml", "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 29"),
    ):
        text = (into / name).read_text()
        assert before in text
        (into / name).write_text(text.replace(before, after))
    return into


def keyring(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the signing keys of the installation as its Secret keeps them."""
    kept = cluster.kubectl("get", "secret/promptops-keys", f"-n={NAMESPACE}", "-o=jsonpath={.data['keyring\\.json']}")
    keys: list[dict[str, Any]] = json.loads(base64.b64decode(kept.stdout))["signing"]
    return keys


def delete_operators(it: Installation) -> None:
    it.kubectl("delete", "pods", f"-n={NAMESPACE}", OPERATORS)


def upgrade(it: Installation) -> None:
    it.release.upgrade(*BRIEF, "logLevel=debug", chart=it.another_chart)


def roll_back(it: Installation) -> None:
    it.release.rollback()


def set_two_relays_up(it: Installation) -> None:
    it.release.upgrade(*BRIEF, "relay.replicas=2")


def take_the_relays_away(it: Installation) -> None:
    it.release.upgrade(*BRIEF)


def kill_sidecars(it: Installation) -> None:
    it.renders.kill_sidecars()


def take_the_webhook_away(it: Installation) -> None:
    it.kubectl("scale", *WEBHOOK, "--replicas=0")
    it.kubectl("wait", *WEBHOOK_PODS, "--for=delete", "--timeout=60s")


def crash_the_api_server(it: Installation) -> None:
    it.cluster.api_server.crash()
    wait_until(lambda: "ok" in it.kubectl("get", "--raw=/readyz", check=False), "the API server is ready again")


def renew_keys_and_certificates(it: Installation) -> None:
    addresses = [pod["status"]["podIP"] for pod in it.release.operator_pods()]
    before = [it.renders.certificate(address) for address in addresses]

    def signs_another() -> bool:
        """Neither the key of the beginning nor its successor: it was renewed twice, some of it during the other faults."""
        return all(key["private"] not in it.signing for key in keyring(it.cluster) if key["state"] == "active")

    def show_others() -> bool:
        return all(it.renders.certificate(each) != old for each, old in zip(addresses, before, strict=True))

    wait_until(signs_another, lambda: [(key["state"], key["since"]) for key in keyring(it.cluster)], within=300)
    wait_until(show_others, "every operator shows another certificate", within=120)


FAULTS: tuple[tuple[str, Callable[[Installation], None]], ...] = (
    ("both operators deleted", delete_operators),
    ("the chart upgraded", upgrade),
    ("the chart rolled back", roll_back),
    ("two relays", set_two_relays_up),
    ("no relays again", take_the_relays_away),
    ("every sidecar killed", kill_sidecars),
    ("no webhook", take_the_webhook_away),
    ("the API server killed", crash_the_api_server),
    ("keys renewed twice, and certificates", renew_keys_and_certificates),
)


@pytest.mark.parametrize("fault", [pytest.param(fault, id=name) for name, fault in FAULTS])
def test_no_render_fails_and_the_next_activation_reaches_every_pod(
    installation: Installation, versions: Iterator[str], fault: Callable[[Installation], None]
) -> None:
    fault(installation)
    installation.renders.activate(next(versions))

    assert installation.renders.failures() == []
