"""Bodies of calls, read strictly: JSON that only means one thing, of a bounded size, with no unknown field."""

import difflib
import json
from collections.abc import Sized
from typing import Any, Final, TypeVar

from promptops.api import reasons
from promptops.api.http import MAX_REQUEST_BYTES, MAX_VARIABLES, RenderRequest
from promptops.api.wire import Unreadable, read
from promptops.rendering.errors import InvalidInput
from promptops.rendering.names import shown

MAX_OBJECTS: Final = 50_000
"""Braces in a body, which are counted before anything is read: looking at each object for a key that stands twice costs more
than all else, and whoever sends them holds up everybody's renders."""
MAX_KEYS: Final = 50_000
"""The same of keys."""
_FIELDS: Final = frozenset(RenderRequest.__struct_fields__)
Form = TypeVar("Form")


class _Duplicate(Exception):
    """A key stands twice in one object."""


def read_render_request(body: bytes) -> RenderRequest:
    """Decode the body of a render. An empty one asks for a render without variables.

    Raises InvalidInput; its message quotes nothing but names of fields.
    """
    if not body:
        return RenderRequest()
    _check_size(body)
    try:
        request = read(body, RenderRequest)
    except Unreadable as error:
        raise InvalidInput(f"the body {error}{_hint(body)}") from None
    check_count(request.variables)
    if not _has_no_more_keys(body, request.variables):
        _refuse_duplicates(body)
    return request


def read_strictly(body: bytes, form: type[Form]) -> Form:
    """Decode the body of any other call. Raises InvalidInput; its message quotes nothing but names of fields."""
    _check_size(body)
    try:
        request = read(body, form)
    except Unreadable as error:
        raise InvalidInput(f"the body {error}") from None
    _refuse_duplicates(body)
    return request


def check_count(variables: Sized) -> None:
    """Refuse more variables than a render may have. Raises InvalidInput."""
    if len(variables) > MAX_VARIABLES:
        raise InvalidInput(f"there are {len(variables)} variables; at most {MAX_VARIABLES} are allowed")


def _check_size(body: bytes) -> None:
    if len(body) > MAX_REQUEST_BYTES:
        raise too_large()
    if body.count(b"{") > MAX_OBJECTS:
        raise InvalidInput(f"the body has more than {MAX_OBJECTS} objects")
    if body.count(b'":') - body.count(b'\\":') > MAX_KEYS:
        raise InvalidInput(f"the body has more than {MAX_KEYS} keys")


def too_large() -> InvalidInput:
    """Return the refusal of a body beyond the limit."""
    return InvalidInput(f"the body is larger than {MAX_REQUEST_BYTES // 1024} KiB", reasons.REQUEST_TOO_LARGE)


def _hint(body: bytes) -> str:
    """Say where variables stand, to whoever sent them as the whole body."""
    try:
        sent = read(body, dict[str, Any])
    except Unreadable:
        return ""
    if not sent or _FIELDS & sent.keys() or difflib.get_close_matches(next(iter(sent))[:64], _FIELDS, n=1):
        return ""
    return f'; variables stand under "variables": {{"variables": {{{shown(next(iter(sent)))}: …}}}}'


def _has_no_more_keys(body: bytes, variables: Sized) -> bool:
    """Whether the body has the key of its variables, each of theirs, and no room for another: a key has its colon."""
    return len(variables) > 0 and body.count(b":") == len(variables) + 1


def _refuse_duplicates(body: bytes) -> None:
    """msgspec takes the last of two equal keys; whoever checked the first would be fooled."""
    try:
        _PAIRS.decode(body.decode())
    except _Duplicate:
        raise InvalidInput("the body has the same key twice in one object") from None
    except RecursionError:
        raise InvalidInput("the body is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _Duplicate
    return read


_PAIRS: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_float=str)
