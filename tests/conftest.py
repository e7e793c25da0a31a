"""Fixtures of every test: the repository, the binaries, and real control planes.

`plane` is a bare control plane that the whole session shares; `kubectl` and `namespace` work on it. What changes a
plane as a whole (installs a chart, kills the API server) takes its own from `new_plane`: that costs three seconds.
`stack` is another plane that the session shares, with the operator and a sidecar on it.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from promptops import codegen
from promptops.dev import binaries
from promptops.dev.plane import Kubectl, Plane, start_plane
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE, Stack, start_stack
from promptops.settings.dev import DevSettings
from tests.support.held import FAILING_SECONDS, Watchdog

ROOT = Path(__file__).parent.parent
WATCHDOG = pytest.StashKey[Watchdog]()
HELD = pytest.StashKey[list[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that talks to a real API server, so that they can be counted and chosen."""
    for item in items:
        if "new_plane" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test in which the product holds an event loop fails, or is told of at the end."""
    watchdog = item.config.stash[WATCHDOG]
    watchdog.take()
    yield
    held = [each for each in watchdog.take() if each.is_ours]
    item.config.stash[HELD].extend(f"{each.seconds:.2f} s in {each.what}: {item.nodeid}" for each in held)
    longest = max((each.seconds for each in held), default=0.0)
    assert longest < FAILING_SECONDS, f"the loop was held: {held}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which tests held an event loop."""
    if held := config.stash[HELD]:
        terminalreporter.section("event loop held for 50 ms of work or more")
        terminalreporter.write_line("\n".join(sorted(held, reverse=True)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Look at event loops no more."""
    config.stash[WATCHDOG].stop()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Look at every event loop. A run that is told to end takes its planes down, as one that is interrupted does."""
    config.stash[WATCHDOG], config.stash[HELD] = Watchdog(), []
    config.stash[WATCHDOG].start()

    def ended(number: int, _: object) -> None:
        pytest.exit(f"told to end by {signal.Signals(number).name}", returncode=128 + number)

    signal.signal(signal.SIGTERM, ended)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def dev_settings() -> DevSettings:
    """Where binaries lie and are built."""
    return DevSettings.from_environment()


@pytest.fixture(scope="session")
def binary(dev_settings: DevSettings) -> Callable[[str], Path]:
    """Return the path of a binary by name, building it when it is missing."""
    return lambda name: binaries.provide(name, dev_settings, Progress())


@pytest.fixture(scope="session")
def new_plane(dev_settings: DevSettings) -> Iterator[Callable[[], Plane]]:
    """Start a bare plane of one's own; all of them are gone when the session ends."""
    made: list[Plane] = []
    # Not pytest's own folder: the path of a Unix socket in it must stay below 108 bytes.
    home = Path(tempfile.mkdtemp(prefix="promptops-"))

    def start() -> Plane:
        parts = binaries.control_plane(dev_settings, Progress())
        made.append(start_plane(home / f"p{len(made)}", parts, dev_settings.environment))
        return made[-1]

    yield start

    for plane in made:
        plane.down()
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def plane(new_plane: Callable[[], Plane]) -> Plane:
    """A bare control plane, shared by the session."""
    return new_plane()


@pytest.fixture(scope="session")
def kubectl(plane: Plane) -> Kubectl:
    """Run kubectl on the shared plane: `kubectl("get", "ns", check=False).returncode`. Failures raise, unless told."""
    return plane.kubectl


@pytest.fixture
def namespace(plane: Plane) -> Iterator[str]:
    """A namespace of the test's own on the shared plane."""
    yield from namespace_on(plane)


@pytest.fixture(scope="session")
def stack(new_plane: Callable[[], Plane]) -> Stack:
    """The operator and a sidecar for the namespace `default` on a plane that the session shares."""
    return start_stack(new_plane(), codegen.manifests(NAMESPACE))


@pytest.fixture
def stack_namespace(stack: Stack) -> Iterator[str]:
    """A namespace of the test's own on the stack's plane; it has no sidecar unless the test starts one."""
    yield from namespace_on(stack.plane)


def namespace_on(plane: Plane) -> Iterator[str]:
    """Create a namespace with a name of its own; delete it afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    plane.kubectl("create", "namespace", name)
    yield name
    plane.kubectl("delete", "namespace", name, "--wait=false")
