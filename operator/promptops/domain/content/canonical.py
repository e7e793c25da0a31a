"""The canonical bytes of content, and its digest: the same content is the same address everywhere."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import rfc8785

from promptops.api import reasons
from promptops.api.content import CANONICAL_FORM
from promptops.domain.findings import join
from promptops.domain.manifests import Manifest
from promptops.rendering.errors import InvalidSpec

MAX_SAFE_INTEGER = 2**53 - 1
"""Beyond it JSON readers disagree about a number, and two contents could share a digest."""
MAX_DEPTH = 32
"""Free JSON nested deeper than this is refused: every reader on the way has a limit of its own."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def canonical(content: Manifest) -> bytes:
    """Return the bytes of content exactly as it stands in the object: the name of the form, and RFC 8785 JSON.

    Raises InvalidSpec with the path of a number, character or nesting that has no canonical form.
    """
    require_portable(content)
    return CANONICAL_FORM + rfc8785.dumps(_plain(content))


def json_bytes(data: bytes) -> int:
    """Return how many bytes of canonical bytes are JSON: what the bound of a content counts."""
    return len(data) - len(CANONICAL_FORM)


def digest(content: Manifest) -> str:
    """Return the content's address: sha256 over its canonical bytes. Raises as `canonical` does."""
    return digest_of(canonical(content))


def digest_of(data: bytes) -> str:
    """Return the address of canonical bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def require_portable(content: Manifest) -> None:
    """Raise InvalidSpec with the path of what JSON readers would not agree about."""
    if _is_portable(content, 0):
        return  # nearly always: naming the place of each value costs more than looking at it
    for path, depth, value in _walk(content):
        if depth > MAX_DEPTH:
            raise InvalidSpec(reasons.INVALID_SPEC, f"is nested deeper than {MAX_DEPTH} levels: flatten it", path)
        if isinstance(value, int | float) and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            raise InvalidSpec(
                reasons.INVALID_NUMBER,
                f"must be a finite number between -{MAX_SAFE_INTEGER} and {MAX_SAFE_INTEGER}: write it as a string",
                path,
            )
        if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
            raise InvalidSpec(reasons.INVALID_CHARACTER, "contains half of a surrogate pair: remove it", path)


def _is_portable(value: object, depth: int) -> bool:
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, str):
        return value.isascii() or _SURROGATE.search(value) is None
    if isinstance(value, int | float):
        return -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER
    if isinstance(value, Mapping):
        return all(_is_portable(key, depth) and _is_portable(each, depth + 1) for key, each in value.items())
    return not isinstance(value, list | tuple) or all(_is_portable(each, depth + 1) for each in value)


def _walk(root: object) -> Iterator[tuple[str, int, object]]:
    """Yield every key and value with its path, iteratively: depth is what is to be found out."""
    stack: list[tuple[str, int, object]] = [("", 0, root)]
    while stack:
        path, depth, value = stack.pop()
        yield path, depth, value
        if depth > MAX_DEPTH:
            continue
        if isinstance(value, Mapping):
            for key, each in value.items():
                yield path, depth, key
                stack.append((join(path, str(key)), depth + 1, each))
        elif isinstance(value, list | tuple):
            stack.extend((f"{path}[{index}]", depth + 1, each) for index, each in enumerate(value))


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
