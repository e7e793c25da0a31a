"""A cluster from its making to its end, on real pods or on kind, with a line and a time for each step."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from promptops.dev import binaries
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.e2e.cluster import kind, layout, machine, ownership, real_pods
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.errors import NodeEnded
from tests.e2e.cluster.images import Builder, Images
from tests.e2e.cluster.real_pods import RealPods


def start_real_pods(settings: DevSettings, progress: Progress, *, attached: bool) -> Cluster:
    """Bring a real node up, with the product's images on it."""
    machine.prepare(progress)
    with ownership.claim() as claimed:
        paths = _provide((*layout.NODE_BINARIES, "coredns", "helm"), settings, progress)
        images = Builder(settings, progress).images(paths["coredns"])
        folder = settings.cache / "e2e" / "state"

        def start() -> RealPods:
            return _start_node(folder, paths, claimed, images, progress, attached=attached)

        try:
            node = start()
        except NodeEnded as ended:
            # A component that gives up at a bad moment is started again on every real node, by systemd or the kubelet.
            progress.say(f"{ended}\nthe node is started once more")
            node = start()
    api_server = real_pods.api_server(folder)
    return Cluster(node.kubeconfig, images, paths["kubectl"], paths["helm"], folder, api_server)


def _start_node(
    folder: Path,
    paths: Mapping[str, Path],
    claimed: socket.socket,
    images: Images,
    progress: Progress,
    *,
    attached: bool,
) -> RealPods:
    try:
        with progress.step("starting the node", 12):
            node = real_pods.up(folder, paths, claimed, attached=attached)
            node.load(images.folder)
            node.wait_until_ready()
    except BaseException:
        real_pods.down()
        raise
    return node


@contextmanager
def real_pods_cluster(settings: DevSettings, progress: Progress) -> Iterator[Cluster]:
    """A real node that is gone afterwards, also when this process is killed."""
    cluster = start_real_pods(settings, progress, attached=True)
    try:
        yield cluster
    finally:
        with progress.step("ending the node", 2):
            real_pods.down()


@contextmanager
def kind_cluster(settings: DevSettings, progress: Progress) -> Iterator[Cluster]:
    """A kind cluster that is gone afterwards."""
    kind.require(settings.environment)
    paths = _provide(("kubectl", "helm"), settings, progress)
    with (
        tempfile.TemporaryDirectory(prefix="promptops-e2e-") as home,
        kind.cluster(settings, progress, Path(home)) as (kubeconfig, images),
    ):
        api_server = kind.api_server(settings.environment)
        yield Cluster(kubeconfig, images, paths["kubectl"], paths["helm"], Path(home), api_server)


CLUSTERS: Mapping[str, Callable[[DevSettings, Progress], AbstractContextManager[Cluster]]] = {
    "real-pods": real_pods_cluster,
    "kind": kind_cluster,
}
"""What PROMPTOPS_E2E_CLUSTER may be."""


def _provide(names: tuple[str, ...], settings: DevSettings, progress: Progress) -> dict[str, Path]:
    return {name: binaries.provide(name, settings, progress) for name in names}
