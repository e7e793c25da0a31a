"""A request as a value, and its head read strictly (RFC 9112): one reading, or none. No I/O and no framework."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from promptops.api.limits import MAX_HEAD_BYTES

TOO_EARLY: Final = "the request ended too early"
_WRONG_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\A[^\r!#-'*+\-.0-9A-Z^_`a-z|~]")
MAX_HEADERS: Final = 128

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PLAIN_TARGET: Final = re.compile(rb"/[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*")
"""Origin-form: no scheme, no host, no fragment, no backslash, nothing that is not ASCII."""
_VALUE: Final = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
_SMALL_NUMBER: Final = re.compile(rb"[0-9]{1,15}")


class Malformed(Exception):
    """This is not a request, or one that others may read otherwise; the message says why and quotes nothing."""


class Unexpected(Exception):
    """The request asks for something that is not done here: Expect with anything but 100-continue."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the body."""

    method: str
    path: str
    """As it was sent, percent signs and all, without the query."""
    query: str | None
    """What stands behind the question mark; None without one."""
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case."""
    length: int | None
    """Bytes of the body; None when it comes in chunks."""
    expects_continue: bool
    keeps_alive: bool
    """Whether another request may follow."""

    def header(self, name: bytes) -> str:
        """Return the first header of the name, or an empty text."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""

    def all_of(self, name: bytes) -> tuple[str, ...]:
        """Return every header of the name."""
        return tuple(value.decode("latin-1") for key, value in self.headers if key == name)

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return self.length != 0


class HeadSearch:
    """Finds the end of a head in what has come so far, and looks at no byte twice."""

    def __init__(self) -> None:
        self._searched = 0
        self._may_skip = True
        """One empty line before a request, as some clients of old send it behind a body."""

    def take(self, buffer: bytearray, *, is_all: bool) -> bytes | None:
        """Take the head out of the buffer; None when it is not complete. Raises Malformed: it never will be one."""
        if self._may_skip and buffer.startswith(b"\r\n"):
            self._may_skip = False
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n", max(self._searched - 3, 0), MAX_HEAD_BYTES + 4)
        if end < 0:
            self._check_unfinished(buffer, is_all)
            return None
        self._searched, self._may_skip = 0, True
        head = bytes(buffer[:end])
        del buffer[: end + 4]
        return head

    def _check_unfinished(self, buffer: bytearray, is_all: bool) -> None:
        if len(buffer) > MAX_HEAD_BYTES:
            raise Malformed("the head is too large")
        if _WRONG_LINE_END.search(buffer, max(self._searched - 1, 0)):
            raise Malformed("a line does not end in a carriage return and a line feed")
        if is_all:
            raise Malformed(TOO_EARLY)
        self._searched = len(buffer)


def read_head(data: bytes) -> Head:
    """Read a head, from the request line to the empty line, which is left out.

    An offer to upgrade is not taken up, so it changes nothing. Raises Malformed and Unexpected.
    """
    first, *lines = data.split(b"\r\n")
    method, target, version = _request_line(first)
    if len(lines) > MAX_HEADERS:
        raise Malformed(f"there are more than {MAX_HEADERS} headers")
    headers = tuple(_field(line) for line in lines)
    _check_host(headers, required=version != b"HTTP/1.0")
    options = {option.strip() for value in _values(headers, b"connection") for option in value.lower().split(b",")}
    path, mark, query = target.decode("ascii").partition("?")
    return Head(
        method=method.decode("ascii"),
        path=path,
        query=query if mark else None,
        headers=headers,
        length=_length(headers, version),
        expects_continue=_expects_continue(headers, version),
        keeps_alive=version == b"HTTP/1.1" and b"close" not in options,
    )


def trailer(line: bytes) -> None:
    """Check a trailer, which is read and not used. Raises Malformed."""
    _field(line)


def _request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Malformed("the request line is not a method, a target and a version")
    method, target, version = parts
    if not _TOKEN.fullmatch(method):
        raise Malformed("the method is not a word")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Malformed("the version is not HTTP/1.1")
    if not _PLAIN_TARGET.fullmatch(target):
        raise Malformed("the request target is not a plain path")
    return method, target, version


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise Malformed("a header is not a name, a colon and a value")
    value = value.strip(b" \t")
    if not _VALUE.fullmatch(value):
        raise Malformed("a header holds a control character")
    return name.lower(), value


def _values(headers: tuple[tuple[bytes, bytes], ...], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _check_host(headers: tuple[tuple[bytes, bytes], ...], *, required: bool) -> None:
    hosts = _values(headers, b"host")
    if len(hosts) > 1 or (required and not hosts):
        raise Malformed("there must be one Host header")


def _length(headers: tuple[tuple[bytes, bytes], ...], version: bytes) -> int | None:
    lengths, codings = _values(headers, b"content-length"), _values(headers, b"transfer-encoding")
    if not codings:
        if not lengths:
            return 0
        if len(lengths) > 1 or not _SMALL_NUMBER.fullmatch(lengths[0]):
            raise Malformed("the length of the body is not one number")
        return int(lengths[0])
    if lengths or version == b"HTTP/1.0":
        raise Malformed("the body has a length and comes in chunks too")
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        raise Malformed("the body comes in a transfer encoding that is not chunked alone")
    return None


def _expects_continue(headers: tuple[tuple[bytes, bytes], ...], version: bytes) -> bool:
    expected = _values(headers, b"expect")
    if not expected:
        return False
    if expected != [expected[0]] or expected[0].lower() != b"100-continue":
        raise Unexpected
    return version == b"HTTP/1.1"
