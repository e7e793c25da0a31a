"""Rendering in the process beside a real sidecar: how soon, how long, from several threads, over forks, and what is left in the end."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptops.client import (
    CacheConfig,
    CacheLevel,
    ClientConfig,
    NetworkError,
    SyncPromptOpsClient,
    ValidationError,
)
from promptops.dev.ports import free_ports
from tests.client.conftest import Ask, ask_with
from tests.support.manifests import sourced
from tests.support.sidecar import ROOT, Sidecar, sidecars, write
from tests.support.waiting import wait_until

ADA = {"name": "Ada"}


class Living:
    """A sidecar whose one prompt is changed, ended and begun again."""

    def __init__(self, start: Any, directory: Path) -> None:
        self._start = start
        self.directory = directory
        self.say("Hello")
        self.sidecar: Sidecar = start(directory)

    def say(self, word: str) -> None:
        """Activate a version that says this."""
        content = {"text": f"{word} {{{{ name }}}}", "variables": [{"name": "name", "type": "string"}]}
        write(self.directory / "greeting.yaml", sourced("greeting", content))

    def again(self) -> None:
        """Begin another one at the same socket."""
        self.sidecar = self._start(
            self.directory, PROMPTOPS_DIRECTORY=str(self.directory), PROMPTOPS_SOCKET=str(self.sidecar.socket)
        )


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Living]:
    """A sidecar of the test's own."""
    for start in sidecars():
        yield Living(start, tmp_path)


@pytest.fixture
def client(living: Living) -> Iterator[SyncPromptOpsClient]:
    """A client that holds what the sidecar serves."""
    with SyncPromptOpsClient(socket=living.sidecar.socket) as made:
        made.initialize()
        made.render_prompt("greeting", ADA)
        yield made


def said(client: SyncPromptOpsClient) -> str:
    """Return what is rendered now."""
    return client.render_prompt("greeting", ADA).rendered_content


def says(client: SyncPromptOpsClient, text: str) -> bool:
    """Whether that is rendered now."""
    return said(client) == text


def is_local(client: SyncPromptOpsClient) -> bool:
    """Whether a render is done in this process now."""
    before = client.get_stats().local
    client.render_prompt("greeting", ADA)
    return client.get_stats().local > before


def test_renders_are_done_here_once_the_client_holds_what_is_served(kind: str, sidecar: Sidecar) -> None:
    asked = ask_with(kind, ClientConfig(socket=sidecar.socket), initialized=True)

    assert asked("render_prompt", "greeting", ADA).source == "directory"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        pytest.param(("greeting", ADA), {}, id="a usual one"),
        pytest.param(("greeting", ADA), {"version": "1.0.0"}, id="of a version"),
        pytest.param(("two",), {"version": "1.1.0"}, id="of another version"),
        pytest.param(("two",), {"version": "9.9.9"}, id="of a version that is not there"),
        pytest.param(("greeting", ADA), {"format": "openai", "model_name": "gpt-9"}, id="in a provider's form"),
        pytest.param(("greeting", ADA), {"format": "openai", "prefix_cache": True}, id="for a prefix cache"),
        pytest.param(("greeting", ADA), {"format": "nobody"}, id="in a form that is none"),
        pytest.param(("greeting", ADA | {"more": 1}), {}, id="with a variable too many"),
        pytest.param(("greeting", ADA | {"more": 1}), {"strict": True}, id="with one too many, strictly"),
        pytest.param(("greeting", {}), {}, id="without a variable"),
        pytest.param(("greeting", {"name": 7}), {}, id="with a wrong variable"),
        pytest.param(("greeting", {"name": "a\u200bb"}), {}, id="with a value that is cleaned"),
        pytest.param(("team/slash.v1",), {}, id="by an id"),
        pytest.param(("off",), {}, id="of a prompt that is disabled"),
        pytest.param(("greting",), {}, id="of a prompt that is not there"),
        pytest.param(("../greeting",), {}, id="of what is no id"),
        pytest.param(("anything", {"v": [1, {"a": None}]}), {}, id="of a list"),
        pytest.param(("typed", {"count": 2**53, "self": "x"}), {}, id="with a number that is too large"),
    ],
)
def test_a_render_here_answers_as_the_sidecar_does(kind: str, sidecar: Sidecar, arguments: Any, options: Any) -> None:
    def outcome(asked: Ask) -> Any:
        try:
            answer = asked("render_prompt", *arguments, **options)
        except Exception as error:
            return type(error), str(error), error.__dict__
        apart = {"render_id", "processing_time_ms", "age_seconds"}
        return {name: getattr(answer, name) for name in answer.__struct_fields__ if name not in apart}

    here = ask_with(kind, ClientConfig(socket=sidecar.socket), initialized=True)
    there = ask_with(kind, ClientConfig(socket=sidecar.socket, cache=CacheConfig(CacheLevel.NONE)))

    assert outcome(here) == outcome(there)


