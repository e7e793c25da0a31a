"""A YAML document out of a parser's events, by kubectl's rules, without recursion and linear in the text."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml

from promptops.domain.content.reading import MAX_ALIASED_CHARACTERS, MAX_DEPTH, MAX_SLIPS, Slip, bound, twice
from promptops.domain.content.scalars import SCALAR_TAGS, ImpossibleScalar, Scalar, as_json, as_key, plain, tagged
from promptops.rendering.errors import InvalidDocument
from promptops.rendering.names import shown

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_COLLECTION_TAGS: Final = frozenset({"!", *(f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "set", "omap"))})


class _Slot:
    """Where the next value of an object goes: no key yet, or into the object itself."""


_NO_KEY: Final = _Slot()
_MERGE: Final = _Slot()


@dataclass
class _Open:
    """A list or object whose end has not come yet."""

    value: Any
    anchor: str | None
    key: Any = _NO_KEY
    size: int = 1
    keys: dict[str, Scalar] = field(default_factory=dict)
    """What was written for each key of an object."""


@dataclass
class YamlReader:
    """Puts the events of one YAML document together, without recursion. What follows the document is not looked at."""

    root: Any = None
    line: int = 1
    """Where the document's first value stands."""
    slips: list[Slip] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    aliased: int = 0
    is_over: bool = False
    """Whether the end of the document has come."""

    def read(self, text: str) -> None:
        """Read the text's first document. Raises InvalidDocument with line and column."""
        bound(text)
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                if self.is_over and isinstance(event, yaml.DocumentStartEvent):
                    self.slips.append(Slip("a second document begins: keep one", *_place(event)))
                    return
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            if self.is_over:
                self.slips.append(Slip("something follows the document: remove it", *place))
                return
            raise InvalidDocument(f"not YAML: {error.problem or error.context}", *place) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise InvalidDocument(f"not YAML: {error.reason}", line, 1) from None

    def so_far(self, *path: str) -> Any:
        """Return what was read at a path of keys, also in objects that are not closed; None when nothing was."""
        value = self.stack[0].value if self.stack else self.root
        for depth, key in enumerate(path):
            is_open = depth + 1 < len(self.stack) and self.stack[depth].key == key
            value = self.stack[depth + 1].value if is_open else value.get(key) if isinstance(value, dict) else None
            if not is_open and not isinstance(value, dict):
                return value if depth + 1 == len(path) else None
        return value

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._open(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                closed = self.stack.pop()
                self._remember(closed.anchor, closed.value, closed.size)
                self._add(event, closed.value, closed.size)
            case yaml.AliasEvent():
                self._add(event, *self._alias(event))
            case yaml.DocumentEndEvent():
                self.is_over = True

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        size = len(event.value) + 1
        self._tag(event, SCALAR_TAGS)
        value = _scalar(event)
        self._remember(event.anchor, value, size)
        if self._is_key_expected() and event.value == "<<" and (event.implicit[0] or event.tag == _MERGE_TAG):
            self.stack[-1].key = _MERGE
        else:
            self._add(event, value, size)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if len(self.stack) >= MAX_DEPTH:
            _refuse(event, "nested too deeply")
        self._tag(event, _COLLECTION_TAGS)
        if self._is_key_expected():
            _refuse(event, "a key must be a string")
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        if not self.stack:
            self.line = _place(event)[0]
        self.stack.append(_Open([] if isinstance(event, yaml.SequenceStartEvent) else {}, event.anchor))

    def _tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, known: frozenset[str]) -> None:
        if event.tag is not None and event.tag not in known:
            self._slip(Slip(f"the tag {event.tag} is not allowed", *_place(event)))

    def _slip(self, slip: Slip) -> None:
        if len(self.slips) < MAX_SLIPS:
            self.slips.append(slip)

    def _is_key_expected(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is _NO_KEY

    def _alias(self, event: yaml.AliasEvent) -> tuple[Any, int]:
        if event.anchor not in self.anchors:
            _refuse(event, f"the alias *{event.anchor} refers to nothing before it")
        value, size = self.anchors[event.anchor]
        self.aliased += size
        if self.aliased > MAX_ALIASED_CHARACTERS:
            _refuse(event, f"aliases stand for more than {MAX_ALIASED_CHARACTERS} characters")
        return value, size

    def _remember(self, anchor: str | None, value: Any, size: int) -> None:
        if anchor:
            self.anchors[anchor] = (value, size)

    def _add(self, event: yaml.Event, value: Any, size: int) -> None:
        if not self.stack:
            self.root, self.line = (
                _sent(event, value),
                self.line if isinstance(value, dict | list) else _place(event)[0],
            )
            return
        parent = self.stack[-1]
        parent.size += size
        if isinstance(parent.value, list):
            parent.value.append(_sent(event, value))
        elif parent.key is _NO_KEY:
            self._key(event, parent, value)
        elif parent.key is _MERGE:
            _merge(event, parent.value, value)
            parent.key = _NO_KEY
        else:
            parent.value[parent.key] = _sent(event, value)
            parent.key = _NO_KEY

    def _key(self, event: yaml.Event, parent: _Open, written: Any) -> None:
        if isinstance(written, dict | list):
            _refuse(event, "a key must be a string")
        try:
            key = as_key(written)
        except ImpossibleScalar as error:
            _refuse(event, f"a key {error}")
        if key in parent.keys:
            before = parent.keys[key]
            if type(before) is not type(written):
                _refuse(event, f"the key {shown(key)} stands here twice, in quotes and without: keep one")
            self._slip(twice(key, *_place(event)))
        parent.keys[key] = written
        parent.key = key


def _merge(event: yaml.Event, into: dict[str, Any], value: Any) -> None:
    """`<<: *defaults` or `<<: [*first, *second]`, of which the first wins. What stands before it is overwritten, as by
    kubectl; what stands behind it overwrites."""
    is_list = isinstance(value, list) and not isinstance(event, yaml.AliasEvent)
    for each in reversed(value) if is_list else [value]:
        if not isinstance(each, Mapping):
            _refuse(event, "<< takes an object, or a list of objects")
        into.update(each)


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    text: str = event.value
    if event.tag is None:
        return plain(text) if event.implicit[0] else text
    try:
        return tagged(event.tag, text)
    except ImpossibleScalar as error:
        _refuse(event, f"{shown(text)} {error}, as its tag says")


def _sent(event: yaml.Event, value: Any) -> Any:
    if not isinstance(value, int | float):
        return value
    try:
        return as_json(value)
    except ImpossibleScalar as error:
        _refuse(event, f"{'.nan' if math.isnan(value) else '.inf'} {error}")


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _refuse(event: yaml.Event, message: str) -> NoReturn:
    raise InvalidDocument(message, *_place(event))
