"""The rivals of `make bench-serving` that are written in Python: a bare ASGI application, and FastAPI as its pages show it.

Both run in uvicorn, with uvloop and httptools. The first one only sends what it was given to send; the second renders as one would there.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

Message = MutableMapping[str, Any]
ANSWER = Path(os.environ["RIVAL_ANSWER"]).read_bytes()
TEXT = os.environ["RIVAL_TEXT"]
HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(ANSWER)).encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


async def bare(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Take the body, and send the same bytes always."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


class Render(BaseModel):
    """What a render takes."""

    variables: dict[str, str] = {}


class Rendered(BaseModel):
    """What came of it."""

    prompt_id: str
    version: str
    rendered_content: str
    messages: list[dict[str, str]]


fastapi = FastAPI()
PROMPTS = {"greeting": TEXT}


@fastapi.post("/v1/prompts/{prompt_id}/render")
async def render(prompt_id: str, body: Render) -> Rendered:
    """Substitute, and answer with some of what a sidecar answers with."""
    if prompt_id not in PROMPTS:
        raise HTTPException(404)
    text = PROMPTS[prompt_id].replace("{{ name }}", body.variables["name"])
    messages = [{"role": "user", "content": text}]
    return Rendered(prompt_id=prompt_id, version="1.0.0", rendered_content=text, messages=messages)