def test_renders_done_here_are_in_the_sidecars_statistics(living: Living, client: SyncPromptOpsClient) -> None:
    for _ in range(50):
        client.render_prompt("greeting", ADA)
    with suppress(ValidationError):
        client.render_prompt("greeting", {})
    done = client.get_stats()

    def counted() -> dict[str, Any]:
        found: dict[str, Any] = living.sidecar.get("/v1/stats").json()
        return found

    wait_until(lambda: (counted()["succeeded"], counted()["failed"]) == (done.succeeded, 1), counted)
    (prompt,) = counted()["prompts"]
    assert (prompt["prompt"], prompt["failures"]) == ("greeting", {"InvalidVariables": 1})
    assert done.local >= 50


def test_what_was_rendered_before_a_client_closes_is_told(living: Living, client: SyncPromptOpsClient) -> None:
    client.render_prompt("greeting", ADA)
    done = client.get_stats().succeeded

    client.close()

    wait_until(lambda: living.sidecar.get("/v1/stats").json()["succeeded"] == done)


def test_an_activation_is_served_within_a_second(living: Living, client: SyncPromptOpsClient) -> None:
    living.say("Bye")

    wait_until(lambda: said(client) == "Bye Ada", within=5.0)
    assert is_local(client)


def test_threads_never_see_an_older_version_after_a_newer_one(living: Living, client: SyncPromptOpsClient) -> None:
    ended = threading.Event()
    seen: list[list[str]] = [[] for _ in range(6)]

    def render(own: list[str]) -> None:
        while not ended.is_set():
            own.append(said(client))

    threads = [threading.Thread(target=render, args=(own,)) for own in seen]
    for thread in threads:
        thread.start()
    for number in range(4):
        living.say(f"{number}")
        wait_until(partial(says, client, f"{number} Ada"))
    ended.set()
    for thread in threads:
        thread.join()

    order = ["Hello Ada", *(f"{number} Ada" for number in range(4))]
    assert all([order.index(text) for text in own] == sorted(order.index(text) for text in own) for own in seen)


def test_a_sidecar_that_is_gone_leaves_what_was_held_and_comes_back(
    living: Living, client: SyncPromptOpsClient
) -> None:
    living.sidecar.process.kill()
    living.sidecar.process.wait()

    away = client.render_prompt("greeting", ADA)
    living.say("Back")
    living.again()

    assert (away.rendered_content, away.source) == ("Hello Ada", "snapshot")
    assert away.age_seconds < 10
    wait_until(lambda: said(client) == "Back Ada")
    wait_until(lambda: is_local(client))


def test_a_sidecar_that_hangs_holds_no_render_up(living: Living, client: SyncPromptOpsClient) -> None:
    os.kill(living.sidecar.process.pid, signal.SIGSTOP)
    try:
        assert client._session.here is not None
        client._session.here.local().disconnected("HeartbeatMissed", "")  # as it is after ten seconds

        sources = {client.render_prompt("greeting", ADA).source for _ in range(200)}
    finally:
        os.kill(living.sidecar.process.pid, signal.SIGCONT)

    assert sources == {"snapshot"}
    assert client.get_stats().p95_ms < 250


