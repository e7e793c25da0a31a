"""What changed between two contents: words and lines of the texts, variables, and the rest by field."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final, Literal

from promptops.domain.content.canonical import canonical
from promptops.domain.content.grade import Grade, grade
from promptops.domain.content.subject import Subject
from promptops.domain.manifests import Manifest, mapping, sequence, text

Kind = Literal["same", "removed", "added"]
_MAX_WORDS: Final = 2_000
"""Longer texts are compared by lines alone: comparing words costs their square."""
_WORD: Final = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """A part of a text and what became of it."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class ContentChange:
    """A field that differs: JSON values, None where there is none."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class PrefixChange:
    """The first character that differs in what came before the first value, or where it now ends."""

    message: int
    """Its index; 0 for a text."""
    character: int
    """The offset in the message's template."""


@dataclass(frozen=True)
class Comparison:
    """Everything that differs."""

    grade: Grade | None
    """What the change means to callers; None when the contents are equal."""
    texts: tuple[tuple[str, tuple[Piece, ...]], ...]
    """By path, the lines of each text that differs; a line that only changed some words comes in pieces."""
    variables: tuple[ContentChange, ...]
    rest: tuple[ContentChange, ...]
    prefix: PrefixChange | None = None
    """Where what a provider's cache keeps begins to differ; None when it is the same."""


def compare(before: Manifest, after: Manifest) -> Comparison:
    """Compare two contents."""
    old, new = _texts(before), _texts(after)
    texts = tuple(
        (path, pieces(old.get(path, ""), new.get(path, "")))
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    )
    others = {key for key in before.keys() | after.keys() if key not in ("text", "messages", "variables")}
    rest = [
        ContentChange(key, before.get(key), after.get(key))
        for key in sorted(others)
        if before.get(key) != after.get(key)
    ]
    return Comparison(
        None if canonical(before) == canonical(after) else grade(before, after),
        texts,
        tuple(_variables(before, after)),
        (*_roles(before, after), *rest),
        _prefix_change(before, after),
    )


def pieces(before: str, after: str) -> tuple[Piece, ...]:
    """Compare two texts by lines, and changed lines by words."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found: list[Piece] = []
    for tag, begin, end, new_begin, new_end in difflib.SequenceMatcher(None, old, new, autojunk=True).get_opcodes():
        removed, added = "".join(old[begin:end]), "".join(new[new_begin:new_end])
        found += [Piece("same", removed)] if tag == "equal" else _words(removed, added)
    return tuple(found)


def _words(before: str, after: str) -> Iterator[Piece]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if max(len(old), len(new)) > _MAX_WORDS or matcher.ratio() < 0.5:
        yield from (Piece(kind, said) for kind, said in (("removed", before), ("added", after)) if said)  # type: ignore[arg-type]
        return
    for tag, begin, end, new_begin, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield Piece("same", "".join(old[begin:end]))
            continue
        if end > begin:
            yield Piece("removed", "".join(old[begin:end]))
        if new_end > new_begin:
            yield Piece("added", "".join(new[new_begin:new_end]))


def _texts(content: Manifest) -> dict[str, str]:
    if "text" in content:
        return {"text": text(content["text"])}
    messages = map(mapping, sequence(content.get("messages")))
    return {f"messages[{index}]": text(each.get("content")) for index, each in enumerate(messages)}


def _prefix_change(before: Manifest, after: Manifest) -> PrefixChange | None:
    """Providers keep what they have read up to the first character that differs: what follows a value is never kept."""
    for message, (old, new) in enumerate(zip_longest(_fixed(before), _fixed(after), fillvalue=None)):
        if old != new:
            return PrefixChange(message, _alike(old[1], new[1]) if old and new and old[0] == new[0] else 0)
    return None


def _alike(before: str, after: str) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((offset for offset, (old, new) in pairs if old != new), min(len(before), len(after)))


def _fixed(content: Manifest) -> Iterator[tuple[str, str, bool]]:
    """Yield role, literal beginning and whether that is all, for each message up to the first value."""
    own = Subject.of(content).sayings[0]
    templates = iter(own.templates)
    for message in own.messages or ({"role": "", "content": ""},):
        if "content" not in message:
            return
        template = next(templates)
        is_whole = template.fixed == len(template.text)
        yield text(message.get("role")), template.text[: template.fixed], is_whole
        if not is_whole:
            return


def _roles(before: Manifest, after: Manifest) -> Iterator[ContentChange]:
    messages = zip_longest(sequence(before.get("messages")), sequence(after.get("messages")))
    for index, pair in enumerate(messages):
        old, new = map(mapping, pair)
        for key in sorted((old.keys() | new.keys()) - {"content"}):
            if old.get(key) != new.get(key):
                yield ContentChange(f"messages[{index}].{key}", old.get(key), new.get(key))


def _variables(before: Manifest, after: Manifest) -> Iterator[ContentChange]:
    old, new = _declared(before), _declared(after)
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield ContentChange(name, old.get(name), new.get(name))


def _declared(content: Manifest) -> Mapping[str, Manifest]:
    return {text(each.get("name")): each for each in map(mapping, sequence(content.get("variables")))}
