"""The Unicode policy of an untrusted value: what is refused, what is taken out with a warning, and NFC. Never NFKC.

Refused: control characters but tab, LF and CRLF; surrogates, private use, unassigned; the tags U+E0000-E007F; bidirectional
controls; U+FEFF; more than 30 combining marks in a row (the bound of UAX 15's stream-safe text, and what keeps NFC linear).
Taken out: zero-width spaces, the variation selectors U+E0100-E01EF, a variation selector right after another one.
Kept: ZWJ and ZWNJ, which emoji, Persian and Hindi need.
"""

import re
import unicodedata
from dataclasses import dataclass

MAX_COMBINING_RUN = 30
_PIECE = 4096

_BAD_ASCII = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REFUSED_CATEGORIES = {
    "Cc": "a control character",
    "Cs": "half of a surrogate pair",
    "Co": "a private use character",
    "Cn": "an unassigned character",
}
_INVISIBLE = re.compile("[\u180e\u200b\u2060\U000e0100-\U000e01ef]|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]+")


class RefusedText(ValueError):
    """Text that the policy refuses; the message says which character and where, and quotes nothing."""


@dataclass(frozen=True)
class CleanText:
    """Text that may be rendered, and what was done to it."""

    text: str
    changes: tuple[str, ...] = ()


def clean(text: str) -> CleanText:
    """Apply the policy.

    Raises RefusedText.
    """
    if bad := _BAD_ASCII.search(text):
        raise RefusedText(_refusal(bad.group(), bad.start()))
    if text.isascii():
        return CleanText(text)
    _refuse_characters(text)
    stripped = _INVISIBLE.sub("", text)
    _refuse_combining_runs(stripped)
    normal = unicodedata.normalize("NFC", stripped)
    changes = [
        message for changed, message in ((stripped != text, _STRIPPED), (normal != stripped, _NORMALISED)) if changed
    ]
    return CleanText(normal, tuple(changes))


_STRIPPED = "invisible characters were taken out"
_NORMALISED = "it was brought into Unicode normal form NFC"


def _refusal(character: str, offset: int) -> str:
    return f"{_kind(character)} (U+{ord(character):04X}) at character {offset + 1}"


def _kind(character: str) -> str:
    if character == "\r":
        return "a carriage return without a line feed"
    if character in _BIDI_CONTROLS:
        return "a bidirectional control"
    if character == "\ufeff":
        return "a byte order mark"
    if "\U000e0000" <= character <= "\U000e007f":
        return "a tag character"
    return _REFUSED_CATEGORIES.get(unicodedata.category(character), "")


def _refuse_characters(text: str) -> None:
    """Look at every kind of character once, piece by piece: what is refused ends the work where it stands."""
    good: set[str] = set()
    for start in range(0, len(text), _PIECE):
        piece = text[start : start + _PIECE]
        refused = {character for character in set(piece) - good if character > "\x7f" and _kind(character)}
        if refused:
            offset = next(offset for offset, character in enumerate(piece) if character in refused)
            raise RefusedText(_refusal(piece[offset], start + offset))
        good.update(piece)


def _refuse_combining_runs(text: str) -> None:
    marks = "".join(character for character in set(text) if character > "\u02ff" and _is_mark(character))
    if not marks:
        return
    mark = f"[{re.escape(marks)}]"
    # A run is tried at its first mark alone: at each of its marks a long text of short runs would be read thirty times.
    if run := re.search(f"(?<!{mark}){mark}{{{MAX_COMBINING_RUN + 1}}}", text):
        raise RefusedText(f"more than {MAX_COMBINING_RUN} combining marks in a row at character {run.start() + 1}")


def _is_mark(character: str) -> bool:
    # U+0F73 is a starter that decomposes into marks: normalisation would see a run where this character's own class is 0.
    return unicodedata.combining(unicodedata.normalize("NFD", character)[0]) != 0
