"""JSON and YAML texts into plain JSON values, strictly: no duplicate keys, no tags, nothing that grows when it is read.

YAML is read by the rules that JSON has: `yes` and `2026-01-01` are strings, keys are strings, one document.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml

from promptops.rendering.errors import InvalidDocument
from promptops.rendering.names import shown

MAX_CHARACTERS = 512 * 1024
MAX_DEPTH = 64
MAX_ALIASED_CHARACTERS = 128 * 1024
"""How much aliases may stand for in all: a few lines of them can mean gigabytes."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING_TAG = "tag:yaml.org,2002:str"
_NO_KEY: Final = object()


def read_json(text: str) -> Any:
    """Read a JSON text.

    Raises InvalidDocument with line and column.
    """
    _bound(text)
    try:
        read = json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidDocument(f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.lineno, error.colno) from None
    except _Refused as refused:
        raise InvalidDocument(str(refused), *_place_of_key(text, refused.key)) from None
    except RecursionError:
        raise InvalidDocument("nested too deeply", 1, 1) from None
    except ValueError:
        raise InvalidDocument("a number has too many digits", 1, 1) from None
    if _is_deep(read):
        raise InvalidDocument("nested too deeply", 1, 1)
    return read


def _is_deep(root: object) -> bool:
    stack = [(1, root)]
    while stack:
        depth, value = stack.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                return True
            stack.extend((depth + 1, each) for each in (value.values() if isinstance(value, dict) else value))
    return False


def read_yaml(text: str) -> Any:
    """Read a YAML text of one document.

    Raises InvalidDocument with line and column.
    """
    _bound(text)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InvalidDocument(f"not YAML: {error.problem or error.context}", *place) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InvalidDocument(f"not YAML: {error.reason}", line, 1) from None
    return reader.root


def _bound(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise InvalidDocument(f"has {len(text)} characters, at most {MAX_CHARACTERS} are read", 1, 1)


class _Refused(Exception):
    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key, value in pairs:
        if key in read:
            raise _Refused(f"the key {shown(key)} stands here twice", key)
        read[key] = value
    return read


def _refuse_constant(constant: str) -> NoReturn:
    raise _Refused(f"{constant} is not a JSON number", constant)


def _place_of_key(text: str, key: str) -> tuple[int, int]:
    """The decoder does not say where; the last place where it stands is where a reader should look."""
    quoted = text.rfind(json.dumps(key, ensure_ascii=False))
    offset = quoted if quoted >= 0 else max(text.rfind(key), 0)
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


@dataclass
class _Open:
    """A list or object whose end has not come yet."""

    value: Any
    anchor: str | None
    key: Any = _NO_KEY
    size: int = 1


@dataclass
class _Reader:
    """Puts a stream of YAML events together, without recursion."""

    root: Any = None
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    documents: int = 0
    aliased: int = 0

    def take(self, event: yaml.Event) -> None:
        """Add the next event."""
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    _refuse(event, "a second document begins: keep one")
            case yaml.AliasEvent():
                self._add(event, *self._alias(event))
            case yaml.ScalarEvent():
                value = _scalar(event)
                self._remember(event.anchor, value, len(event.value) + 1)
                self._add(event, value, len(event.value) + 1)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._open(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                closed = self.stack.pop()
                self._remember(closed.anchor, closed.value, closed.size)
                self._add(event, closed.value, closed.size)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!"):
            _refuse(event, f"the tag {event.tag} is not allowed")
        if len(self.stack) >= MAX_DEPTH:
            _refuse(event, "nested too deeply")
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is _NO_KEY:
            _refuse(event, "a key must be a string")
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        self.stack.append(_Open([] if isinstance(event, yaml.SequenceStartEvent) else {}, event.anchor))

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
            self.root = value
            return
        parent = self.stack[-1]
        parent.size += size
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is not _NO_KEY:
            parent.value[parent.key] = value
            parent.key = _NO_KEY
        elif not isinstance(value, str):
            _refuse(event, "a key must be a string: put it in quotes")
        elif value in parent.value:
            _refuse(event, f"the key {shown(value)} stands here twice")
        else:
            parent.key = value


def _scalar(event: yaml.ScalarEvent) -> Any:
    if event.tag not in (None, "!", _STRING_TAG):
        _refuse(event, f"the tag {event.tag} is not allowed")
    text: str = event.value
    if not event.implicit[0] or event.tag is not None:
        return text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _refuse(event: yaml.Event, message: str) -> NoReturn:
    mark = event.start_mark
    raise InvalidDocument(message, *((mark.line + 1, mark.column + 1) if mark else (1, 1)))
