"""Which content answers a call: a prompt by name or id, its active version or one asked for by number."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Protocol

from promptops.api import reasons
from promptops.api.feed import Entry, VersionReference
from promptops.api.limits import MAX_PROMPT_ID_CHARACTERS
from promptops.rendering.errors import PromptDisabled, PromptNotFound, Unavailable
from promptops.rendering.names import shown

_PROMPT_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._/-]{{0,{MAX_PROMPT_ID_CHARACTERS - 1}}}")
PROMPT_ID_RULE = (
    f"an id has at most {MAX_PROMPT_ID_CHARACTERS} letters, digits and . _ - /, begins with a letter or digit, "
    "and has no part . or .."
)

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_./"
_MAX_LOOKED_UP = 40
"""A misspelt id of at most so many characters is looked for by every slip that could have made it."""
_MAX_SCANNED = 2000
_MAX_COMPARED = 200
"""What somebody mistypes costs no more with ten thousand names than with so many."""
_ALIKE = 0.5


class Held(Protocol):
    """The part of a view that a selection looks at."""

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Entries by the prompt's name."""

    @property
    def names(self) -> Mapping[str, str]:
        """Every id and every name, and the prompt's name it stands for."""


def is_prompt_id(text: str) -> bool:
    """Whether a prompt can have this name or id and be asked for by it. Dots never lead anywhere, and are not let near."""
    return _PROMPT_ID.fullmatch(text) is not None and {"", ".", ".."}.isdisjoint(text.split("/"))


def find(held: Held, prompt_id: str) -> Entry:
    """Return the entry of a prompt by name or id.

    Raises PromptNotFound with similar names.
    """
    name = held.names.get(prompt_id)
    entry = held.entries.get(name) if name is not None else None
    if entry is None:
        raise PromptNotFound(f"no prompt {shown(prompt_id)} is held here", suggestions(prompt_id, held.names))
    return entry


def select(held: Held, prompt_id: str, version: str | None = None) -> tuple[Entry, VersionReference]:
    """Return the entry of a prompt and the version that answers.

    Raises PromptNotFound, PromptDisabled, Unavailable.
    """
    entry = find(held, prompt_id)
    return entry, reference(entry, version)


def reference(entry: Entry, version: str | None = None) -> VersionReference:
    """Return the version that answers: the active one, or the one of that number.

    Raises PromptNotFound, PromptDisabled, Unavailable.
    """
    if entry.state == "disabled":
        raise PromptDisabled(f"prompt {entry.name} is disabled")
    if version is not None:
        return by_number(entry, version)
    if entry.stable is None:
        raise Unavailable(f"prompt {entry.name} has no version to serve yet")
    return entry.stable


def versions(entry: Entry) -> tuple[VersionReference, ...]:
    """Return every version that may be asked for, the newest first as the origin sorted them."""
    if entry.stable is None or entry.stable in entry.pins:
        return entry.pins
    return (entry.stable, *entry.pins)


def suggestions(prompt_id: str, names: Mapping[str, object]) -> tuple[str, ...]:
    """Return up to three names that the caller may have meant, the most similar first. The work is bounded."""
    if len(prompt_id) > MAX_PROMPT_ID_CHARACTERS:
        return ()
    slips = (name for name in _one_slip_away(prompt_id) if name in names) if len(prompt_id) <= _MAX_LOOKED_UP else ()
    likely = dict.fromkeys((*islice(slips, 3), *_alike(prompt_id, names)))
    return tuple(islice(likely, 3))


def _one_slip_away(text: str) -> Iterator[str]:
    """Every text that becomes this one by one letter more, less, other, or two exchanged."""
    for at in range(len(text) + 1):
        before, after = text[:at], text[at:]
        yield before + after[1:]
        yield before + after[1:2] + after[:1] + after[2:]
        for letter in _LETTERS:
            yield before + letter + after
            yield before + letter + after[1:]


def _alike(prompt_id: str, names: Mapping[str, object]) -> list[str]:
    """Return names that begin or end as this one does and share most pairs of letters with it, the most similar first."""
    begin, end, wanted = prompt_id[:2], prompt_id[-2:], _pairs(prompt_id)
    near = (name for name in islice(names, _MAX_SCANNED) if name[:2] == begin or name[-2:] == end)
    scores = {name: _likeness(wanted, _pairs(name)) for name in islice(near, _MAX_COMPARED)}
    return sorted((name for name in scores if scores[name] >= _ALIKE), key=lambda name: (-scores[name], name))


def _pairs(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text) - 1)}


def _likeness(one: set[str], other: set[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other) or 1)


def by_number(entry: Entry, version: str) -> VersionReference:
    """Return the version of a number. Raises PromptNotFound with the newest ones."""
    for reference in versions(entry):
        if reference.version == version:
            return reference
    held = ", ".join(reference.version for reference in versions(entry)[:5]) or "none"
    raise PromptNotFound(
        f"prompt {entry.name} has no version {shown(version)} here; the newest are: {held}",
        reason=reasons.VERSION_NOT_FOUND,
    )
