"""What changed between two JSON values: the smallest fields that differ, each with its path.

Lists of named things are compared by name, so that one put before the others is one change; their order is told when it alone differs.
All other lists are compared as a whole.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from promptops.domain.findings import join
from promptops.domain.manifests import Manifest, mapping, text

NAMES: Final[Mapping[str, str]] = {
    "variables": "name", "properties": "name", "includes": "alias", "models": "match", "tools": "name", "tests": "name",
}  # fmt: skip
"""List → the field by which its items are told apart."""
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ContentChange:
    """A field that differs. What was added had no value before, and what was removed has none now."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any

    @classmethod
    def of(cls, path: str, before: Manifest, after: Manifest, key: str) -> "ContentChange":
        """Return what happened to a key of an object."""
        kind: Literal["added", "removed", "changed"] = (
            "added" if key not in before else "removed" if key not in after else "changed"
        )
        return cls(path, kind, before.get(key), after.get(key))


def changes(before: Manifest, after: Manifest, path: str = "") -> Iterator[ContentChange]:
    """Yield what differs between two objects, in the order in which the fields stand."""
    for key in dict.fromkeys([*before, *after]):
        place = join(path, key) if _PLAIN_KEY.fullmatch(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"
        yield from _field(ContentChange.of(place, before, after, key), key)


def _field(change: ContentChange, key: str) -> Iterator[ContentChange]:
    old, new = change.before, change.after
    if change.kind == "changed" and is_equal(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from changes(old, new, change.path)
        return
    known, known_now = by_name(key, old), by_name(key, new)
    if known is not None and known_now is not None and (known or known_now):
        yield from _named(known, known_now, change.path)
    else:
        yield change


def _named(old: Mapping[str, Manifest], new: Mapping[str, Manifest], path: str) -> Iterator[ContentChange]:
    for name in dict.fromkeys([*old, *new]):
        change = ContentChange.of(f"{path}[{name}]", old, new, name)
        if change.kind == "changed":
            yield from changes(old[name], new[name], change.path)
        else:
            yield change
    kept, order = [each for each in old if each in new], [each for each in new if each in old]
    if kept != order:
        yield ContentChange(path, "changed", kept, order)


def by_name(key: str, items: Any) -> Mapping[str, Manifest] | None:
    """Return the things of a list under a key by their names, none of no list; None when they have none, or share one."""
    if key not in NAMES or not (items is None or isinstance(items, list | tuple)):
        return None
    things = items or ()
    found = {text(mapping(each).get(NAMES[key])): mapping(each) for each in things}
    return found if len(found) == len(things) and "" not in found else None


def is_equal(before: Any, after: Any) -> bool:
    """Whether two JSON values are the same: true is not 1."""
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
