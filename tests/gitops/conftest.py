"""Both controllers beside an operator and sidecars: a namespace, a repository and a controller that brings them together."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from promptops import codegen
from promptops.dev.builder import source_folder
from promptops.dev.plane import Plane
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE, Stack, start_stack
from promptops.dev.tools import ARGOCD, KUSTOMIZE_CONTROLLER
from promptops.settings.dev import DevSettings
from tests.gitops import argocd, flux
from tests.gitops.argocd import ArgoCd
from tests.gitops.delivery import Delivery, account
from tests.gitops.flux import Flux
from tests.gitops.repository import Repository
from tests.support.world import World

SAMPLES = ("greeting", "house-style", "release-notes", "summarise", "support-chat")
_COUNT = itertools.count(1)
TIMES = pytest.StashKey[dict[str, dict[str, float]]]()
"""What was timed → controller → seconds."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how long everything took with each controller."""
    times = config.stash.get(TIMES, {})
    if not times:
        return
    names = tuple(dict.fromkeys(name for row in times.values() for name in row))
    table = Table(title="seconds from the commit", title_justify="left")
    for column in ("", *names):
        table.add_column(column, justify="right" if column else "left")
    for what, row in times.items():
        table.add_row(what, *(f"{row[name]:.1f}" if name in row else "" for name in names))
    terminalreporter.write_line("")
    console = Console(width=110, color_system=None)
    with console.capture() as printed:
        console.print(table)
    terminalreporter.write_line(printed.get())


@dataclass
class Team:
    """A namespace that is kept by git."""

    delivery: Delivery
    repository: Repository
    world: World
    stack: Stack

    def commit(self, message: str) -> str:
        """Commit, and tell the controller."""
        revision = self.repository.commit(message)
        self.delivery.tell(revision)
        return revision

    def revert(self) -> str:
        """Take the last commit back, and tell the controller."""
        revision = self.repository.revert()
        self.delivery.tell(revision)
        return revision


@pytest.fixture
def timed(pytestconfig: pytest.Config) -> Callable[[str, str], AbstractContextManager[None]]:
    """Return what times a block, by what it does and with which controller."""
    times = pytestconfig.stash.setdefault(TIMES, {})

    @contextmanager
    def measured(what: str, controller: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        times.setdefault(what, {})[controller] = time.monotonic() - begun

    return measured


@pytest.fixture(scope="session")
def run_flux(
    dev_settings: DevSettings, binary: Callable[[str], Path]
) -> Callable[[Plane], AbstractContextManager[str]]:
    """Return what runs Flux on a plane."""

    def run(plane: Plane) -> AbstractContextManager[str]:
        modules = {"flux": "kustomize-controller", "flux-sources": "source-controller"}
        folders = (
            source_folder(module, f"github.com/fluxcd/{name}@{KUSTOMIZE_CONTROLLER}", dev_settings, Progress())
            for module, name in modules.items()
        )
        return flux.running(
            plane, binary(flux.CONTROLLER), tuple(each / "config" / "crd" / "bases" for each in folders)
        )

    return run


@pytest.fixture(scope="session")
def run_argocd(
    dev_settings: DevSettings, binary: Callable[[str], Path], root: Path
) -> Callable[..., AbstractContextManager[None]]:
    """Return what runs Argo CD on a plane."""

    def run(plane: Plane, *, impersonates: bool = True) -> AbstractContextManager[None]:
        source = source_folder("argocd", f"github.com/argoproj/argo-cd/v3@{ARGOCD}", dev_settings, Progress())
        health = root / "manifests" / "argocd"
        return argocd.running(plane, binary("argocd"), source, health, impersonates=impersonates)

    return run


@pytest.fixture(scope="session")
def governed(new_plane: Callable[[], Plane]) -> Stack:
    """The operator on a plane of the session's own."""
    return start_stack(new_plane(), codegen.manifests(NAMESPACE))


@pytest.fixture(scope="session")
def archives(governed: Stack, run_flux: Callable[[Plane], AbstractContextManager[str]]) -> Iterator[str]:
    """Flux on that plane, and where it takes commits from."""
    with run_flux(governed.plane) as url:
        yield url


@pytest.fixture(scope="session")
def applications(governed: Stack, run_argocd: Callable[[Plane], AbstractContextManager[None]]) -> Iterator[None]:
    """Argo CD on that plane."""
    with run_argocd(governed.plane):
        yield


def _flux(request: pytest.FixtureRequest, stack: Stack) -> Delivery:
    return Flux(stack.plane, request.getfixturevalue("archives"))


def _argocd(request: pytest.FixtureRequest, stack: Stack) -> Delivery:
    request.getfixturevalue("applications")
    return ArgoCd(stack.plane)


def _client_side(request: pytest.FixtureRequest, stack: Stack) -> Delivery:
    request.getfixturevalue("applications")
    return ArgoCd(stack.plane, server_side=False)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_flux, id="flux"),
        pytest.param(_argocd, id="argocd"),
        pytest.param(_client_side, id="argocd-client-side"),
    ],
)
def team(
    request: pytest.FixtureRequest, governed: Stack, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """A namespace with a sidecar, kept by one of the controllers as a repository with the samples says."""
    delivery = request.param(request, governed)
    namespace = f"team-{next(_COUNT)}"
    governed.plane.kubectl("create", "namespace", namespace)
    account(governed.plane, namespace, "admin")
    governed.start_sidecar(namespace, namespace)
    repository = Repository(tmp_path_factory.mktemp(namespace))
    for sample in SAMPLES:
        shutil.copy(root / "manifests" / "samples" / f"{sample}.yaml", repository.folder)
    delivery.follow(repository, namespace)
    yield Team(delivery, repository, World(governed.plane, namespace), governed)
    governed.plane.stop(namespace)