def test_nothing_held_is_nothing_answered(kind: str, tmp_path: Path) -> None:
    asked = ask_with(kind, ClientConfig(socket=tmp_path / "nobody.sock", timeout_seconds=0.2))

    with pytest.raises(NetworkError):
        asked("render_prompt", "greeting", ADA)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_is_begun_again(client: SyncPromptOpsClient) -> None:
    *_, thread = (each for each in threading.enumerate() if each.name == "promptops")

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))

    wait_until(lambda: not thread.is_alive())
    ended = is_local(client)
    wait_until(lambda: is_local(client))

    assert not ended


def left() -> tuple[int, list[str]]:
    """Return what this process has open and who runs in it."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), sorted(thread.name for thread in threading.enumerate())


def used(config: ClientConfig) -> SyncPromptOpsClient:
    """Return a client that follows."""
    made = SyncPromptOpsClient(config)
    made.initialize()
    return made


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda client: client.close(), id="closed"),
        pytest.param(
            lambda client: client.update_config(cache=CacheConfig(CacheLevel.NONE)), id="told to ask each time"
        ),
        pytest.param(lambda client: None, id="forgotten"),
    ],
)
def test_nothing_is_left_of_a_client_that_is(sidecar: Sidecar, end: Callable[[SyncPromptOpsClient], Any]) -> None:
    config = ClientConfig(socket=sidecar.socket)
    used(config).close()
    wait_until(lambda: "promptops" not in left()[1])
    before = left()

    made: SyncPromptOpsClient | None = used(config)
    assert made is not None
    assert "promptops" in left()[1]
    end(made)
    kept, made = made, None
    kept._route[1][0].hot.close()
    del kept

    # What earlier tests left to be collected may be gone by now, too.
    wait_until(
        lambda: left()[0] <= before[0] and "promptops" not in left()[1],
        lambda: f"{left()} is left, {before} was there before",
    )


def test_who_asks_each_time_follows_nobody(kind: str, sidecar: Sidecar) -> None:
    asked = ask_with(kind, ClientConfig(socket=sidecar.socket, cache=CacheConfig(CacheLevel.NONE)), initialized=True)

    asked("render_prompt", "greeting", ADA)

    wait_until(lambda: "promptops" not in {thread.name for thread in threading.enumerate()})


def test_a_child_drops_what_it_inherited_and_follows_by_itself(sidecar: Sidecar) -> None:
    command = [sys.executable, "-m", "tests.client.in_process.worker", str(sidecar.socket)]

    done = subprocess.run(
        command, cwd=ROOT, env={"PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    child = seen["child"]
    assert (child["first"], child["local"], seen["after"]) == ("Hello Ada", True, "Hello Ada")
    assert child["threads"] == ["MainThread", "promptops"]
    # The parent's stream, and the pair of sockets of its loop, are closed here too.
    assert child["closed"] == seen["bare"]


@pytest.fixture
def gunicorn(living: Living) -> Iterator[str]:
    """Four forked workers that share what was loaded before; yields their address."""
    (port,) = free_ports(1)
    options = ["--workers", "4", "--preload", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, "tests.client.in_process.worker:app"]
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}",
        "PROMPTOPS_TEST_SOCKET": str(living.sidecar.socket),
    }
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_all_forked_workers_serve_a_new_version_within_a_second(living: Living, gunicorn: str) -> None:
    workers: dict[int, dict[str, Any]] = {}

    late: list[dict[str, Any]] = []
    late_from = float("inf")

    def ask() -> None:
        is_late = time.monotonic() > late_from
        try:
            # Each over a connection of its own: the kernel chooses the worker, and may choose one for long.
            answer = httpx.get(gunicorn, trust_env=False, timeout=10).json()
        except httpx.TransportError:
            return
        workers[answer["process"]] = answer
        late.extend([answer] if is_late and answer["text"] != "Bye Ada" else [])

    wait_until(
        lambda: len(workers) == 4 and all(each["local"] for each in workers.values()), lambda: workers, meanwhile=ask
    )
    living.say("Bye")
    wait_until(lambda: "Bye" in living.sidecar.render("greeting", ADA).text)
    late_from = time.monotonic() + 5.0
    workers.clear()

    wait_until(
        lambda: len(workers) == 4 and all(each["text"] == "Bye Ada" for each in workers.values()),
        lambda: workers,
        meanwhile=ask,
    )
    assert late == []
    assert all(each["local"] for each in workers.values())
