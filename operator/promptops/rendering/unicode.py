"""The Unicode policy of an untrusted value: what is refused, what is taken out with a warning, and NFC. Never NFKC.

Refused: control characters but tab, LF and CRLF; surrogates, private use, unassigned; the tags U+E0000-E007F; bidirectional
controls; U+FEFF; more than 30 combining marks in a row (the bound of UAX 15's stream-safe text, and what keeps NFC linear).
Taken out: zero-width spaces, the variation selectors U+E0100-E01EF, a variation selector right after another one.
Kept: ZWJ and ZWNJ, which emoji, Persian and Hindi need.
What is assigned is said by `unicode_tables`, so that every Python says the same.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from promptops.rendering import unicode_tables

MAX_COMBINING_RUN = 30
_PIECE_CHARACTERS = 16 * 1024

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_TAGS = "\U000e0000-\U000e007f"
_ZERO_WIDTH = "\u180e\u200b\u2060\U000e0100-\U000e01ef"
_SELECTORS = "\ufe00-\ufe0f"
_HIDDEN = re.compile(f"[{_ZERO_WIDTH}{_SELECTORS}]")
_INVISIBLE = re.compile(f"[{_ZERO_WIDTH}]|(?<=[{_SELECTORS}])[{_SELECTORS}]+")
_SELECTOR = "\ufe0f"
_TWO_SELECTORS = _SELECTOR * 2
_LONE_CARRIAGE_RETURN = re.compile("\r(?!\n)")
_KINDS = (
    ("[\x00-\x1f\x7f-\x9f]", "a control character"),
    (f"[{_BIDI}]", "a bidirectional control"),
    ("\ufeff", "a byte order mark"),
    (f"[{_TAGS}]", "a tag character"),
    ("[\ud800-\udfff]", "half of a surrogate pair"),
    ("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]", "a private use character"),
)
_BAD_ASCII = bytes(code ^ 1 if (code < 32 and code not in b"\t\n\r") or code == 127 else code for code in range(256))
"""A translation that changes ASCII text exactly when a character of it is refused, carriage returns aside."""
_LONG = 800
"""From so many characters on it is faster to look for one refused character after the other."""

_STRIPPED = "invisible characters were taken out"
_NORMALISED = "it was brought into Unicode normal form NFC"


class RefusedText(ValueError):
    """Text that the policy refuses; the message says which character and where, and quotes nothing."""


@dataclass(frozen=True)
class CleanText:
    """Text that may be rendered, and what was done to it."""

    text: str
    changes: tuple[str, ...] = ()


def clean(text: str, piece_characters: int = _PIECE_CHARACTERS) -> CleanText:
    """Apply the policy, in time proportional to the length.

    A long text is worked on in pieces, so that no single step keeps other threads waiting. Raises RefusedText.
    """
    if is_clean(text):
        return CleanText(text)
    _refuse_characters(text)
    stripped, normal = [], []
    length = 0
    for piece in _pieces(text, piece_characters):
        kept = _INVISIBLE.sub("", piece) if _HIDDEN.search(piece) else piece
        if run := _long_run().search(kept):
            at = length + run.start() + 1
            raise RefusedText(f"more than {MAX_COMBINING_RUN} combining marks in a row at character {at}")
        normal.append(unicodedata.normalize("NFC", kept))
        stripped.append(kept)
        length += len(kept)
    told = ((length != len(text), _STRIPPED), (normal != stripped, _NORMALISED))
    return CleanText("".join(normal), tuple(message for changed, message in told if changed))


def _pieces(text: str, characters: int) -> Iterator[str]:
    """Cut a text before characters that have nothing to do with what stands before them."""
    begin = 0
    while len(text) - begin > characters:
        found = _boundary().search(text, begin + characters)
        end = found.start() if found else len(text)
        yield text[begin:end]
        begin = end
    yield text[begin:]


def is_clean(text: str) -> bool:
    """Whether the policy leaves a text as it is, as far as one quick look tells. Most text is."""
    if text.isascii():
        return is_plain(text)
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return False
    if _SELECTOR in text and _TWO_SELECTORS in text:  # one character is looked for in a twentieth of the time
        return False
    return _unchanged().fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Whether the policy leaves a text of ASCII as it is."""
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return False
    if len(text) < _LONG:
        written = text.encode()
        return written.translate(_BAD_ASCII) is written
    return not (
        "\x00" in text or "\x01" in text or "\x02" in text or "\x03" in text or "\x04" in text or "\x05" in text
        or "\x06" in text or "\x07" in text or "\x08" in text or "\x0b" in text or "\x0c" in text or "\x0e" in text
        or "\x0f" in text or "\x10" in text or "\x11" in text or "\x12" in text or "\x13" in text or "\x14" in text
        or "\x15" in text or "\x16" in text or "\x17" in text or "\x18" in text or "\x19" in text or "\x1a" in text
        or "\x1b" in text or "\x1c" in text or "\x1d" in text or "\x1e" in text or "\x1f" in text or "\x7f" in text
    )  # fmt: skip


