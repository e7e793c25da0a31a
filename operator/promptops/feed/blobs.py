"""Blobs over HTTP: one by its digest, which never changes, or many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from promptops.api import reasons
from promptops.api.feed import Blob, BlobsAnswer
from promptops.web.answers import SAFE, Answer
from promptops.web.problems import HttpRefusal, problem
from promptops.web.requests import Head

PATH: Final = "/v1/blobs/"
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""An answer that would be larger leaves the rest out; the follower asks again for what it still lacks."""
_JSON: Final = "application/json"


def one_of(blobs: Mapping[str, bytes], head: Head) -> Answer:
    """Return the blob that the path names, or that the caller has it already. Raises HttpRefusal for any other."""
    digest = head.path.removeprefix(PATH)
    content = blobs.get(digest)
    if content is None:
        raise HttpRefusal(problem(404, reasons.BLOB_NOT_FOUND, "your index names no such blob"))
    headers = (("cache-control", "private, immutable, max-age=31536000"), ("etag", f'"{digest}"'), *SAFE)
    if f'"{digest}"' in head.header(b"if-none-match"):
        return Answer(304, headers=headers)
    return Answer(200, content, _JSON, headers)


def many_of(blobs: Mapping[str, bytes], asked: tuple[str, ...]) -> Answer:
    """Return those of the blobs that are asked for, as many as an answer has room for."""
    found: dict[str, Blob] = {}
    size = 0
    for digest in asked:
        content = blobs.get(digest)
        if content is None or digest in found:
            continue
        size += len(content)
        if found and size > MAX_ANSWER_BYTES:
            break
        found[digest] = Blob(digest, content.decode())
    body = msgspec.json.encode(BlobsAnswer(tuple(found.values())))
    return Answer(200, body, _JSON, (("cache-control", "no-store"), *SAFE))
