"""A request as a value, and its head read strictly (RFC 9112): one reading, or none. No I/O and no framework."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from promptops.api.limits import MAX_HEAD_BYTES

TOO_EARLY: Final = "the request ended too early"
_WRONG_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\A[^\r!#-'*+\-.0-9A-Z^_`a-z|~]")
MAX_HEADERS: Final = 128

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PLAIN_TARGET: Final = re.compile(rb"/[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*")
"""Origin-form: no scheme, no host, no fragment, no backslash, nothing that is not ASCII."""
_VALUE: Final = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
_FIELD_LINE: Final = re.compile(rb"\r\n([!#$%&'*+\-.^_`|~0-9A-Za-z]++):([\t \x21-\x7e\x80-\xff]*+)(?=\r\n|\Z)")
"""A header with the end of the line before it. Neither part gives back what it has taken: each byte is looked at once."""
_FRAMING: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"})
"""Headers that say where a request ends and how it is to be read."""
_SMALL_NUMBER: Final = re.compile(rb"[0-9]{1,15}")


class Malformed(Exception):
    """This is not a request, or one that others may read otherwise; the message says why and quotes nothing."""


class Unexpected(Exception):
    """The request asks for something that is not done here: Expect with anything but 100-continue."""


class Head(msgspec.Struct, frozen=True):
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
        return tuple([value.decode("latin-1") for key, value in self.headers if key == name])

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
    end = data.find(b"\r\n")
    method, target, version = _request_line(data if end < 0 else data[:end])
    headers = _fields(data, end)
    framing: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _FRAMING:
            framing.setdefault(name, []).append(value)
    _check_host(framing, required=version != b"HTTP/1.0")
    path, mark, query = target.decode("ascii").partition("?")
    return Head(
        method=method.decode("ascii"),
        path=path,
        query=query if mark else None,
        headers=headers,
        length=_length(framing, version),
        expects_continue=_expects_continue(framing, version),
        keeps_alive=version == b"HTTP/1.1" and not _says_close(framing),
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


def _fields(data: bytes, start: int) -> tuple[tuple[bytes, bytes], ...]:
    """Read the headers from the end of the request line on; below 0: there are none."""
    if start < 0:
        return ()
    count = data.count(b"\r\n", start)
    if count > MAX_HEADERS:
        raise Malformed(f"there are more than {MAX_HEADERS} headers")
    # Each line has one match at most. Where one has none, the slow reading says what is wrong with it.
    found = _FIELD_LINE.findall(data, start)
    if len(found) != count:
        found = [_field(line) for line in data[start + 2 :].split(b"\r\n")]
    return tuple([(name.lower(), value.strip(b" \t")) for name, value in found])


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.fullmatch(name):
        raise Malformed("a header is not a name, a colon and a value")
    if not _VALUE.fullmatch(value):
        raise Malformed("a header holds a control character")
    return name, value


def _check_host(framing: Mapping[bytes, Sequence[bytes]], *, required: bool) -> None:
    hosts = framing.get(b"host", ())
    if len(hosts) > 1 or (required and not hosts):
        raise Malformed("there must be one Host header")


def _says_close(framing: Mapping[bytes, Sequence[bytes]]) -> bool:
    return any(
        option.strip() == b"close" for value in framing.get(b"connection", ()) for option in value.lower().split(b",")
    )


def _length(framing: Mapping[bytes, Sequence[bytes]], version: bytes) -> int | None:
    lengths, codings = framing.get(b"content-length", ()), framing.get(b"transfer-encoding", ())
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


def _expects_continue(framing: Mapping[bytes, Sequence[bytes]], version: bytes) -> bool:
    expected = framing.get(b"expect")
    if expected is None:
        return False
    if len(expected) > 1 or expected[0].lower() != b"100-continue":
        raise Unexpected
    return version == b"HTTP/1.1"