def are_clean(texts: Sequence[str], together: str) -> bool:
    """Whether the policy leaves texts as they are, as far as one quick look tells; those of ASCII are looked at by themselves.

    `together` is all of them with a blank between any two, which keeps a line's end, or a letter and its accent, from being
    made of two texts.
    """
    plain: list[str] = []
    others: list[str] = []
    for text in texts:
        (plain if text.isascii() else others).append(text)
    return is_plain(" ".join(plain)) and is_clean(" ".join(others)) if plain else is_clean(together)


def is_encodable(text: str) -> bool:
    """Whether a text has no half of a surrogate pair: the one thing that no policy lets through."""
    try:
        return text.isascii() or bool(text.encode("utf-32-le"))  # which takes a third of the time of UTF-8
    except UnicodeEncodeError:
        return False


def _refuse_characters(text: str) -> None:
    accepted = _allowed().match(text)
    places = [accepted.end()] if accepted and accepted.end() < len(text) else []
    if text.count("\r") != text.count("\r\n"):
        places += [found.start() for found in _LONE_CARRIAGE_RETURN.finditer(text)][:1]
    if places:
        at = min(places)
        raise RefusedText(f"{_kind(text[at])} (U+{ord(text[at]):04X}) at character {at + 1}")


def _kind(character: str) -> str:
    if character == "\r":
        return "a carriage return without a line feed"
    return next((kind for pattern, kind in _KINDS if re.match(pattern, character)), "an unassigned character")


@cache
def _unchanged() -> re.Pattern[str]:
    others = (_BIDI, _TAGS, _ZERO_WIDTH, "\ufe00-\ufe0e", "\ufeff")
    return re.compile(f"[\t\n\r{_without(unicode_tables.NORMAL, *others)}]*+")


@cache
def _boundary() -> re.Pattern[str]:
    """What neither composes with what stands before it nor changes places with it, and is no variation selector."""
    others = (_BIDI, _TAGS, _ZERO_WIDTH, _SELECTORS, "\ufeff")
    return re.compile(f"[{_without(unicode_tables.NORMAL, *others)}]")


@cache
def _allowed() -> re.Pattern[str]:
    return re.compile(f"[\t\n\r{_without(unicode_tables.ASSIGNED, _BIDI, _TAGS, chr(0xFEFF))}]*+")


@cache
def _long_run() -> re.Pattern[str]:
    return re.compile(f"[{_without(unicode_tables.MARKS)}]{{{MAX_COMBINING_RUN + 1}}}")


def _without(table: str, *others: str) -> str:
    """Return the inside of a character class: the ranges of a table without these, emoji before the other rare planes."""
    unwanted = sorted(_pair(each) for other in others for each in re.findall(".-.|.", other, re.DOTALL))
    kept: list[tuple[int, int]] = []
    for written in table.split():
        first, _, last = written.partition("-")
        begin, end = int(first, 16), int(last or first, 16)
        for low, high in unwanted:
            if begin <= high and low <= end:
                kept.append((begin, low - 1))
                begin = high + 1
        kept.append((begin, end))
    kept.sort(key=lambda pair: (pair[0] > 0xFFFF, not 0x1F000 <= pair[0] <= 0x1FFFF, pair[0] - pair[1]))
    return "".join(f"{re.escape(chr(begin))}-{re.escape(chr(end))}" for begin, end in kept if begin <= end)


def _pair(written: str) -> tuple[int, int]:
    return ord(written[0]), ord(written[-1])
