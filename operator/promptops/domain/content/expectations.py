"""Whether what was rendered is what a test expects, and if not how it differs. Regular expressions are RE2's: none backtracks."""

from dataclasses import dataclass, field
from typing import Protocol

import re2

from promptops.api.v1alpha1.tests import Expectation

MAX_WORK = 10_000_000
"""States of patterns times characters that they read, in all tests of a version: some 0.2 s."""
MAX_PATTERN_STATES = 2000
_PATTERN_BYTES = 256 * 1024
_SHOWN = 40
"""So many characters of a text are quoted."""


class InvalidPattern(ValueError):
    """A regular expression that RE2 does not take; the message says why in its words."""


class Pattern(Protocol):
    """A regular expression ready to match."""

    programsize: int
    """States of the automaton."""

    def search(self, text: str) -> object | None:
        """Return something when it matches somewhere."""


def pattern_of(written: str) -> Pattern:
    """Return a regular expression ready to match. Raises InvalidPattern."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _PATTERN_BYTES
    try:
        pattern: Pattern = re2.compile(written, options)
    except re2.error as error:
        raise InvalidPattern(f"is no regular expression of RE2: {_words(error)}") from None
    if pattern.programsize > MAX_PATTERN_STATES:
        raise InvalidPattern("is too large a regular expression: repeat less, or look for less")
    return pattern


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


@dataclass
class Judge:
    """Holds expectations against texts. What all of them may cost is bounded, whoever wrote them."""

    left: int = field(default=MAX_WORK)

    def objection(self, expectation: Expectation, text: str, *, quotes: bool) -> str | None:
        """Say why a text is not the expected one; None when it is. Without `quotes` nothing is quoted of it."""
        if expectation.equals is not None:
            return None if text == expectation.equals else _difference(expectation.equals, text, quotes)
        if expectation.contains is not None:
            return None if expectation.contains in text else _lacks("contain", expectation.contains, quotes)
        if expectation.not_contains is not None:
            return None if expectation.not_contains not in text else _has("contains", expectation.not_contains, quotes)
        if expectation.max_length is not None:
            longer = len(text) > expectation.max_length
            return f"it has {len(text)} characters, at most {expectation.max_length} are expected" if longer else None
        if expectation.matches is not None:
            return self._match(expectation.matches, text, quotes)
        return f"it was to be refused with {expectation.error}, and is rendered"

    def _match(self, written: str, text: str, quotes: bool) -> str | None:
        pattern = pattern_of(written)
        self.left -= pattern.programsize * (len(text) + 1)
        if self.left < 0:
            return "the regular expressions of the tests would take too long on texts of this size: make them simpler"
        return None if pattern.search(text) else _lacks("match", written, quotes)


def _lacks(verb: str, wanted: str, quotes: bool) -> str:
    return f"it does not {verb} {_quoted(wanted)}" if quotes else f"it does not {verb} what is expected"


def _has(verb: str, unwanted: str, quotes: bool) -> str:
    return f"it {verb} {_quoted(unwanted)}" if quotes else f"it {verb} what must not be there"


def _difference(wanted: str, text: str, quotes: bool) -> str:
    same = next((place for place, (a, b) in enumerate(zip(wanted, text, strict=False)) if a != b), None)
    place = min(len(wanted), len(text)) if same is None else same
    line, column = text.count("\n", 0, place) + 1, place - (text.rfind("\n", 0, place) + 1) + 1
    where = f"it is not the expected text: they differ from line {line}, column {column} on"
    if not quotes:
        return where
    return f"{where}, where {_quoted(wanted[place:])} is expected and {_quoted(text[place:])} is rendered"


def _quoted(text: str) -> str:
    """Return the beginning of a text in one line, as JSON writes it."""
    kept = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return f'"{"".join(map(_escaped, kept))}"' if text else "nothing"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\u{ord(character):04x}"


_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
