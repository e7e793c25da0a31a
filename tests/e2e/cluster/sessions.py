"""A cluster from its making to its end, on real pods or on kind, with a line and a time for each step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promptops.dev import binaries
from promptops.dev.progress import Progress
from promptops.settings import DevSettings
from tests.e2e.cluster import layout, machine, ownership, real_pods
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.images import Builder


def start_real_pods(settings: DevSettings, progress: Progress, *, attached: bool) -> Cluster:
    """Bring a real node up, with the product's images on it."""
    machine.prepare(progress)
    with ownership.claim() as claimed:
        paths = provide((*layout.NODE_BINARIES, "coredns", "helm"), settings, progress)
        images = Builder(settings, progress).images(paths["coredns"])
        home = settings.cache / "e2e" / "state"
        try:
            with progress.step("starting the node", 10):
                node = real_pods.up(home, paths, claimed, attached=attached)
                node.load(images.folder)
                node.wait_until_ready()
        except BaseException:
            real_pods.down()
            raise
    return Cluster(node.kubeconfig, images, paths["kubectl"], paths["helm"], home, home / "logs")


@contextmanager
def real_pods_cluster(settings: DevSettings, progress: Progress) -> Iterator[Cluster]:
    """A real node that is gone afterwards, also when this process is killed."""
    cluster = start_real_pods(settings, progress, attached=True)
    try:
        yield cluster
    finally:
        with progress.step("ending the node", 1):
            real_pods.down()


def provide(names: tuple[str, ...], settings: DevSettings, progress: Progress) -> dict[str, Path]:
    """Return the paths of binaries by name, building what is missing."""
    return {name: binaries.provide(name, settings, progress) for name in names}
