"""The demo's chapter of losses: under steady renders the operator, the API server and Redis go, one after the other."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from typing import Final, Self

from promptops.cli.demo_story import Story, StoryError, said
from promptops.client import PromptOpsError, SyncPromptOpsClient
from promptops.dev import distribution
from promptops.dev.errors import DevError
from promptops.dev.ports import free_ports
from promptops.dev.processes import Command
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings

NAME: Final = {"name": "Ada"}
_PER_SECOND: Final = 200
_REDIS: Final = "redis"
_STALE_SECONDS: Final = 10.0
_LATE: Final = 12.0
"""An age is true within two seconds, and a confirmation is up to ten old before it is missed."""


class SteadyRenders:
    """Renders greeting 200 times a second; keeps count, and whether what an answer says of its age is true."""

    def __init__(self, socket: str, cut_off_at: float) -> None:
        """`cut_off_at`: when the origin goes away, by the monotonic clock."""
        self.answered = 0
        self.failures: list[str] = []
        self._cut_off_at = cut_off_at
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._render, args=(socket,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _render(self, socket: str) -> None:
        due = time.monotonic()
        with SyncPromptOpsClient(socket=socket) as client:
            while not self._stop.is_set():
                try:
                    answer = client.render_prompt("greeting", variables=NAME)
                except PromptOpsError as error:
                    self.failures.append(str(error))
                else:
                    self.answered += 1
                    away = time.monotonic() - self._cut_off_at
                    is_true = away - 2 <= answer.age_seconds <= away + _LATE
                    if not is_true or answer.stale != (answer.age_seconds > _STALE_SECONDS):
                        self.failures.append(f"{said(answer)}, {away:.0f} s after the loss")
                due += 1 / _PER_SECOND
                self._stop.wait(max(0.0, due - time.monotonic()))


def lose_everything(story: Story) -> None:
    """Operator, API server and Redis are killed while renders go on; new pods find what they need in Redis, then in a snapshot."""
    has_mirror = _mirror(story)
    cut_off_at = time.monotonic()
    with SteadyRenders(story.stack.sidecar.socket, cut_off_at) as first:
        story.kill("operator", "kube-apiserver")
        story.note(
            "kill operator and API server", said(story.render("greeting", NAME)), story.render_time("greeting", NAME)
        )
        story.outlast("nobody confirms it any more", "greeting", NAME, lambda answer: answer.stale)
    second = _lose_redis(story, cut_off_at) if has_mirror else first
    if failures := first.failures + second.failures:
        raise StoryError(f"{len(failures)} renders were not as they should be: {failures[0]}")
    answered = first.answered + (second.answered if has_mirror else 0)
    story.note("renders meanwhile", f"{answered} answered, 0 failed, their ages true", f"{_PER_SECOND} a second")
    _begin_again(story, {"PROMPTOPS_SNAPSHOT_DIRECTORY": str(story.plane.folder / "snapshots" / "sidecar")})
    story.outlast(
        "restart the sidecar, with its snapshot", "greeting", NAME, lambda answer: answer.source == "snapshot"
    )


def _lose_redis(story: Story, cut_off_at: float) -> SteadyRenders:
    """A new pod has no snapshot: it finds in Redis what it needs, and then needs Redis no more."""
    _begin_again(story, {"PROMPTOPS_SNAPSHOT_DIRECTORY": ""})
    story.outlast("a new pod finds it in Redis", "greeting", NAME, lambda answer: answer.source == "redis")
    with SteadyRenders(story.stack.sidecar.socket, cut_off_at) as renders:
        story.kill(_REDIS)
        story.note("kill Redis as well", said(story.render("greeting", NAME)), story.render_time("greeting", NAME))
    return renders


def _begin_again(story: Story, environment: dict[str, str]) -> None:
    story.kill("sidecar")
    story.plane.start("sidecar", environment=environment, wait=False)


def _mirror(story: Story) -> bool:
    """Start Redis and have the sidecar fill it; return whether there is a Redis for this machine."""
    try:
        binary = distribution.provide(distribution.REDIS, DevSettings.from_environment(), Progress())
    except DevError as error:
        story.say(f"  no Redis here, so this is told without: {error}")
        return False
    folder, (port,) = story.plane.folder, free_ports(1)
    key = folder / "mirror.key"
    key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    # A title of its own would be written over the mark by which the plane knows its processes.
    listening = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--set-proc-title", "no")
    story.plane.run(Command(_REDIS, (str(binary.path), *listening), tuple(binary.environment.items())))
    story.plane.stop("sidecar")
    settings = {
        "PROMPTOPS_REDIS_URL": f"redis://127.0.0.1:{port}",
        "PROMPTOPS_REDIS_KEY_FILE": str(key),
        "PROMPTOPS_REDIS_WRITES": "true",
    }
    story.plane.start("sidecar", environment=settings)
    story.expect("greeting", NAME, lambda answer: answer.source == "live")
    return True
