"""Where a field stands in the text that it was written in."""

import re
from collections.abc import Iterator
from typing import Final

import yaml

from promptops.domain.findings import Finding

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STEP: Final = re.compile(r"\[(\d+)\]|([A-Za-z_][A-Za-z0-9_]*)|'([^']*)'")

Place = tuple[int, int]
"""Line and column, both counted from 1."""


def locate(text: str, finding: Finding) -> Place | None:
    """Return where in a YAML or JSON text the field stands that a finding speaks of, or the nearest one around it.

    A place within a template becomes the place in the file where that can be told. None when the text has no value.
    """
    node = yaml.compose(text, Loader=_LOADER)  # of nesting that a reader let pass
    if node is None:
        return None
    place = _start(node)
    for step in _steps(finding.path):
        key, node_below = _below(node, step)
        if node_below is None:
            return place
        place, node = _start(key if key is not None else node_below), node_below
    return _within(text, node, finding) or place


def _steps(path: str) -> Iterator[int | str]:
    for found in _STEP.finditer(path):
        yield int(found[1]) if found[1] else found[2] or found[3] or ""


def _below(node: yaml.Node, step: int | str) -> tuple[yaml.Node | None, yaml.Node | None]:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return None, node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == step:
                return key, value
    return None, None


def _within(text: str, node: yaml.Node, finding: Finding) -> Place | None:
    if finding.line is None or finding.column is None or not isinstance(node, yaml.ScalarNode):
        return None
    line, column = _start(node)
    if node.style == "|":
        written = text.split("\n")[line : node.end_mark.line]
        indentation = min((len(each) - len(each.lstrip(" ")) for each in written if each.strip()), default=0)
        return line + finding.line, indentation + finding.column
    if node.style != ">" and node.start_mark.line == node.end_mark.line and "\\" not in text.split("\n")[line - 1]:
        return (line, column + finding.column - (node.style is None)) if finding.line == 1 else None
    return None


def _start(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
