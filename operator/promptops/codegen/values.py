"""The page of the chart's values: each with its default and what values.yaml says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_KEY = re.compile(r"(?P<indent> *)(?P<name>[A-Za-z][A-Za-z0-9]*):(?P<value>.*)")
_HEAD = """
# Values of the chart
What is not known here is refused (`values.schema.json`). `null` takes a value back to its default, and with `helm upgrade --reuse-values` what an earlier chart
did not know has its default.

| value | default | meaning |
|---|---|---|
"""


@dataclass(frozen=True)
class _Described:
    path: tuple[str, ...]
    comment: str


def page(text: str) -> str:
    """Return the page of a values.yaml."""
    defaults = yaml.safe_load(text)
    rows = (_row(each, _at(defaults, each.path)) for each in _described(text))
    return f"{_HEAD}{''.join(rows)}"


def _described(text: str) -> Iterator[_Described]:
    """Yield every key with the comment right above it, as deep as people wrote comments or sections."""
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.strip().removeprefix("#").strip())
        elif found := _KEY.fullmatch(line):
            indent = len(found["indent"])
            path = [*((at, name) for at, name in path if at < indent), (indent, found["name"])]
            yield _Described(tuple(name for _, name in path), " ".join(comment))
            comment = []
        else:
            comment = []


def _at(defaults: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        defaults = defaults[name]
    return defaults


def _row(described: _Described, default: Any) -> str:
    is_section = isinstance(default, dict) and bool(default)
    shown = "" if is_section else f"`{json.dumps(default, ensure_ascii=False)}`"
    if is_section and not described.comment:
        return ""
    meaning = described.comment.replace("|", "\\|")
    return f"| `{'.'.join(described.path)}` | {shown} | {meaning} |\n"
