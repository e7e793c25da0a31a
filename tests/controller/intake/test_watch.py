"""The watch on a real API server: what it hands over, that it leaves no trace, and that it comes back whatever ends it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from promptops import codegen
from promptops.cluster.connection import Connection
from promptops.cluster.resources import CONFIG_MAPS, WATCHED, Resource
from promptops.controller.intake.watch import Watch
from promptops.dev.plane import ADMINISTRATOR, Plane
from promptops.dev.stack import NAMESPACE, install
from tests.support.audit import audited
from tests.support.manifests import config_map, prompt, tenant, version
from tests.support.waiting import until
from tests.support.world import World

pytestmark = pytest.mark.cluster


class Listener:
    """Writes down what the watch says. It is told in the watch's thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.events: list[tuple[str, str | None, str]] = []
        self.with_data: list[str] = []
        self.relisted: list[Resource] = []
        self.restarts = 0

    def ingest(self, kind: str, type_: str | None, manifest: Any) -> None:
        with self.lock:
            self.events.append((kind, type_, manifest["metadata"]["name"]))
            if "data" in manifest:
                self.with_data.append(manifest["metadata"]["name"])

    def relist(self, resource: Resource) -> None:
        with self.lock:
            self.relisted.append(resource)

    def restarted(self) -> None:
        with self.lock:
            self.restarts += 1

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition, lambda: (self.events, self.relisted, self.restarts))


@pytest.fixture
def kinds(plane: Plane) -> Plane:
    install(plane, codegen.manifests(NAMESPACE))
    return plane


@pytest.fixture
def quiet(kinds: Plane, namespace: str) -> World:
    """A namespace that no operator looks after."""
    return World(kinds, namespace)


@pytest.fixture
async def connection(kinds: Plane) -> Connection:
    return await Connection.open(kinds.kubeconfig)


@pytest.fixture
async def listener(connection: Connection) -> AsyncIterator[Listener]:
    made = Listener()
    watch = Watch(connection, made.ingest, made.relist, made.restarted)
    watch.start()
    yield made
    await asyncio.to_thread(watch.stop, 10.0)


async def test_every_kind_is_handed_over(listener: Listener, quiet: World) -> None:
    team = f"team-{quiet.namespace}"
    await listener.until(lambda: set(listener.relisted) == set(WATCHED))
    quiet.apply(
        prompt("greeting", activeVersion="1.0.0"),
        version("greeting", "1.0.0", "x"),
        config_map("shown", "x"),
        config_map("hidden", "x", labelled=False),
        tenant(team, quiet.namespace),
    )
    wanted = {
        ("Prompt", "ADDED", "greeting"),
        ("PromptVersion", "ADDED", "greeting-1.0.0"),
        ("ConfigMap", "ADDED", "shown"),
        ("Tenant", "ADDED", team),
    }
    await listener.until(lambda: wanted <= set(listener.events))
    quiet.kubectl("label", "configmap", "shown", "promptops.io/watch-")
    quiet.kubectl("delete", "prompt", "greeting")
    quiet.kubectl("delete", "tenant", team)

    await listener.until(
        lambda: {("ConfigMap", "DELETED", "shown"), ("Prompt", "DELETED", "greeting")} <= set(listener.events)
    )

    assert "hidden" not in {name for _, _, name in listener.events}
    assert not listener.with_data, "a ConfigMap is told of by its metadata"
    assert listener.relisted.count(CONFIG_MAPS) == 1, "only lists count, not watches"
    assert listener.restarts == 0


async def test_watching_writes_nothing(listener: Listener, quiet: World) -> None:
    since = quiet.audit_position()
    quiet.apply(prompt("greeting", activeVersion="1.0.0"))
    await listener.until(lambda: ("Prompt", "ADDED", "greeting") in listener.events)
    before = quiet.get("prompt", "greeting")["metadata"]
    quiet.kubectl("delete", "prompt", "greeting")
    await listener.until(lambda: ("Prompt", "DELETED", "greeting") in listener.events)

    verbs = {
        entry["verb"]
        for entry in audited(quiet.plane, since)
        if entry["user"]["username"] == ADMINISTRATOR and not entry["userAgent"].startswith("kubectl")
    }
    assert verbs <= {"get", "list", "watch"}
    assert not before.keys() & {"finalizers"}
    assert before["annotations"].keys() == {"kubectl.kubernetes.io/last-applied-configuration"}


async def test_what_ends_the_watch_does_not_end_it_for_good(kinds: Plane, quiet: World, connection: Connection) -> None:
    """A token that expired is the simplest thing that kopf gives up on."""
    stranger = await Connection.open(kinds.kubeconfig)
    stranger.configuration.cert_file = stranger.configuration.key_file = None
    stranger.configuration.api_key["BearerToken"] = "Bearer expired"
    listener = Listener()
    watch = Watch(stranger, listener.ingest, listener.relist, listener.restarted)
    watch.start()
    await listener.until(lambda: listener.restarts >= 1)
    kinds.kubectl("create", "serviceaccount", "watcher", "-n", quiet.namespace)
    kinds.kubectl(
        "create",
        "clusterrolebinding",
        quiet.namespace,
        "--clusterrole=cluster-admin",
        f"--serviceaccount={quiet.namespace}:watcher",
    )
    token = kinds.kubectl("create", "token", "watcher", "-n", quiet.namespace).stdout.strip()
    stranger.configuration.api_key["BearerToken"] = f"Bearer {token}"

    await listener.until(lambda: any(kind == "Namespace" for kind, _, _ in listener.events))

    await asyncio.to_thread(watch.stop, 10.0)
    kinds.kubectl("delete", "clusterrolebinding", quiet.namespace)


async def test_the_thread_ends_when_it_is_told_to(connection: Connection) -> None:
    listener = Listener()
    before = set(threading.enumerate())

    def left() -> set[str]:
        """What runs now and did not before; threads of the loop's own pool stay until it ends."""
        names = {thread.name for thread in threading.enumerate() if thread not in before}
        return {name for name in names if not name.startswith("asyncio_")}

    watch = Watch(connection, listener.ingest, listener.relist, listener.restarted)
    watch.start()
    await listener.until(lambda: set(listener.relisted) == set(WATCHED))

    await asyncio.to_thread(watch.stop, 10.0)

    await listener.until(lambda: not left())
    assert listener.restarts == 0
