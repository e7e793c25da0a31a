"""What the demo's steps are told with: one command, one prompt watched from the application's end, one row in a table."""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.console import Console
from rich.table import Table

from promptops.api.http import RenderResponse
from promptops.cli import pictures
from promptops.client import PromptOpsError, SyncPromptOpsClient
from promptops.dev.plane import Plane
from promptops.dev.progress import Progress
from promptops.dev.stack import Stack
from promptops.domain.manifests import Manifest

Wanted = Callable[[RenderResponse], bool]
_PATIENCE_SECONDS = 60.0
_SAMPLES = 200
_TITLE = "From kubectl's return to the new answer being served"
_READY = '.status.conditions[?(@.type=="Ready")]'


class StoryError(Exception):
    """A step did not end as it should."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    step: str
    answer: str
    time: str


class Witness:
    """Renders one prompt again and again in a thread and remembers when the wanted answer first came."""

    def __init__(self, socket: str, prompt: str, variables: Mapping[str, Any], wanted: Wanted) -> None:
        self.answer: RenderResponse | None = None
        self.at = 0.0
        self.found = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, args=(socket, prompt, dict(variables), wanted), daemon=True)
        self._thread.start()

    def wait(self) -> RenderResponse | None:
        """Return the wanted answer, or None when it did not come in time."""
        self.found.wait(_PATIENCE_SECONDS)
        self._stop.set()
        self._thread.join()
        return self.answer

    def _poll(self, socket: str, prompt: str, variables: dict[str, Any], wanted: Wanted) -> None:
        while not self._stop.is_set():
            with suppress(PromptOpsError), SyncPromptOpsClient(socket=socket) as client:
                while not self._stop.is_set():
                    answer = client.render_prompt(prompt, variables=variables)
                    if wanted(answer):
                        self.answer, self.at = answer, time.perf_counter()
                        self.found.set()
                        return
                    self._stop.wait(0.001)
            self._stop.wait(0.002)


class Story:
    """A running plane, the rows told so far, and a client at the sidecar's socket."""

    def __init__(self, plane: Plane, stack: Stack, samples: Path, progress: Progress) -> None:
        self.plane = plane
        self.stack = stack
        self.samples = samples
        self._progress = progress
        self._rows: list[Row] = []
        self._client = SyncPromptOpsClient(socket=stack.sidecar.socket)

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.__exit__(kind, error, trace)

    def kubectl(self, *arguments: str) -> None:
        """Run kubectl in the namespace of the sidecar, and show what a person would type."""
        self.show("kubectl", *arguments)
        self._plane_kubectl(*arguments)

    def show(self, *command: str) -> None:
        """Say what is done, as it would be typed."""
        self._progress.say(f"$ {shlex.join(command)}")

    def say(self, text: str) -> None:
        """Say something beside the story."""
        self._progress.say(text)

    def kill(self, *names: str) -> None:
        """End processes as a power cut would."""
        running = self.plane.running()
        self.show("kill", "-9", *(str(running[name]) for name in names))
        for name in names:
            self.plane.kill(name)

    def hold_back(self, step: str, version: Manifest, reason: str) -> None:
        """Apply a version and activate it; add a row with why it is not served. What serves goes on, and is asked for again."""
        prompt, number = version["spec"]["promptRef"]["name"], version["spec"]["version"]
        serving = self._of_status(prompt, ".serving.stable.version")
        self.show("kubectl", "apply", "-f", f"{version['metadata']['name']}.yaml")
        self._plane_kubectl("apply", "-f", "-", input=json.dumps(version))
        begun = time.perf_counter()
        self.kubectl("patch", "prompt", prompt, *_activating(number))
        self.kubectl("wait", f"--for=jsonpath={{{_READY}.reason}}={reason}", "--timeout=60s", f"prompt/{prompt}")
        taken = _after(time.perf_counter() - begun)
        message, serves = self._of_status(prompt, _READY.removeprefix(".status") + ".message"), f"{serving} serves on"
        if self._of_status(prompt, ".serving.stable.version") != serving:
            raise StoryError(f"{step}: {prompt} does not serve {serving} any more")
        self.note(step, f"{reason}: {_told(message)}; {serves}", taken)
        self.kubectl("patch", "prompt", prompt, *_activating(serving))

    def _of_status(self, prompt: str, path: str) -> str:
        return self._plane_kubectl("get", "prompt", prompt, f"--output=jsonpath={{.status{path}}}")

    def _plane_kubectl(self, *arguments: str, input: str | None = None) -> str:
        return self.plane.kubectl("--namespace", self.stack.sidecar.namespace, *arguments, input=input).stdout

    def render(self, prompt: str, variables: Mapping[str, Any], form: str | None = None) -> RenderResponse:
        """Render once, in a provider's form when one is asked for; raise StoryError when that fails."""
        try:
            return self._client.render_prompt(prompt, variables=dict(variables), format=form)
        except PromptOpsError as error:
            raise StoryError(f"rendering {prompt} failed: {error}") from error

    def expect(self, prompt: str, variables: Mapping[str, Any], wanted: Wanted) -> None:
        """Wait until the answer is the wanted one."""
        if self._watch(prompt, variables, wanted).wait() is None:
            raise StoryError(f"{prompt} did not give the expected answer within {_PATIENCE_SECONDS:.0f} s")

    def measure(
        self, step: str, command: tuple[str, ...], prompt: str, wanted: Wanted, variables: Mapping[str, Any]
    ) -> None:
        """Run kubectl; add a row with the time from its return to the wanted answer."""
        watch = self._watch(prompt, variables, wanted)
        self.kubectl(*command)
        returned = time.perf_counter()
        answer = watch.wait()
        if answer is None:
            raise StoryError(f"{step}: {prompt} did not change within {_PATIENCE_SECONDS:.0f} s")
        self.note(step, said(answer), _after(watch.at - returned))

    def restart(
        self, step: str, names: str | tuple[str, ...], prompt: str, variables: Mapping[str, Any], wanted: Wanted
    ) -> None:
        """Start processes again; add a row with the time from the start to the wanted answer."""
        watch = self._watch(prompt, variables, wanted)
        begun = time.perf_counter()
        for name in (names,) if isinstance(names, str) else names:
            self.plane.start(name)
        answer = watch.wait()
        if answer is None:
            raise StoryError(f"{step}: {prompt} was not answered within {_PATIENCE_SECONDS:.0f} s")
        self.note(step, said(answer), f"{watch.at - begun:.1f} s after the start")

    def outlast(self, step: str, prompt: str, variables: Mapping[str, Any], wanted: Wanted) -> None:
        """Wait for the wanted answer; add a row with the time that took."""
        watch = self._watch(prompt, variables, wanted)
        begun = time.perf_counter()
        answer = watch.wait()
        if answer is None:
            raise StoryError(f"{step}: {prompt} was not answered so within {_PATIENCE_SECONDS:.0f} s")
        self.note(step, said(answer), f"{watch.at - begun:.1f} s later")

    def render_time(self, prompt: str, variables: Mapping[str, Any], form: str | None = None) -> str:
        """Return the median time of many renders at the socket; every one of them must succeed."""
        times = []
        for _ in range(_SAMPLES):
            begun = time.perf_counter()
            self.render(prompt, variables, form)
            times.append(time.perf_counter() - begun)
        return f"{sorted(times)[_SAMPLES // 2] * 1e6:.0f} µs a render"

    def note(self, step: str, answer: str, time_taken: str) -> None:
        """Add a row and say so at once."""
        self._rows.append(Row(step, answer, time_taken))
        self._progress.say(f"  {step}: {answer} ({time_taken})")

    def print_table(self, picture: Path | None = None) -> None:
        """Print what was measured; write it to an SVG file as well when asked to."""
        table = Table(title=_TITLE, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("step", style="bold", max_width=26)
        table.add_column("answer")
        table.add_column("time", justify="right", style="green", max_width=12)
        for row in self._rows:
            table.add_row(row.step, row.answer, row.time)
        Console().print(table)
        if picture:
            picture.write_text(pictures.of_console("make demo", table))

    def _watch(self, prompt: str, variables: Mapping[str, Any], wanted: Wanted) -> Witness:
        return Witness(self.stack.sidecar.socket, prompt, variables, wanted)


def said(answer: RenderResponse) -> str:
    """Return what an answer says of itself: version, where it comes from, and how old that is once it has an age."""
    stale = ", stale" if answer.stale else ""
    age = f", {answer.age_seconds:.0f} s old" if answer.age_seconds >= 1 else ""
    return f"{answer.prompt_id} {answer.version}, {answer.source}{stale}{age}"


def _activating(number: str) -> tuple[str, ...]:
    return ("--type=merge", "-p", json.dumps({"spec": {"activeVersion": number}}))


def _told(message: str) -> str:
    """The part of a condition's message that says what is wrong and where."""
    told = message.partition(": ")[2].partition("; ")[0]
    return told.removeprefix("spec.content.text: ")


def _after(seconds: float) -> str:
    # The operator may be done before kubectl has ended.
    return f"{seconds * 1000:.0f} ms" if seconds > 0 else "at once"
