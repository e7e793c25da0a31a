"""What a sidecar would say of what is held, to the calls that ask for more than one render: for who answers in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from promptops.api.http import BatchItem, BatchRequest, BatchResponse, BatchResult, RenderResponse
from promptops.client.codec import Call
from promptops.reader.answers import Answers
from promptops.reader.descriptions import prompts_of
from promptops.reader.requests import read_strictly
from promptops.rendering.errors import PromptError
from promptops.web.problems import problem_of

LIST: Final = "/v1/prompts"
BATCH: Final = "/v1/render/batch"
_ONE: Final = f"{LIST}/"


def looked_up(answers: Answers, call: Call[Any]) -> Any | None:
    """Answer the list, a prompt, a version; None: that is not what is asked for. Raises PromptError."""
    if call.method != "GET":
        return None
    if call.path == LIST:
        return prompts_of(answers.view())
    if not call.path.startswith(_ONE):
        return None
    quoted, _, version = call.path.removeprefix(_ONE).partition("/versions/")
    named = unquote(quoted)
    return answers.version(named, unquote(version)) if version else answers.prompt(named)


def batched(body: bytes, outcome_of: Callable[[BatchItem], RenderResponse | PromptError]) -> BatchResponse:
    """Answer a batch item by item. Raises PromptError when it cannot be read."""
    results = [_result(item.prompt_id, outcome_of(item)) for item in read_strictly(body, BatchRequest).items]
    failed = sum(result.problem is not None for result in results)
    return BatchResponse(tuple(results), len(results) - failed, failed)


def _result(prompt_id: str, outcome: RenderResponse | PromptError) -> BatchResult:
    if not isinstance(outcome, PromptError):
        return BatchResult(prompt_id, 200, answer=outcome)
    problem = problem_of(outcome)
    return BatchResult(prompt_id, problem.status, problem=problem)
