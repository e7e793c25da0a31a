"""Fixtures of every test: the repository, the binaries, and real control planes.

`plane` is a bare control plane that the whole session shares; `kubectl` and `namespace` work on it. What changes a
plane as a whole (installs a chart, kills the API server) takes the file's own from `file_plane`, and what leaves it
unusable the test's own from `own_plane`: each costs some seconds. `stack` is another plane that the session shares,
with the operator and a sidecar on it. A session is one worker's: workers share nothing.
"""

from __future__ import annotations

import gc
import itertools
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from promptops import codegen
from promptops.dev import binaries, distribution
from promptops.dev.plane import Kubectl, Plane, remove, start_plane
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE, Stack, start_stack
from promptops.dev.tools import CURRENT
from promptops.settings.dev import DevSettings
from tests.support.held import FAILING_SECONDS, Watchdog
from tests.support.redis import NewServer, servers
from tests.support.started import started_by

ROOT = Path(__file__).parent.parent
WATCHDOG = pytest.StashKey[Watchdog]()
PLANES = pytest.StashKey[Path]()
"""Folder of the planes of a session."""
MADE = pytest.StashKey[list[Plane]]()
"""The planes that this worker started."""
WAITING = pytest.StashKey[set[Path]]()
"""The files in which a test talks to a real API server; they come first."""
HELD = "held"
"""Property of a test's report: what held an event loop in it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--jitter SECONDS`: what operators write may be so late, each another while (`tests/support/jitter.py`)."""
    parser.addoption(
        "--jitter", type=float, default=0.0, metavar="SECONDS", help="how late what operators write may be"
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests and their modules stay to the end: each search for garbage among them takes most of a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test that talks to a real API server, so that they can be counted and chosen.

    Their files come first, those that break things before all others: they wait most, and no worker shall be left
    alone with one of them in the end. What an older Kubernetes than the current one cannot do is left out, and counted.
    """
    for item in items:
        if "new_plane" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)
    if older := [item for item in items if _is_of_later_kubernetes(item)]:
        config.hook.pytest_deselected(items=older)
        items[:] = [item for item in items if item not in older]
    waiting = config.stash[WAITING] = {item.path for item in items if item.get_closest_marker("cluster")}
    items.sort(key=lambda item: ("faults" not in item.path.parts, item.path not in waiting))


def _is_of_later_kubernetes(item: pytest.Item) -> bool:
    release = tuple(int(part) for part in (DevSettings.from_environment().kubernetes or CURRENT).split("."))
    needed = [tuple(int(part) for part in marker.args[0].split(".")) for marker in item.iter_markers("since")]
    return any(each > release for each in needed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test in which the product holds an event loop fails, or is told of at the end."""
    watchdog = item.config.stash[WATCHDOG]
    watchdog.take()
    yield
    held = [each for each in watchdog.take() if each.is_ours]
    item.user_properties.extend((HELD, f"{each.seconds:.2f} s in {each.what}: {item.nodeid}") for each in held)
    longest = max((each.seconds for each in held), default=0.0)
    assert longest < FAILING_SECONDS, f"the loop was held: {held}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Take the planes down once nobody in this worker needs one any more: they would take a sixth of the processor from the rest."""
    yield
    if nextitem is not None and nextitem.path not in item.config.stash[WAITING]:
        while made := item.config.stash[MADE]:
            made.pop().down()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests held an event loop, in whichever worker."""
    reports = (each for listed in terminalreporter.stats.values() for each in listed)
    calls = [each for each in reports if isinstance(each, pytest.TestReport) and each.when == "call"]
    if held := [str(said) for each in calls for name, said in each.user_properties if name == HELD]:
        terminalreporter.section("event loop held for 50 ms of work or more")
        terminalreporter.write_line("\n".join(sorted(held, reverse=True)))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Look at every event loop. A run that is told to end takes its planes down, as one that is interrupted does.

    Those of its workers, too.
    """
    config.stash[MADE] = []
    config.stash[WATCHDOG] = Watchdog()
    config.stash[WATCHDOG].start()

    def ended(number: int, _: object) -> None:
        pytest.exit(f"told to end by {signal.Signals(number).name}", returncode=128 + number)

    signal.signal(signal.SIGTERM, ended)
    worker = getattr(config, "workerinput", None)
    # Not pytest's own folder: the path of a Unix socket in it must stay below 104 bytes.
    config.stash[PLANES] = Path(worker["planes"] if worker else tempfile.mkdtemp(prefix="promptops-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where its planes are."""
    home = node.config.stash[PLANES] / node.gateway.id
    home.mkdir()
    node.workerinput["planes"] = str(home)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Look at event loops no more. Take down what is left: a worker that had to be killed took nothing down."""
    config.stash[WATCHDOG].stop()
    if not hasattr(config, "workerinput") and PLANES in config.stash:
        home = config.stash[PLANES]
        for folder in (*home.glob("p*"), *home.glob("gw*/p*")):
            remove(folder)
        shutil.rmtree(home)


@pytest.fixture(scope="session", autouse=True)
def jitter(pytestconfig: pytest.Config) -> Iterator[None]:
    """Have operators, sidecars and relays be late at random, if that is asked for."""
    seconds, run = float(pytestconfig.getoption("--jitter")), Plane.run
    with pytest.MonkeyPatch.context() as patched:
        if seconds:
            late = partial(started_by, "tests.support.jitter")
            patched.setattr(Plane, "run", lambda plane, command, **how: run(plane, late(command, str(seconds)), **how))
        yield


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
def redis_binary(dev_settings: DevSettings) -> distribution.DistributedProgram:
    """A real Redis, of this machine or fetched for it."""
    return distribution.provide(distribution.REDIS, dev_settings, Progress())


@pytest.fixture
def new_redis(redis_binary: distribution.DistributedProgram) -> Iterator[NewServer]:
    """Start Redis servers of the test's own."""
    yield from servers(redis_binary)


@pytest.fixture(scope="session")
def new_plane(dev_settings: DevSettings, pytestconfig: pytest.Config) -> Iterator[Callable[[], Plane]]:
    """Start a bare plane of one's own; all of them are gone when the session ends."""
    numbers = itertools.count()
    made = pytestconfig.stash[MADE]

    def start() -> Plane:
        parts = binaries.control_plane(dev_settings, Progress())
        made.append(start_plane(pytestconfig.stash[PLANES] / f"p{next(numbers)}", parts, dev_settings.environment))
        return made[-1]

    yield start

    for plane in made:
        plane.down()


@pytest.fixture(scope="session")
def plane(new_plane: Callable[[], Plane]) -> Plane:
    """A bare control plane, shared by the session."""
    return new_plane()


@pytest.fixture(scope="module")
def file_plane(new_plane: Callable[[], Plane]) -> Iterator[Plane]:
    """A bare control plane of the file's own; gone after its last test."""
    plane = new_plane()
    yield plane
    plane.down()


@pytest.fixture
def own_plane(new_plane: Callable[[], Plane]) -> Iterator[Plane]:
    """A bare control plane of the test's own."""
    plane = new_plane()
    yield plane
    plane.down()


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
