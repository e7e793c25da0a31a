"""A sidecar inside the test: prompts that it is given, rendered as they would be, and everything that was asked remembered.

The clients are the real ones. What they would send is encoded, read, answered and decoded as ever; only the network is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from promptops.api.content import CANONICAL_FORM
from promptops.api.feed import Entry, VersionReference
from promptops.api.http import BatchItem, Health, RenderRequest, RenderResponse
from promptops.api.observed import FeedbackAnswer, FeedbackRequest
from promptops.cache.index import digest_of
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.client.asynchronous import PromptOpsClient
from promptops.client.codec import Call
from promptops.client.config import ClientConfig
from promptops.client.configured import Line
from promptops.client.errors import PromptOpsError
from promptops.client.exchange import Response
from promptops.client.in_process.looking_up import BATCH, batched, looked_up
from promptops.client.retrying import RetryConfig
from promptops.client.session import Session
from promptops.client.synchronous import SyncPromptOpsClient
from promptops.reader.answers import Answers
from promptops.reader.render_ids import rendered
from promptops.reader.requests import read_strictly
from promptops.rendering.errors import PromptError
from promptops.rendering.execute.plan import plan
from promptops.web.problems import problem_of

_ADDRESS: Final = "http://fake.invalid"
Declared = str | Mapping[str, Any]
"""A variable as a manifest declares it, or the name of one of the type string."""


@dataclass(frozen=True)
class SeenRender:
    """A render that was asked for."""

    prompt_id: str
    variables: Mapping[str, Any]
    text: str | None
    """What was answered; None when it was refused."""
    code: str | None
    """Why it was refused."""


class FakeSidecar:
    """Prompts for a test.

    fake = FakeSidecar()
    fake.add("greeting", "Hello {{ name }}", variables=["name"])
    answer = fake.client().render_prompt("greeting", {"name": "Ada"})
    fake.assert_rendered("greeting", name="Ada")
    """

    def __init__(self) -> None:
        self.renders: list[SeenRender] = []
        """Every render that was asked for, in order."""
        self.feedback: list[FeedbackRequest] = []
        """What was said of renders."""
        self._store = Store()
        self._entries: dict[str, Entry] = {}
        self._blobs: dict[str, bytes] = {}
        self._failures: dict[str, PromptOpsError] = {}
        self._answers = Answers(self._store, _Uncounted(), time.monotonic)
        self._publish()

    def add(
        self,
        name: str,
        text: str | None = None,
        *,
        messages: Sequence[Mapping[str, Any]] | None = None,
        variables: Sequence[Declared] = (),
        version: str = "1.0.0",
        prompt_id: str | None = None,
        disabled: bool = False,
        **content: Any,
    ) -> FakeSidecar:
        """Serve a prompt, or another version of it from now on; the ones before can be asked for by number.

        `content` is whatever else a version's content may have, as a manifest writes it: parameters, models, tools,
        responseFormat. Raises InvalidSpec, as the operator would refuse it.
        """
        declared = [{"name": each, "type": "string"} if isinstance(each, str) else dict(each) for each in variables]
        said = {"text": text} if messages is None else {"messages": [dict(each) for each in messages]}
        written = msgspec.json.encode({**said, "variables": declared, **content}, order="sorted")
        plan(written)
        reference = VersionReference(version, digest_of(CANONICAL_FORM + written))
        self._blobs[reference.digest] = CANONICAL_FORM + written
        before = self._entries.get(name)
        pins = tuple(pin for pin in before.pins if pin.version != version) if before is not None else ()
        self._entries[name] = Entry(
            name=name,
            uid=f"fake-{name}",
            revision=before.revision + 1 if before is not None else 1,
            state="disabled" if disabled else "active",
            stable=reference,
            ids=(prompt_id,) if prompt_id is not None else (),
            pins=(reference, *pins),
        )
        self._publish()
        return self

    def remove(self, name: str) -> None:
        """Serve a prompt no longer."""
        del self._entries[name]
        self._publish()

    def fail(self, prompt_id: str, error: PromptOpsError | None) -> None:
        """Have every render of a prompt end in this error; None: no longer."""
        self._failures.pop(prompt_id, None)
        if error is not None:
            self._failures[prompt_id] = error

    def client(self, config: ClientConfig | None = None) -> SyncPromptOpsClient:
        """Return a client of these prompts."""
        return _FakeSyncClient(self.ask, config)

    def async_client(self, config: ClientConfig | None = None) -> PromptOpsClient:
        """Return a client of these prompts for asyncio."""
        return _FakeAsyncClient(self.ask, config)

    def assert_rendered(self, prompt_id: str, /, **variables: Any) -> SeenRender:
        """Return the last answered render of a prompt that was given these variables. Raises AssertionError, with what was asked."""
        for seen in reversed(self.renders):
            if (seen.prompt_id, seen.code) == (prompt_id, None) and variables.items() <= dict(seen.variables).items():
                return seen
        asked = [
            f"{seen.prompt_id} {dict(seen.variables)!r}{f' ({seen.code})' if seen.code else ''}"
            for seen in self.renders
        ]
        raise AssertionError(
            f"{prompt_id} was not rendered with {variables!r}; asked for was: {'; '.join(asked) or 'nothing'}"
        )

    def ask(self, call: Call[Any]) -> Response:
        """Answer a call as a sidecar does."""
        try:
            return Response(200, msgspec.json.encode(self._answered(call)))
        except PromptError as error:
            problem = problem_of(error)
            return Response(problem.status, msgspec.json.encode(problem))

    def _answered(self, call: Call[Any]) -> Any:
        path, body = call.path, call.body or b""
        if (found := looked_up(self._answers, call)) is not None:
            return found
        if call.prompt_id:
            return self._rendered(call.prompt_id, body)
        fixed: dict[str, Callable[[], Any]] = {
            BATCH: lambda: batched(body, self._of_batch),
            "/v1/feedback": lambda: self._judged(read_strictly(body, FeedbackRequest)),
            "/v1/health": lambda: Health("healthy", {"fake": "ok"}, len(self._entries), None, False),
        }
        return fixed[path]()

    def _rendered(self, prompt_id: str, body: bytes) -> Any:
        if (failure := self._failures.get(prompt_id)) is not None:
            self.renders.append(SeenRender(prompt_id, {}, None, failure.error_code))
            raise failure
        attempt = self._answers.attempt(prompt_id, body)
        self._remember(prompt_id, attempt.request, attempt.outcome)
        return self._answers.settle(attempt)

    def _of_batch(self, item: BatchItem) -> RenderResponse | PromptError:
        outcome = self._answers.attempt_read(item.prompt_id, item).outcome
        self._remember(item.prompt_id, item, outcome)
        return outcome

    def _judged(self, feedback: FeedbackRequest) -> FeedbackAnswer:
        entry, reference = rendered(self._answers.view(), feedback.render_id)
        is_first = all(each.render_id != feedback.render_id for each in self.feedback)
        self.feedback.append(feedback)
        return FeedbackAnswer(entry.name, reference.version, reference.digest, is_first)

    def _remember(self, prompt_id: str, request: RenderRequest | None, outcome: Any) -> None:
        is_refused = isinstance(outcome, PromptError)
        self.renders.append(
            SeenRender(
                prompt_id,
                request.variables if request is not None else {},
                None if is_refused else outcome.rendered_content,
                outcome.reason if is_refused else None,
            )
        )

    def _publish(self) -> None:
        before = self._store.current
        seq = before.header.seq + 1 if before is not None else 1
        view = View.unsigned(self._entries.values(), self._blobs, seq, namespace="fake", tenant="fake", before=before)
        self._store.swap(view)


class _Uncounted:
    """Counts nothing: a test looks at what was asked for."""

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """Nothing."""

    def failed(self, prompt: str, digest: str | None, reason: str, *, missed: bool) -> None:
        """Nothing."""

    def fell_back(self, prompt: str, reason: str) -> None:
        """Nothing."""


def _settings(config: ClientConfig | None) -> ClientConfig:
    """A test waits for no retry unless it says so."""
    return config if config is not None else ClientConfig(base_url=_ADDRESS, retry=RetryConfig(attempts=1))


class _FakeSyncClient(SyncPromptOpsClient):
    def __init__(self, answer: Callable[[Call[Any]], Response], config: ClientConfig | None) -> None:
        super().__init__(_settings(config))
        self._fake = answer

    def _ask(self, call: Call[Any], line: Line[Any], session: Session, seconds: float) -> Response:
        return self._fake(call)


class _FakeAsyncClient(PromptOpsClient):
    def __init__(self, answer: Callable[[Call[Any]], Response], config: ClientConfig | None) -> None:
        super().__init__(_settings(config))
        self._fake = answer

    async def _ask(self, call: Call[Any], line: Line[Any], session: Session, seconds: float) -> Response:
        return self._fake(call)
