"""YAML as people write it: in the given order, without anchors, one line per text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import yaml

_OTHERWISE: Final = re.compile(r"[yYnN]|0o[0-7]+|[-+]?0b[01_]+|[-+]?([.][0-9]+|[0-9]+([.][0-9]*)?)([eE][-+]?[0-9]+)?")
"""Texts that kubectl reads as something else when they stand there plain, and PyYAML does not."""


class _Dumper(yaml.SafeDumper):
    """Block style with indented lists; the same object twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write no anchors."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _OTHERWISE.fullmatch(text) else None)


_Dumper.add_representer(str, _text)


def dump(document: Any) -> str:
    """Return one document."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))


def dump_all(documents: Iterable[Any]) -> str:
    """Return several documents, separated."""
    return "---\n".join(dump(document) for document in documents)
