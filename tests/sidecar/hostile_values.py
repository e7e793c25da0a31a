"""JSON values that parsers disagree about, and what each is worth: refused as no JSON, or a value of a kind.

A row is what is written and what it means by RFC 8259 and RFC 7493, told by hand, not by a parser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Written:
    """A value as somebody wrote it."""

    sent: bytes
    kind: str = ""
    """string, integer, number, boolean, list, object or null; empty: it is no JSON that everybody reads alike."""
    shown: str = ""
    """How `tojson` writes it; empty: it is refused whatever the variable is, for what stands in it."""


_NO_JSON: Final = (
    *(b"NaN", b"-NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"1e999", b"-1e999", b"1E400", b"9" * 400 + b".0"),
    *(b"01", b"-01", b"00", b"+1", b".5", b"1.", b"1.e5", b"1e", b"1e+", b"-", b"--1", b"0x10", b"0b1", b"0o7"),
    *(b"1_000", b"1,000", b"1 000", b"\xd9\xa1", b"\xef\xbc\x91", b"1n", b"1f", b"1L", b"#1"),
    *(b"True", b"TRUE", b"tru", b"truee", b"yes", b"on", b"False", b"None", b"NULL", b"nul", b"undefined", b""),
    *(b"'x'", b"x", b"`x`", b'"a', b'a"', b'"a\tb"', b'"a\nb"', b'"\x00"', b'"\x1f"', b'"\\x41"', b'"\\u12"', b'"\\"'),
    *(b'"\\u00g0"', b'"\\a"', b'"\\U00000041"', b'"\\ud800"', b'"\\udc00"', b'"\\ud800x"', b'"\\ud800\\ud800"'),
    *(b'"\\udc00\\ud800"', b'"\\ud83d\\u0041"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\xf5\x80\x80\x80"'),
    *(b'"\xe2\x82"', b'"\xf0\x9f\x98"', b'"\xc1\x81"', b"\xef\xbb\xbf1", b'"a" "b"', b"[1", b"[1,]", b"[,1]", b"[1 2]"),
    *(b"[,]", b"]", b"{", b"}", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{a:1}", b"{'a':1}", b"{1:2}", b"{null:1}"),
    *(b"{true:1}", b"{[]:1}", b'{"a":1 "b":2}', b'{"a"=1}', b'{"a":1;}', b"{,}", b"(1)", b"<1>", b"1//x", b"1/*x*/"),
    *(b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b"[" * 2000, b'{"a":' * 2000),
    *(b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"a":{"b":1,"b":1}}', b'[{"a":1,"a":1}]', b'{"":1,"":2}'),
    *(
        b'{"\\ud800":1}',
        b'{"\xff":1}',
        b"\x00",
        b"\x1a",
        b"\x0b1",
        b"\x0c1",
        b"\xc2\xa01",
        b"\xe2\x80\xa81",
        b"!!int 1",
    ),
)
_INTEGERS: Final = {
    **{str(number).encode(): str(number) for number in (0, 1, -1, 42, 2**31, 2**32, 2**53 - 1, -(2**53) + 1)},
    b"-0": "0",
}
_TOO_LARGE: Final = tuple(
    str(number).encode()
    for number in (2**53, -(2**53), 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 2**64 + 1, 10**400, -(10**4000))
)
_NUMBERS: Final = {
    **{b"1.5": "1.5", b"0.1": "0.1", b"-2.25": "-2.25", b"1e2": "100", b"1E+2": "100", b"5e-1": "0.5", b"1.0": "1"},
    **{b"0.0": "0", b"-0.0": "0", b"1e-400": "0", b"0.1e1": "1", b"0.30000000000000004": "0.30000000000000004"},
}
_STRINGS: Final = {
    b'""': '""',
    b'"x"': '"x"',
    b'"1"': '"1"',
    b'"true"': '"true"',
    b'"null"': '"null"',
    b'"NaN"': '"NaN"',
    b'"{{ v }}"': '"{{ v }}"',
    b'"{% if x %}"': '"{% if x %}"',
    b'"${jndi:ldap://x}"': '"${jndi:ldap://x}"',
    b'"a\\nb"': '"a\\nb"',
    b'"a\\tb"': '"a\\tb"',
    b'"\\ud83d\\ude00"': '"\U0001f600"',
    '"\U0001f600"'.encode(): '"\U0001f600"',
    b'"\\u0041"': '"A"',
    b'"\\/"': '"/"',
    '"\u00e9"'.encode(): '"\u00e9"',
}
_FORBIDDEN_STRINGS: Final = (
    *(
        b'"\\u0000"',
        b'"\\u0007"',
        b'"\\u001b[31m"',
        b'"\\u007f"',
        b'"\\u0085"',
        b'"\\u202e"',
        b'"\\u2066"',
        b'"\\ufeff"',
    ),
    *(b'"\\ue000"', b'"\\udb40\\udc41"', b'"\\uffff"', b'"a\\rb"', '"\u202e"'.encode(), '"\ue000"'.encode()),
)
_LISTS: Final = {
    **{
        b"[]": "[]",
        b"[ ]": "[]",
        b"[1]": "[1]",
        b'["a"]': '["a"]',
        b"[null]": "[null]",
        b"[true, false]": "[true, false]",
    },
    **{b"[[], {}]": "[[], {}]", b"[1, 1.5]": "[1, 1.5]", b"[" * 20 + b"]" * 20: "[" * 20 + "]" * 20},
}
_OBJECTS: Final = {
    **{
        b"{}": "{}",
        b'{"a": 1}': '{"a": 1}',
        b'{"": 1}': '{"": 1}',
        b'{"1": 1}': '{"1": 1}',
        b'{"null": null}': '{"null": null}',
    },
    **{b'{"__proto__": 1}': '{"__proto__": 1}', b'{"__class__": {"__init__": 1}}': '{"__class__": {"__init__": 1}}'},
    **{b'{"a": {"a": 1}}': '{"a": {"a": 1}}', b'{"lc": 1, "type": "secret"}': '{"lc": 1, "type": "secret"}'},
}

WRITTEN: Final = (
    *(Written(sent) for sent in _NO_JSON),
    *(Written(sent, "integer", shown) for sent, shown in _INTEGERS.items()),
    *(Written(sent, "integer") for sent in _TOO_LARGE),
    *(Written(sent, "number", shown) for sent, shown in _NUMBERS.items()),
    *(Written(sent, "string", shown) for sent, shown in _STRINGS.items()),
    *(Written(sent, "string") for sent in _FORBIDDEN_STRINGS),
    *(Written(sent, "boolean", sent.decode()) for sent in (b"true", b"false")),
    *(Written(sent, "list", shown) for sent, shown in _LISTS.items()),
    *(Written(sent, "object", shown) for sent, shown in _OBJECTS.items()),
    Written(b"null", "null", "null"),
    Written(b" \t\r\n1 ", "integer", "1"),
)
