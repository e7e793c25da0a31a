"""JSON that somebody else wrote: one error, whatever is wrong with it and whoever reads it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptops.api.feed import Entry, Report, Signed
from promptops.api.http import RenderRequest
from promptops.api.wire import Unreadable, read
from promptops.cache import index, messages
from promptops.cache.refusal import Refused
from promptops.client import errors
from promptops.reader.requests import read_render_request
from promptops.rendering.errors import InvalidInput, InvalidSpec
from promptops.rendering.execute.plan import plan

DEEP = b"[" * 100_000


def nested(field: str) -> bytes:
    """An object with one field, a hundred thousand lists deep."""
    return b'{"%s":%s' % (field.encode(), DEEP)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "is not JSON: Input data was truncated", id="nothing"),
        pytest.param(b'{"a":', "is not JSON: Input data was truncated", id="cut off"),
        pytest.param(b"{]", "is not JSON: JSON is malformed", id="no JSON"),
        pytest.param(b"7", "is not what is expected: Expected `object`, got `int`", id="another form"),
        pytest.param(
            b'{"name":7}', "is not what is expected: Expected `str`, got `int` - at `$.name`", id="another type"
        ),
        pytest.param(b'{"name":"\xff"}', "is not UTF-8", id="not UTF-8"),
        pytest.param(
            nested("name"), "is not what is expected: Expected `str`, got `array`", id="deep where text belongs"
        ),
        pytest.param(nested("unknown"), "is nested too deeply", id="deep in an unknown field"),
    ],
)
def test_why_bytes_cannot_be_read(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read(data, Entry)

    assert str(refusal.value).startswith(why)


def test_a_long_name_of_a_field_is_not_repeated_at_length() -> None:
    with pytest.raises(Unreadable) as refusal:
        read(b'{"%s":1}' % (b"x" * 5000), RenderRequest)

    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize(
    ("reader", "refusal"),
    [
        pytest.param(index.decode_entry, Refused, id="an entry"),
        pytest.param(messages.decode_index, Refused, id="an index"),
        pytest.param(messages.decode_patch, Refused, id="a patch"),
        pytest.param(read_render_request, InvalidInput, id="the body of a render"),
        pytest.param(plan, InvalidSpec, id="the content of a prompt"),
        pytest.param(lambda data: read(data, Report), Unreadable, id="a report"),
        pytest.param(lambda data: read(data, Signed), Unreadable, id="a signed header"),
    ],
)
@pytest.mark.parametrize(
    "data", [DEEP, nested("unknown"), b"\xff", b"{", b'"'], ids=["deep", "deep within", "no UTF-8", "cut", "quote"]
)
def test_whoever_reads_refuses_in_its_own_words(
    reader: Callable[[bytes], Any], refusal: type[Exception], data: bytes
) -> None:
    with pytest.raises(refusal):
        reader(data)


def test_an_answer_that_is_nested_without_end_is_an_error_of_the_server() -> None:
    assert isinstance(errors.error_of(500, nested("unknown")), errors.ServerError)


def test_nothing_else_decodes_what_came_over_a_wire(root: Path) -> None:
    """Whoever calls msgspec's decoder has three errors to think of; two of them are easily forgotten."""
    package = root / "operator" / "promptops"
    callers = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("msgspec.json.decode", "msgspec.json.Decoder")
    }

    assert callers == {"api/wire.py"}
