"""What a change of content means to callers, from its variables alone."""

from dataclasses import dataclass, field
from typing import Literal

from promptops.domain.manifests import Manifest, mapping, sequence, text

Grade = Literal["patch", "minor", "major"]


def grade(previous: Manifest, content: Manifest) -> Grade:
    """Say what a change means to callers, from the variables alone; everything else is a patch.

    A call that worked before and would be refused now makes it major: a variable removed, retyped, newly required, or with
    tighter constraints. A call that works only now makes it minor.
    """
    before, after = _signature(previous), _signature(content)
    changes = {_change(before.get(name), after.get(name)) for name in before.keys() | after.keys()}
    if "major" in changes:
        return "major"
    return "minor" if "minor" in changes else "patch"


@dataclass(frozen=True)
class _Declared:
    type: str
    required: bool
    enum: frozenset[str] | None
    lowest: tuple[float, float] = field(default=(float("-inf"), float("-inf")))
    highest: tuple[float, float] = field(default=(float("inf"), float("inf")))


def _signature(content: Manifest) -> dict[str, _Declared]:
    return {
        text(variable.get("name")): _declared(variable) for variable in map(mapping, sequence(content.get("variables")))
    }


def _declared(variable: Manifest) -> _Declared:
    enum = variable.get("enum")

    def bound(key: str, otherwise: float) -> float:
        value = variable.get(key)
        return value if isinstance(value, int | float) else otherwise

    return _Declared(
        type=text(variable.get("type")),
        required="default" not in variable and not variable.get("optional"),
        enum=None if enum is None else frozenset(map(str, sequence(enum))),
        lowest=(bound("minLength", float("-inf")), bound("minimum", float("-inf"))),
        highest=(bound("maxLength", float("inf")), bound("maximum", float("inf"))),
    )


def _change(before: _Declared | None, after: _Declared | None) -> Grade:
    if before == after:
        return "patch"
    if after is None or (before is None and after.required):
        return "major"
    if before is None:
        return "minor"
    return "major" if _refuses_more(before, after) else "minor"


def _refuses_more(before: _Declared, after: _Declared) -> bool:
    return (
        before.type != after.type
        or (after.required and not before.required)
        or (after.enum is not None and (before.enum is None or not before.enum <= after.enum))
        or any(new > old for old, new in zip(before.lowest, after.lowest, strict=True))
        or any(new < old for old, new in zip(before.highest, after.highest, strict=True))
    )
