"""JSON and YAML texts into plain JSON values, by kubectl's rules, and nothing that grows when it is read.

What kubectl would send is what is read here, with three exceptions, each of them refused with its place: what is nested
deeper than MAX_DEPTH, aliases that stand for more than MAX_ALIASED_CHARACTERS, and two keys (1 and "1") that become one,
of which kubectl takes either. Every cost is linear in the length of the text.
"""

from dataclasses import replace
from typing import Any

from promptops.domain.content.json_values import JSON_SPACE, read_json_value
from promptops.domain.content.reading import Slip, bound, place_of
from promptops.domain.content.yaml_reader import YamlReader
from promptops.rendering.errors import InvalidDocument


def read_json(text: str) -> Any:
    """Read a JSON text.

    Raises InvalidDocument with line and column, also for a slip.
    """
    bound(text)
    start = len(text) - len(text.lstrip(JSON_SPACE))
    value, end, slips = read_json_value(text, start)
    lines_before = text.count("\n", 0, start)
    if rest := text[end:].lstrip(JSON_SPACE):
        raise InvalidDocument("not JSON: extra data", *place_of(text, len(text) - len(rest)))
    return _sole(value, [replace(each, line=each.line + lines_before) for each in slips])


def read_yaml(text: str) -> Any:
    """Read a YAML text of one document.

    Raises InvalidDocument with line and column, also for a slip.
    """
    reader = YamlReader()
    reader.read(text)
    return _sole(reader.root, reader.slips)


def _sole(value: Any, slips: list[Slip]) -> Any:
    for each in slips:
        raise InvalidDocument(each.message, each.line, each.column)
    return value
