"""Odd and hostile bytes, and what each has to be answered: a row is what is sent, and the statuses that come back.

The application under them answers with what it was given, so that a row also says that nothing was read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

HOST = b"Host: localhost\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
GET = b"GET /echo HTTP/1.1\r\n" + HOST
PLAIN = POST + b"Content-Length: 4\r\n\r\nbody"
LAST = b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


@dataclass(frozen=True)
class Exchange:
    """Bytes, and the answers to them."""

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    bodies: tuple[bytes, ...] = ()
    """What the application was given, when the row cares."""


def answers(data: bytes) -> list[tuple[int, bytes]]:
    """Split what came into statuses and bodies."""
    found: list[tuple[int, bytes]] = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        size = int(length[1]) if length else 0
        if rest.startswith(b"HTTP/1.1 "):
            size = 0  # HEAD: the length of a body that is not there
        found.append((status, rest[:size]))
        data = rest[size:]
    return found


def _refused(group: str, cases: dict[str, bytes], status: int = 400) -> Iterator[Exchange]:
    """Refused and closed: what follows is never read as a request."""
    for name, sent in cases.items():
        yield Exchange(f"{group}: {name}", sent + SMUGGLED, (status,))


def _taken(group: str, cases: dict[str, bytes], body: bytes = b"body") -> Iterator[Exchange]:
    """Answered, and the connection goes on right behind it."""
    for name, sent in cases.items():
        yield Exchange(f"{group}: {name}", sent + LAST, (200, 200), (b"POST /echo " + body, b"GET /last "))


def _request_lines() -> Iterator[Exchange]:
    lines: dict[str, bytes] = {
        "nothing": b"",
        "a word": b"GET",
        "no version": b"GET /echo",
        "HTTP/0.9 with a blank": b"GET /echo ",
        "two blanks": b"GET  /echo HTTP/1.1",
        "a blank in front": b" GET /echo HTTP/1.1",
        "a blank behind": b"GET /echo HTTP/1.1 ",
        "a tab between": b"GET\t/echo\tHTTP/1.1",
        "a fourth word": b"GET /echo x HTTP/1.1",
        "a form feed between": b"GET\x0c/echo HTTP/1.1",
        "HTTP/1.2": b"GET /echo HTTP/1.2",
        "HTTP/2.0": b"GET /echo HTTP/2.0",
        "HTTP/3": b"GET /echo HTTP/3",
        "HTTP/0.9": b"GET /echo HTTP/0.9",
        "HTTP/1.10": b"GET /echo HTTP/1.10",
        "HTTP/01.1": b"GET /echo HTTP/01.1",
        "HTTP/1": b"GET /echo HTTP/1",
        "HTTP/1.": b"GET /echo HTTP/1.",
        "HTTP/ 1.1": b"GET /echo HTTP/ 1.1",
        "http/1.1": b"GET /echo http/1.1",
        "HTTPS/1.1": b"GET /echo HTTPS/1.1",
        "another protocol": b"GET /echo RTSP/1.0",
        "ICE": b"SOURCE /echo ICE/1.0",
        "a method with a colon": b"GE:T /echo HTTP/1.1",
        "a method in brackets": b"[GET] /echo HTTP/1.1",
        "a method with a NUL": b"GE\x00T /echo HTTP/1.1",
        "a method beyond ASCII": b"G\xc3\x89T /echo HTTP/1.1",
        "a method in quotes": b'"GET" /echo HTTP/1.1',
        "no method": b"/echo HTTP/1.1",
        "absolute form": b"GET http://localhost/echo HTTP/1.1",
        "absolute form, elsewhere": b"GET http://evil.example/echo HTTP/1.1",
        "absolute form without a scheme": b"GET //evil.example HTTP/1.1 x",
        "authority form": b"CONNECT localhost:80 HTTP/1.1",
        "asterisk form": b"OPTIONS * HTTP/1.1",
        "a relative target": b"GET echo HTTP/1.1",
        "a dot": b"GET . HTTP/1.1",
        "a question mark": b"GET ?x HTTP/1.1",
        "a fragment": b"GET /echo#x HTTP/1.1",
        "a backslash": b"GET \\echo HTTP/1.1",
        "a backslash within": b"GET /e\\cho HTTP/1.1",
        "a NUL in the target": b"GET /ec\x00ho HTTP/1.1",
        "DEL in the target": b"GET /ec\x7fho HTTP/1.1",
        "ESC in the target": b"GET /ec\x1bho HTTP/1.1",
        "UTF-8 in the target": "GET /échø HTTP/1.1".encode(),
        "bad UTF-8 in the target": b"GET /ec\xff\xfeho HTTP/1.1",
        "Latin-1 in the target": b"GET /\xe9cho HTTP/1.1",
        "a quote in the target": b'GET /e"cho HTTP/1.1',
        "angle brackets in the target": b"GET /<echo> HTTP/1.1",
        "braces in the target": b"GET /{echo} HTTP/1.1",
        "a bar in the target": b"GET /e|cho HTTP/1.1",
        "a caret in the target": b"GET /e^cho HTTP/1.1",
        "a backtick in the target": b"GET /e`cho HTTP/1.1",
        "square brackets in the target": b"GET /e[0] HTTP/1.1",
        "a proxy's line": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2",
        "an answer": b"HTTP/1.1 200 OK",
        "SSH": b"SSH-2.0-OpenSSH_9.2",
        "SMTP": b"EHLO localhost",
        "Redis": b"*1",
        "JSON": b'{"variables":{}}',
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "a very long method": b"A" * 40_000 + b" /echo HTTP/1.1",
        "a very long target": b"GET /" + b"a" * 40_000 + b" HTTP/1.1",
        "a very long version": b"GET /echo HTTP/1." + b"1" * 40_000,
    }
    yield from _refused("request line", {name: line + b"\r\n" + HOST + b"\r\n" for name, line in lines.items()})
    yield from _refused(
        "request line",
        {
            "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "no Host": b"GET /echo HTTP/1.1\r\n\r\n",
            "two Hosts": GET + HOST + b"\r\n",
            "two different Hosts": GET + b"Host: evil\r\n\r\n",
            "a folded line": b"GET /echo\r\n HTTP/1.1\r\n" + HOST + b"\r\n",
            "three empty lines first": b"\r\n\r\n\r\n" + GET + b"\r\n",
        },
    )


def _line_ends() -> Iterator[Exchange]:
    yield from _refused(
        "line end",
        {
            "LF after the request line": b"GET /echo HTTP/1.1\n" + HOST + b"\r\n",
            "LF after a header": b"GET /echo HTTP/1.1\r\nHost: localhost\n\r\n",
            "LF alone everywhere": b"GET /echo HTTP/1.1\nHost: localhost\n\n",
            "CR alone after the request line": b"GET /echo HTTP/1.1\rHost: localhost\r\n\r\n",
            "CR alone after a header": b"GET /echo HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
            "CR alone everywhere": b"GET /echo HTTP/1.1\rHost: localhost\r\r",
            "LF CR": b"GET /echo HTTP/1.1\n\rHost: localhost\n\r\n\r",
            "CR CR LF": b"GET /echo HTTP/1.1\r\r\nHost: localhost\r\n\r\n",
            "CR within a value": GET + b"X: a\rb\r\n\r\n",
            "LF within a value": GET + b"X: a\nb\r\n\r\n",
            "LF then a header within a value": GET + b"X: a\nContent-Length: 30\r\n\r\n",
            "LF LF at the end": GET + b"X: y\n\n",
            "CRLF LF at the end": GET + b"X: y\r\n\n",
        },
    )


def _headers() -> Iterator[Exchange]:
    broken: dict[str, bytes] = {
        "no colon": b"X",
        "no name": b": y",
        "a colon alone": b":",
        "a blank before the colon": b"X : y",
        "a tab before the colon": b"X\t: y",
        "a blank in the name": b"X Y: z",
        "a blank in front": b" X: y",
        "a tab in front": b"\tX: y",
        "folded": b"X: y\r\n z",
        "folded with a tab": b"X: y\r\n\tz",
        "an empty folded line": b"X: y\r\n ",
        "a NUL in the name": b"X\x00: y",
        "a NUL in the value": b"X: a\x00b",
        "a NUL alone": b"X: \x00",
        "ESC in the value": b"X: \x1b[31m",
        "BEL in the value": b"X: \x07",
        "DEL in the value": b"X: \x7f",
        "a vertical tab in the value": b"X: a\x0bb",
        "a form feed in the value": b"X: a\x0cb",
        "UTF-8 in the name": "Xé: y".encode(),
        "a bad byte in the name": b"X\xff: y",
        "parentheses in the name": b"X(y): z",
        "a comma in the name": b"X,Y: z",
        "a slash in the name": b"X/Y: z",
        "a quote in the name": b'"X": y',
        "an at sign in the name": b"X@Y: z",
        "braces in the name": b"{X}: y",
        "an equals sign in the name": b"X=Y: z",
        "a semicolon in the name": b"X;Y: z",
        "a request line as a header": b"GET / HTTP/1.1",
        "a long value": b"X: " + b"y" * 40_000,
        "a long name": b"X" * 40_000 + b": y",
        "many headers": b"\r\n".join(b"X-%d: y" % number for number in range(200)),
        "very many headers": b"\r\n".join(b"X-%d: y" % number for number in range(5000)),
        "many empty headers": b"\r\n".join([b"X:"] * 300),
    }
    yield from _refused("header", {name: GET + line + b"\r\n\r\n" for name, line in broken.items()})
    taken = {
        "no value": b"X:",
        "blanks around the value": b"X:  \t y \t ",
        "Latin-1 in the value": b"X: caf\xe9",
        "UTF-8 in the value": "X: café".encode(),
        "every character of a name": b"!#$%&'*+-.^_`|~09azAZ: y",
        "another case": b"x-UPPER-lower: y",
        "the same twice": b"X: y\r\nX: z",
        "as long as it may be": b"X: " + b"y" * 30_000,
        "many": b"\r\n".join(b"X-%d: y" % number for number in range(100)),
        "a range, which is not given": b"Range: bytes=0-1",
        "a cookie": b"Cookie: a=b; c=d",
        "a method that it should be instead": b"X-HTTP-Method-Override: DELETE",
        "another path for rewriting proxies": b"X-Original-URL: /smuggled",
        "a forwarded host": b"X-Forwarded-Host: evil.example",
        "a proxy's connection": b"Proxy-Connection: keep-alive",
        "an encoding of its own": b"Accept-Encoding: gzip, br",
        "trailers that may come": b"TE: trailers",
        "a kept connection": b"Connection: keep-alive",
        "a connection with unknown options": b"Connection: x-option, , Keep-Alive",
    }
    yield from _taken(
        "header", {name: POST + line + b"\r\nContent-Length: 4\r\n\r\nbody" for name, line in taken.items()}
    )


def _lengths() -> Iterator[Exchange]:
    for value in (
        *(b"", b"+4", b"-4", b"-0", b"4.0", b"4,4", b"4, 4", b"4 4", b"0x4", b"4e0", b"4_0", b"1" * 16, b"9" * 4000),
        *(
            b"four",
            b"\xb2",
            b"\xd9\xa4",
            b'"4"',
            b"4;",
            b"NaN",
            b"4\t4",
            b"18446744073709551620",
            b"(4)",
            b"[4]",
            b"4 x",
        ),
    ):
        sent = POST + b"Content-Length: " + value + b"\r\n\r\nbody"
        yield from _refused("length", {ascii(value)[2:22]: sent})
    cases = {
        "twice": b"Content-Length: 4\r\nContent-Length: 4\r\n",
        "two different": b"Content-Length: 4\r\nContent-Length: 5\r\n",
        "two in other cases": b"Content-Length: 4\r\ncontent-length: 40\r\n",
        "one of them empty": b"Content-Length: 4\r\nContent-Length:\r\n",
        "and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "behind chunks": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "zero and chunks": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "and an unknown coding": b"Content-Length: 4\r\nTransfer-Encoding: identity\r\n",
    }
    yield from _refused("length", {name: POST + lines + b"\r\nbody" for name, lines in cases.items()})
    yield from _taken(
        "length",
        {
            "plain": PLAIN,
            "leading zeros": POST + b"Content-Length: 0004\r\n\r\nbody",
            "blanks around": POST + b"Content-Length:  \t4 \r\n\r\nbody",
            "an empty line before the request": b"\r\n" + PLAIN,
        },
    )
    yield from _taken("length", {"none": POST + b"\r\n", "zero": POST + b"Content-Length: 0\r\n\r\n"}, b"")
    yield Exchange("length: beyond the limit", POST + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, (413,))
    yield Exchange("length: far beyond the limit", POST + b"Content-Length: 999999999999999\r\n\r\nbody", (413,))
    yield Exchange("length: a small body that nobody wants", GET + b"Content-Length: 4\r\n\r\nbody" + LAST, (200, 200))


def _codings() -> Iterator[Exchange]:
    chunks = b"4\r\nbody\r\n0\r\n\r\n"
    for value in (
        *(b"", b"identity", b"gzip", b"xchunked", b"chunkedx", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip"),
        *(
            b"chunked;q=1",
            b'"chunked"',
            b"chunked,",
            b",chunked",
            b"\x0bchunked",
            b"chunked\x00",
            b"chu nked",
            b"deflate",
        ),
        *(b"identity, chunked", b"x, chunked", b"c\xcchunked", b"chun\x7fked", b"CHUNKED CHUNKED", b"chunked\x0b"),
    ):
        sent = POST + b"Transfer-Encoding: " + value + b"\r\n\r\n" + chunks
        yield from _refused("coding", {ascii(value)[2:-1] or "empty": sent})
    cases = {
        "twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "another one too": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "a blank before the colon": b"Transfer-Encoding : chunked\r\n",
        "folded": b"Transfer-Encoding:\r\n chunked\r\n",
        "a NUL in the name": b"Transfer\x00-Encoding: chunked\r\n",
    }
    yield from _refused("coding", {name: POST + lines + b"\r\n" + chunks for name, lines in cases.items()})
    yield from _refused(
        "coding", {"HTTP/1.0": b"POST /echo HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks}
    )
    yield from _refused(
        "coding",
        {
            f"of the content, {name}": POST
            + b"Content-Encoding: "
            + name.encode()
            + b"\r\nContent-Length: 4\r\n\r\nbody"
            for name in ("gzip", "br", "deflate", "zstd", "gzip, gzip", "aes128gcm", "unknown")
        },
        415,
    )
    yield from _taken(
        "coding", {"of the content, identity": POST + b"Content-Encoding: identity\r\nContent-Length: 4\r\n\r\nbody"}
    )


def _chunks() -> Iterator[Exchange]:
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    broken = {
        "no length": b"\r\nbody\r\n0\r\n\r\n",
        "no number": b"x\r\nbody\r\n0\r\n\r\n",
        "a sign": b"+4\r\nbody\r\n0\r\n\r\n",
        "a minus": b"-4\r\nbody\r\n0\r\n\r\n",
        "a prefix": b"0x4\r\nbody\r\n0\r\n\r\n",
        "an underscore": b"0_4\r\nbody\r\n0\r\n\r\n",
        "a blank in front": b" 4\r\nbody\r\n0\r\n\r\n",
        "two numbers": b"4 4\r\nbody\r\n0\r\n\r\n",
        "nine digits": b"000000004\r\nbody\r\n0\r\n\r\n",
        "more than 64 bits": b"10000000000000004\r\nbody\r\n0\r\n\r\n",
        "LF behind the length": b"4\nbody\r\n0\r\n\r\n",
        "CR behind the length": b"4\rbody\r\n0\r\n\r\n",
        "LF behind the data": b"4\r\nbody\n0\r\n\r\n",
        "nothing behind the data": b"4\r\nbody0\r\n\r\n",
        "too much data": b"4\r\nbodyx\r\n0\r\n\r\n",
        "too little data": b"4\r\nbod\r\n0\r\n\r\n",
        "LF at the very end": b"4\r\nbody\r\n0\r\n\n",
        "LF behind the last length": b"4\r\nbody\r\n0\n\r\n",
        "a NUL in an extension": b"4;a\x00\r\nbody\r\n0\r\n\r\n",
        "LF in an extension": b"4;a\nb\r\nbody\r\n0\r\n\r\n",
        "a long extension": b"4;" + b"a" * 300 + b"\r\nbody\r\n0\r\n\r\n",
        "an extension without end": b"4;" + b"a" * 100_000,
        "a full-width digit": "４\r\nbody\r\n0\r\n\r\n".encode(),
        "a trailer without a colon": b"4\r\nbody\r\n0\r\nX\r\n\r\n",
        "a folded trailer": b"4\r\nbody\r\n0\r\nX: y\r\n z\r\n\r\n",
        "a NUL in a trailer": b"4\r\nbody\r\n0\r\nX: \x00\r\n\r\n",
        "a long trailer": b"4\r\nbody\r\n0\r\nX: " + b"y" * 5000 + b"\r\n\r\n",
        "many trailers": b"4\r\nbody\r\n0\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
        "a request in its place": SMUGGLED,
    }
    yield from _refused("chunk", {name: head + body for name, body in broken.items()})
    taken = {
        "one": b"4\r\nbody\r\n0\r\n\r\n",
        "each byte its own": b"1\r\nb\r\n1\r\no\r\n1\r\nd\r\n1\r\ny\r\n0\r\n\r\n",
        "leading zeros": b"00004\r\nbody\r\n0\r\n\r\n",
        "zeros at the end": b"4\r\nbody\r\n00000000\r\n\r\n",
        "an extension": b"4;name=value\r\nbody\r\n0\r\n\r\n",
        "an extension in quotes": b'4;name="a b;c"\r\nbody\r\n0;last\r\n\r\n',
        "a blank before an extension": b"4 ;name\r\nbody\r\n0\r\n\r\n",
        "a blank behind": b"4 \r\nbody\r\n0\r\n\r\n",
        "a trailer": b"4\r\nbody\r\n0\r\nX: y\r\n\r\n",
        "a trailer that would be a length": b"4\r\nbody\r\n0\r\nContent-Length: 90\r\n\r\n",
        "a trailer that would be another host": b"4\r\nbody\r\n0\r\nHost: evil\r\n\r\n",
    }
    yield from _taken("chunk", {name: head + body for name, body in taken.items()})
    yield from _taken("chunk", {"capital digits": head + b"A\r\n0123456789\r\n0\r\n\r\n"}, b"0123456789")
    yield from _taken("chunk", {"none": head + b"0\r\n\r\n"}, b"")
    capital = POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    yield from _taken("chunk", {"capital letters": capital})
    yield Exchange("chunk: beyond the limit", head + b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n" + SMUGGLED, (413,))
    yield Exchange("chunk: a length beyond the limit", head + b"ffffffff\r\nbody" + SMUGGLED, (413,))
    yield Exchange("chunk: together beyond the limit", head + b"ff\r\n" + (b"x" * 255 + b"\r\nff\r\n") * 20, (413,))


def _upgrades() -> Iterator[Exchange]:
    offers = {
        "h2c, as some clients offer by default": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "h2c, kept alive": b"Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n",
        "a websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "TLS": b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        "several": b"Connection: upgrade\r\nUpgrade: h2c, websocket, foo/2\r\n",
        "twice": b"Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
        "without Connection": b"Upgrade: h2c\r\n",
        "Connection alone": b"Connection: Upgrade\r\n",
        "of nothing": b"Connection: Upgrade\r\nUpgrade:\r\n",
        "in capitals": b"CONNECTION: UPGRADE\r\nUPGRADE: H2C\r\n",
        "that is secure": b"Upgrade-Insecure-Requests: 1\r\n",
        "of CONNECT's kind": b"Connection: Upgrade\r\nUpgrade: connect-udp\r\nCapsule-Protocol: ?1\r\n",
    }
    for name, lines in offers.items():
        counted = POST + lines + b"Content-Length: 4\r\n\r\nbody"
        yield from _taken("upgrade", {name: counted})
        chunked = POST + lines + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
        yield from _taken("upgrade", {f"{name}, in chunks": chunked})


def _persistence() -> Iterator[Exchange]:
    for number in (2, 3, 10, 100):
        bodies = (b"POST /echo body",) * number + (b"GET /last ",)
        yield Exchange(f"pipeline: {number} requests", PLAIN * number + LAST, (200,) * (number + 1), bodies)
    yield Exchange("pipeline: a refusal ends it", PLAIN + b"BAD\r\n\r\n" + PLAIN, (200, 400))
    yield Exchange("pipeline: nothing after close", LAST + PLAIN, (200,))
    yield Exchange("pipeline: an empty line between", PLAIN + b"\r\n" + LAST, (200, 200))
    yield Exchange("pipeline: not found goes on", GET.replace(b"/echo", b"/no") + b"\r\n" + LAST, (404, 200))
    missed = POST.replace(b"/echo", b"/no")
    yield Exchange("pipeline: not found reads its body", missed + b"Content-Length: 4\r\n\r\nbody" + LAST, (404, 200))
    yield Exchange("pipeline: not found, too large to read", missed + b"Content-Length: 99999999\r\n\r\nbody", (404,))
    yield Exchange("close: in capitals", GET + b"Connection: CLOSE\r\n\r\n" + SMUGGLED, (200,))
    yield Exchange("close: among options", GET + b"Connection: x, close\r\n\r\n" + SMUGGLED, (200,))
    yield Exchange("close: in a second header", GET + b"Connection: x\r\nConnection: close\r\n\r\n" + SMUGGLED, (200,))
    yield Exchange("close: HTTP/1.0", b"GET /echo HTTP/1.0\r\n" + HOST + b"\r\n" + SMUGGLED, (200,))
    yield Exchange("close: HTTP/1.0 without a host", b"GET /echo HTTP/1.0\r\n\r\n" + SMUGGLED, (200,))
    old = b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    yield Exchange("close: HTTP/1.0 that would go on", old + SMUGGLED, (200,))
    for method in (
        b"DELETE",
        b"PUT",
        b"PATCH",
        b"OPTIONS",
        b"TRACE",
        b"get",
        b"FOO",
        b"PROPFIND",
        b"M-SEARCH",
        b"QUERY",
    ):
        sent = method + b" /echo HTTP/1.1\r\n" + HOST + b"\r\n" + LAST
        yield Exchange(f"method: {method.decode()}", sent, (405, 200))
    yield Exchange("method: HEAD has no body", GET.replace(b"GET", b"HEAD") + b"\r\n" + LAST, (200, 200))
    yield Exchange("query: refused", GET.replace(b"/echo", b"/echo?x=1") + b"\r\n" + LAST, (400, 200))
    yield Exchange("query: an empty one too", GET.replace(b"/echo", b"/echo?") + b"\r\n" + LAST, (400, 200))
    yield Exchange("slash: at the end", GET.replace(b"/echo", b"/echo/") + b"\r\n" + LAST, (404, 200))


def _expectations() -> Iterator[Exchange]:
    waiting = POST + b"Expect: 100-continue\r\n"
    yield Exchange("expect: the body comes at once", waiting + b"Content-Length: 4\r\n\r\nbody" + LAST, (200, 200))
    yield Exchange("expect: the body is waited for", waiting + b"Content-Length: 4\r\n\r\n", (100, 400))
    yield Exchange(
        "expect: in capitals", waiting.replace(b"100-c", b"100-C") + b"Content-Length: 4\r\n\r\n", (100, 400)
    )
    yield Exchange("expect: too large", waiting + b"Content-Length: 5000\r\n\r\n", (413,))
    yield Exchange("expect: no body", waiting + b"\r\n" + LAST, (200, 200))
    missing = waiting.replace(b"/echo", b"/no") + b"Content-Length: 4\r\n\r\n"
    yield Exchange("expect: not found is said instead", missing, (404,))
    for value in (b"", b"200-ok", b"100-continue, x", b"x"):
        yield from _refused("expect", {ascii(value): POST + b"Expect: " + value + b"\r\n\r\n"}, 417)
    yield from _refused("expect", {"twice": waiting + b"Expect: 100-continue\r\n\r\n"}, 417)


def _truncated() -> Iterator[Exchange]:
    """Cut off at every byte: what is no whole request is never answered as one."""
    for end in range(1, len(PLAIN)):
        yield Exchange(f"cut off after {end} bytes", PLAIN[:end], (400,))
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    for end in range(chunked.index(b"\r\n\r\n") + 4, len(chunked)):
        yield Exchange(f"cut off in chunks after {end} bytes", chunked[:end], (400,))


EXCHANGES: tuple[Exchange, ...] = (
    *_request_lines(),
    *_line_ends(),
    *_headers(),
    *_lengths(),
    *_codings(),
    *_chunks(),
    *_upgrades(),
    *_persistence(),
    *_expectations(),
    *_truncated(),
)
