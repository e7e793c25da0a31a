"""The cases of `cases/*.yaml`: an object, perhaps a change of it, and the API server's verdict.

A file has a base `object` and its `cases`. In a case:
- `with`: what differs from the base (a JSON merge patch: null removes a field); or `object` instead of the base
- `then`: a change to the object once it is there, likewise a merge patch
- `refused`: words of the refusal; a case without it is accepted
- `stored`: what must stand at these paths afterwards
- `server_only`: why nobody but the API server can see what is wrong
`!null` is a null that stays, `!repeat [text, times]` a long text, `!times [item, times]` a long list, and in
`!keys [text, times]` a map of as many keys, `!long_keys [characters, times]` one of as many long ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parent / "cases"
Manifest = dict[str, Any]


class _Null:
    """A null that a merge patch is to leave in place."""


@dataclass(frozen=True)
class Case:
    """One row of a file."""

    topic: str
    name: str
    object: Manifest
    then: Manifest | None = None
    refused: str | None = None
    stored: Mapping[str, Any] = field(default_factory=dict)
    server_only: str | None = None

    def changed(self, current: Manifest) -> Manifest:
        """Return the object as `then` changes it."""
        changed: Manifest = _settled(merged(current, self.then))
        return changed


def cases(topic: str = "*") -> list[Case]:
    """Return every case, or those of one file."""
    return [case for path in sorted(CASES.glob(f"{topic}.yaml")) for case in _of_file(path)]


def merged(base: Any, change: Any) -> Any:
    """Return `base` after a JSON merge patch (RFC 7396)."""
    if not isinstance(change, dict):
        return change
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def at(manifest: Any, path: str) -> Any:
    """Return what stands at a dotted path, None when nothing does."""
    for step in path.split("."):
        manifest = manifest.get(step) if isinstance(manifest, dict) else None
    return manifest


def _of_file(path: Path) -> Iterator[Case]:
    read = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader with tags of our own
    for row in read["cases"]:
        known = {"name", "with", "object", "then", "refused", "stored", "server_only"}
        assert row.keys() <= known, f"{path.name}: {row['name']}: {row.keys() - known}"
        written = _settled(merged(row.get("object", read["object"]), row.get("with", {})))
        settings = {key: row[key] for key in ("then", "refused", "stored", "server_only") if key in row}
        yield Case(path.stem, row["name"], written, **settings)


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _settled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_settled(each) for each in value]
    return None if isinstance(value, _Null) else value


class _Loader(yaml.SafeLoader):
    """YAML with our tags."""


def _repeat(loader: _Loader, node: yaml.SequenceNode) -> str:
    text, times = loader.construct_sequence(node)
    return str(text) * int(times)


def _times(loader: _Loader, node: yaml.SequenceNode) -> list[Any]:
    item, times = loader.construct_sequence(node, deep=True)
    return [item] * int(times)


def _keys(loader: _Loader, node: yaml.SequenceNode) -> dict[str, Any]:
    text, times = loader.construct_sequence(node, deep=True)
    return {f"key-{number}": text for number in range(int(times))}


_Loader.add_constructor("!null", lambda loader, node: _Null())
_Loader.add_constructor("!repeat", _repeat)
_Loader.add_constructor("!times", _times)


def _long_keys(loader: _Loader, node: yaml.SequenceNode) -> dict[str, Any]:
    characters, times = loader.construct_sequence(node, deep=True)
    return {f"{number:0{characters}}": "" for number in range(times)}


_Loader.add_constructor("!long_keys", _long_keys)
_Loader.add_constructor("!keys", _keys)
