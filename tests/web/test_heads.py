"""Heads are read in one go where nothing is wrong with them, and line by line where something is: both say the same."""

from __future__ import annotations

import pytest

from promptops.web.requests import Malformed, read_head
from tests.support.growth import Work, assert_linear

FIRST = b"GET /v1/health HTTP/1.1"
LINES = (
    *(b"host: localhost", b"Accept:*/*", b"x: \t a b \t", b"x:", b"x: \xe9", b"x: a: b", b"a: 1\r\nb: 2", b"x"),
    *(b": x", b" x: 1", b"x : 1", b"x\t: 1", b"x: \x01", b"x: \x7f", b"x: a\rb", b"x: a\nb", b"x:\r", b"", b"\xe9: 1"),
)


def read(*lines: bytes) -> tuple[tuple[bytes, bytes], ...] | str:
    """Return the headers of a head, or what is wrong with it."""
    try:
        return read_head(b"\r\n".join((FIRST, *lines))).headers
    except Malformed as error:
        return str(error)


@pytest.mark.parametrize("line", LINES)
def test_what_stands_beside_a_header_changes_nothing_of_it(line: bytes) -> None:
    """A wrong line has all others read again, one by one."""
    alone = read(b"Host: localhost", line)

    if isinstance(alone, str):
        assert read(b"Host: localhost", b"Accept: */*", line, b"x: 1") == alone
        assert alone != read(b"Host: localhost", b"Accept: */*", b"x: 1")
    else:
        around = ((b"accept", b"*/*"), *alone[1:], (b"host", b"localhost"))
        assert read(b"Accept: */*", line, b"Host: localhost") == around


@pytest.mark.parametrize("end", [pytest.param(b"", id="right"), pytest.param(b"\x01", id="wrong")])
@pytest.mark.parametrize("filling", [b" ", b"a", b": "], ids=["blanks", "letters", "colons"])
def test_a_long_header_is_read_in_linear_time(filling: bytes, end: bytes) -> None:
    def reading(size: int) -> Work:
        line = b"x:" + filling * size + end
        return lambda: read(b"Host: localhost", line)

    assert_linear(reading, 200_000)
