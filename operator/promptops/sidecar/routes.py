"""Which call a request is: decided on the path as it was sent, so that an encoded slash is never a separator.

GET  /
POST /mcp
POST /ofrep/v1/evaluate/flags
POST /ofrep/v1/evaluate/flags/{key}
GET  /ofrep/v1/sse
GET  /openapi.json
POST /v1/blobs
GET  /v1/blobs/{digest}
GET  /v1/events
POST /v1/feedback
GET  /v1/health
GET  /v1/prompts
GET  /v1/prompts/{id}
GET  /v1/prompts/{id}/diff
GET  /v1/prompts/{id}/versions
GET  /v1/prompts/{id}/versions/{version}
POST /v1/prompts/{id}/render
POST /v1/render/batch
POST /v1/reports
GET  /v1/stats
GET  /v1/stream

Stream, blobs and reports are the feed, over the Unix socket alone.
An id may contain slashes. An id that ends in /render, /diff, /versions or /versions/… is asked for with that slash written as %2F.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from promptops.feed import blobs
from promptops.rendering.errors import InvalidInput
from promptops.rendering.selection import PROMPT_ID_RULE, is_prompt_id
from promptops.web.problems import no_such_route

_PREFIX: Final = "/v1/prompts/"
_FLAGS: Final = "/ofrep/v1/evaluate/flags/"
_MAX_PATH: Final = 1024


class Action(StrEnum):
    """What can be asked for."""

    ROOT = "root"
    OPENAPI = "openapi"
    HEALTH = "health"
    PROMPTS = "prompts"
    PROMPT = "prompt"
    VERSIONS = "versions"
    VERSION = "version"
    DIFF = "diff"
    RENDER = "render"
    BATCH = "batch"
    FEEDBACK = "feedback"
    EVENTS = "events"
    STATISTICS = "stats"
    STREAM = "stream"
    BLOBS = "blobs"
    REPORTS = "reports"
    BLOB = "blob"
    MCP = "mcp"
    FLAG = "flag"
    FLAGS = "flags"
    FLAG_CHANGES = "sse"

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that ask for it."""
        return ("POST",) if self in _POSTED else ("GET", "HEAD")


_POSTED: Final = frozenset(
    {Action.RENDER, Action.BATCH, Action.FEEDBACK, Action.MCP, Action.FLAG, Action.FLAGS, Action.BLOBS, Action.REPORTS}
)
OF_THE_FEED: Final = frozenset({Action.STREAM, Action.BLOBS, Action.BLOB, Action.REPORTS})
"""What is for those who follow."""


@dataclass(frozen=True)
class Route:
    """An action, and the prompt and the version it is about."""

    action: Action
    prompt_id: str = ""
    version: str = ""


_FIXED: Final = {
    "/": Action.ROOT,
    "/openapi.json": Action.OPENAPI,
    "/mcp": Action.MCP,
    "/ofrep/v1/evaluate/flags": Action.FLAGS,
    "/ofrep/v1/sse": Action.FLAG_CHANGES,
    "/v1/health": Action.HEALTH,
    "/v1/prompts": Action.PROMPTS,
    "/v1/render/batch": Action.BATCH,
    "/v1/feedback": Action.FEEDBACK,
    "/v1/events": Action.EVENTS,
    "/v1/stats": Action.STATISTICS,
    "/v1/stream": Action.STREAM,
    "/v1/blobs": Action.BLOBS,
    "/v1/reports": Action.REPORTS,
}


@lru_cache(maxsize=256)
def route_of(raw_path: str) -> Route:
    """Return the call that a path, as it was sent, stands for. Callers ask for the same few again and again.

    Raises HttpRefusal when nothing is served there, and InvalidInput for what cannot be the id of a prompt.
    """
    if raw_path in _FIXED:
        return Route(_FIXED[raw_path])
    if raw_path.startswith(blobs.PATH) and "/" not in raw_path.removeprefix(blobs.PATH):
        return Route(Action.BLOB)
    if raw_path.startswith(_FLAGS) and len(raw_path) <= _MAX_PATH:
        return Route(Action.FLAG, _prompt_id(raw_path.removeprefix(_FLAGS)))
    if not raw_path.startswith(_PREFIX) or len(raw_path) > _MAX_PATH or raw_path.endswith("/"):
        raise no_such_route(raw_path)
    rest = raw_path.removeprefix(_PREFIX)
    for action in (Action.RENDER, Action.DIFF, Action.VERSIONS):
        suffix = f"/{action.value}"
        if rest.endswith(suffix):
            return Route(action, _prompt_id(rest.removesuffix(suffix)))
    before, _, version = rest.rpartition("/")
    if before.endswith("/versions"):
        return Route(Action.VERSION, _prompt_id(before.removesuffix("/versions")), unquote(version))
    return Route(Action.PROMPT, _prompt_id(rest))


def _prompt_id(encoded: str) -> str:
    """Decode once. What is looked up is this very text."""
    decoded = unquote(encoded, errors="replace")
    if not is_prompt_id(decoded):
        raise InvalidInput(f"the path does not name a prompt: {PROMPT_ID_RULE}")
    return decoded
