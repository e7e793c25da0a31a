"""What changed between two contents: words and lines of the texts, messages, variables, parameters, models and the rest by field."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from promptops.api.v1alpha1.prompt_version import VersionGrade
from promptops.domain.content.canonical import canonical
from promptops.domain.content.grade import grade
from promptops.domain.content.subject import Subject
from promptops.domain.findings import join
from promptops.domain.manifests import Manifest, mapping, sequence, text
from promptops.workspace.changes import ContentChange, by_name, changes
from promptops.workspace.wording import Piece, pieces

_NOTES: Final = ("changelog", "author", "metadata", "lifecycle")
"""What a version says of itself to people and to the operator, beside content and tests."""
SECTIONS: Final = (
    "messages",
    "variables",
    "parameters",
    "models",
    "tools",
    "responseFormat",
    "includes",
    "tests",
    "metadata",
)
"""Everything but texts that can differ, in the order in which it is told."""


@dataclass(frozen=True)
class TextChange:
    """A text that differs: its lines; one that only changed some words comes in pieces."""

    path: str
    pieces: tuple[Piece, ...]


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

    grade: VersionGrade | None
    """What the change means to callers; None when the contents are equal."""
    texts: tuple[TextChange, ...]
    sections: Mapping[str, tuple[ContentChange, ...]]
    """By the names of SECTIONS."""
    prefix: PrefixChange | None = None
    """Where what a provider's cache keeps begins to differ; None when it is the same."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not self.texts and not any(self.sections.values())


def compare(
    before: Manifest, after: Manifest, spec_before: Manifest | None = None, spec: Manifest | None = None
) -> Comparison:
    """Compare two contents, and what stands beside them in the specs of their versions."""
    texts, messages = _spoken(before, after)
    found = [
        *messages,
        *changes(_without_texts(before), _without_texts(after)),
        *_beside(spec_before or {}, spec or {}),
    ]
    sections = {title: tuple(each for each in found if _title(each.path) == title) for title in SECTIONS}
    is_same = canonical(before) == canonical(after)
    return Comparison(None if is_same else grade(before, after), texts, sections, _prefix_change(before, after))


def _title(path: str) -> str:
    """Return the section of a path: what a variant says is told with its texts, below `models`."""
    root = path.partition(".")[0].partition("[")[0]
    return "metadata" if root in _NOTES else root


def _beside(before: Manifest, after: Manifest) -> Iterator[ContentChange]:
    kept = ("tests", *_NOTES)
    yield from changes(
        {key: before[key] for key in kept if key in before}, {key: after[key] for key in kept if key in after}
    )
    yield from changes(_includes(before), _includes(after))


def _includes(spec: Manifest) -> Manifest:
    """A resolved content knows no includes any more: they stand in the content as it is written."""
    content = mapping(spec.get("content"))
    return {"includes": content["includes"]} if "includes" in content else {}


def _without_texts(content: Manifest) -> Manifest:
    rest = {key: value for key, value in content.items() if key not in ("text", "messages", "includes")}
    if not (models := sequence(rest.get("models"))):
        return rest
    return rest | {"models": [_without_texts(mapping(each)) for each in models]}


def _spoken(before: Manifest, after: Manifest) -> tuple[tuple[TextChange, ...], list[ContentChange]]:
    """Return the texts that differ, the content's own and each variant's, and what else differs in messages."""
    texts: list[TextChange] = []
    messages: list[ContentChange] = []
    for root, one, other in (("", before, after), *_variants(before, after)):
        if one.get("text") != other.get("text"):
            texts.append(_text(join(root, "text"), one.get("text"), other.get("text")))
        for path, own, its in _paired(root, one, other):
            if own.get("content") != its.get("content"):
                texts.append(_text(path, own.get("content"), its.get("content")))
            messages += changes(_without_content(own), _without_content(its), path)
    return tuple(texts), messages


def _variants(before: Manifest, after: Manifest) -> Iterator[tuple[str, Manifest, Manifest]]:
    old, new = (by_name("models", each.get("models", ())) or {} for each in (before, after))
    for name in dict.fromkeys([*old, *new]):
        yield f"models[{name}]", old.get(name, {}), new.get(name, {})


def _without_content(message: Manifest) -> Manifest:
    return {key: value for key, value in message.items() if key != "content"}


def _text(path: str, before: Any, after: Any) -> TextChange:
    return TextChange(path, pieces(text(before), text(after)))


def _paired(root: str, before: Manifest, after: Manifest) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Yield the messages that belong together; one that was put before others or taken away has none beside it."""
    old, new = (tuple(map(mapping, sequence(each.get("messages")))) for each in (before, after))
    for left, right in _aligned(old, new):
        place = join(root, f"messages[{left if right is None else right}]")
        yield place, {} if left is None else old[left], {} if right is None else new[right]


def _aligned(old: Sequence[Manifest], new: Sequence[Manifest]) -> Iterator[tuple[int | None, int | None]]:
    whole = [[json.dumps(each, sort_keys=True) for each in messages] for messages in (old, new)]
    speakers = [[each.get("role") or each.get("placeholder") for each in messages] for messages in (old, new)]
    for tag, begin, end, new_begin, new_end in _opcodes(*whole):
        if tag == "equal":
            continue
        for kind, first, last, new_first, new_last in _opcodes(speakers[0][begin:end], speakers[1][new_begin:new_end]):
            left, right = range(begin + first, begin + last), range(new_begin + new_first, new_begin + new_last)
            if kind == "equal" or len(left) == len(right):
                yield from zip(left, right, strict=True)
            else:
                yield from ((index, None) for index in left)
                yield from ((None, index) for index in right)


def _opcodes(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[str, int, int, int, int]]:
    return [*difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()]


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
