"""The filters of the language: Jinja's results for plain JSON data. Each pays for what it makes before it makes it."""

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from promptops.rendering.execute.values import (
    CHARACTERS_IN_A_STEP,
    NOTHING,
    Absent,
    Fuel,
    RenderFault,
    as_json,
    present,
    text,
)
from promptops.rendering.values import kind_of

_WORD_BEGINNING = re.compile(r"([-\s({\[<]+)")


def _string(value: Any, fuel: Fuel) -> str:
    if type(value) is str and len(value) < CHARACTERS_IN_A_STEP and fuel.left > 0:
        fuel.left -= 1
        return value
    written = text(value, fuel)
    fuel.characters(len(written))
    return written


def _upper(value: Any, fuel: Fuel) -> str:
    return _string(value, fuel).upper()


def _lower(value: Any, fuel: Fuel) -> str:
    return _string(value, fuel).lower()


def _title(value: Any, fuel: Fuel) -> str:
    written = _string(value, fuel)
    fuel.spend(len(written) // 25)  # splitting costs several times what making the text does
    words = _WORD_BEGINNING.split(written)
    fuel.spend(len(words))
    return "".join(word[0].upper() + word[1:].lower() for word in words if word)


def _capitalize(value: Any, fuel: Fuel) -> str:
    return _string(value, fuel).capitalize()


def _trim(value: Any, fuel: Fuel, characters: Any = None) -> str:
    unwanted = None if characters is None else _string(characters, fuel)
    if unwanted is not None and len(unwanted) > 100:
        raise RenderFault("at most 100 characters can be trimmed away")
    return _string(value, fuel).strip(unwanted)


def _default(value: Any, fuel: Fuel, otherwise: Any = "", boolean: bool = False) -> Any:
    return otherwise if type(value) is Absent or (boolean and not value) else value


def _replace(value: Any, fuel: Fuel, old: Any, new: Any, count: int = -1) -> str:
    written, before, after = _string(value, fuel), _string(old, fuel), _string(new, fuel)
    found = written.count(before) if count < 0 else min(written.count(before), count)
    fuel.characters(max(len(written), len(written) + found * (len(after) - len(before))))
    return written.replace(before, after, count)


def _indent(value: Any, fuel: Fuel, width: int = 4, first: bool = False, blank: bool = False) -> str:
    written, margin = _string(value, fuel), " " * width
    lines_made = written.count("\n") + 1
    fuel.characters(len(written) + lines_made * width)
    fuel.spend(lines_made // 12)
    lines = written.replace("\r\n", "\n").split("\n")
    rest = [margin + line if line or blank else line for line in lines[1:]]
    return "\n".join([margin + lines[0] if first else lines[0], *rest])


def _truncate(
    value: Any, fuel: Fuel, length: int = 255, killwords: bool = False, end: Any = "...", leeway: int = 5
) -> str:
    written, mark = _string(value, fuel), _string(end, fuel)
    if len(written) <= length + leeway:
        return written
    if length < len(mark):
        raise RenderFault("truncate: the length is shorter than what is put at the end")
    kept = written[: length - len(mark)]
    return (kept if killwords else kept.rsplit(" ", 1)[0]) + mark


def _round(value: Any, fuel: Fuel, precision: int = 0, method: str = "common") -> float:
    if type(value) not in (int, float):
        raise RenderFault(f"only numbers can be rounded, not {kind_of(present(value))}")
    factor: int = 10**precision
    # It has no digits to be rounded away, and to find that by writing out hundreds of them takes as long as a thousand steps.
    if math.fabs(value) * factor >= 2**53:
        return float(value)
    if method == "common":
        return float(round(value, precision))
    rounded: int = (math.ceil if method == "ceil" else math.floor)(value * factor)
    return rounded / factor


def _length(value: Any, fuel: Fuel) -> int:
    present(value)
    if isinstance(value, str | list | dict | Absent):
        return len(value)
    raise RenderFault(f"{kind_of(value)} has no length")


def _list(value: Any, fuel: Fuel) -> list[Any]:
    present(value)
    if isinstance(value, str | list | dict | Absent):
        fuel.spend(len(value))
        return list(value)
    raise RenderFault(f"{kind_of(value)} has no items")


def _first(value: Any, fuel: Fuel) -> Any:
    return _end(value, 0)


def _last(value: Any, fuel: Fuel) -> Any:
    return _end(value, -1)


def _end(value: Any, index: int) -> Any:
    present(value)
    if not isinstance(value, str | list | Absent):
        raise RenderFault(f"{kind_of(value)} has no first and last item")
    return value[index] if isinstance(value, str | list) and value else NOTHING


def _join(value: Any, fuel: Fuel, separator: Any = "", attribute: str = "") -> str:
    between = _string(separator, fuel)
    parts = [text(each, fuel) for each in _fields(_list(value, fuel), attribute)]
    fuel.characters(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _sort(
    value: Any, fuel: Fuel, reverse: bool = False, case_sensitive: bool = False, attribute: str = ""
) -> list[Any]:
    values = _list(value, fuel)
    keys = _keys(_fields(values, attribute), fuel, case_sensitive)
    fuel.spend(len(keys))
    order = sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse)
    return [values[index] for index in order]


def _unique(value: Any, fuel: Fuel, case_sensitive: bool = False, attribute: str = "") -> list[Any]:
    values = _list(value, fuel)
    seen: set[Any] = set()
    kept: list[Any] = []
    for each, key in zip(values, _keys(_fields(values, attribute), fuel, case_sensitive), strict=True):
        if key not in seen:
            seen.add(key)
            kept.append(each)
    return kept


def _fields(values: list[Any], attribute: str) -> list[Any]:
    if not attribute:
        return values
    if not all(isinstance(each, dict) for each in values):
        raise RenderFault(f'only objects have a field "{attribute}"')
    return [each.get(attribute, Absent(attribute)) for each in values]


def _keys(values: list[Any], fuel: Fuel, case_sensitive: bool) -> list[Any]:
    """Return what items are ordered and told apart by. Raises RenderFault unless all are strings, or all numbers."""
    for each in values:
        present(each)
    if all(isinstance(each, str) for each in values):
        fuel.characters(min(sum(map(len, values)), 1024 * 1024))
        return values if case_sensitive else [each.lower() for each in values]
    if all(isinstance(each, int | float) for each in values):
        return values
    raise RenderFault("items can be compared when all are strings or all are numbers: name a field of them")


def _tojson(value: Any, fuel: Fuel, indent: int = 0) -> str:
    return as_json(value, fuel, indent)


def _fenced(value: Any, fuel: Fuel, label: str = "data") -> str:
    """Put a value between two marks that it cannot contain, since their number is made from it: the same value, the same marks."""
    written = _string(value, fuel)
    mark = f"{label}-{hashlib.sha256(written.encode()).hexdigest()[:16]}"
    while mark in written:
        mark = f"{label}-{hashlib.sha256((mark + written).encode()).hexdigest()[:16]}"
    return f"<{mark}>\n{written}\n</{mark}>"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "capitalize": _capitalize, "count": _length, "d": _default, "default": _default, "fenced": _fenced, "first": _first,
    "indent": _indent, "join": _join, "last": _last, "length": _length, "list": _list, "lower": _lower, "replace": _replace,
    "round": _round, "sort": _sort, "title": _title, "tojson": _tojson, "trim": _trim, "truncate": _truncate,
    "unique": _unique, "upper": _upper,
}  # fmt: skip
"""The filters by name: value, fuel and the arguments in their order."""
