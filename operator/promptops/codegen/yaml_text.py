"""YAML as people write it: in the given order, without anchors, one line per text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Block style with indented lists; the same object twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write no anchors."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        super().increase_indent(flow, False)


def dump(document: Any) -> str:
    """Return one document."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf"))


def dump_all(documents: Iterable[Any]) -> str:
    """Return several documents, separated."""
    return "---\n".join(dump(document) for document in documents)
