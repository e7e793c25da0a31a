"""What a change of content means to callers, from its variables alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from promptops.api.content import HISTORY_ROLES
from promptops.api.v1alpha1.prompt_version import VersionGrade
from promptops.domain.manifests import Manifest, mapping, sequence, text


def grade(previous: Manifest, content: Manifest) -> VersionGrade:
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
    type: tuple[str, str]
    required: bool
    enum: frozenset[str] | None
    format: str
    policy: int
    """How much of Unicode is let through: 0 for text, 1 for raw or trusted values."""
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    fields: Mapping[str, "_Declared"] | None


def _signature(content: Manifest) -> dict[str, _Declared]:
    placeholders = _roles(content)
    declared = {
        text(variable.get("name")): _declared(variable) for variable in map(mapping, sequence(content.get("variables")))
    }
    return {name: replace(each, enum=placeholders.get(name, each.enum)) for name, each in declared.items()}


def _roles(content: Manifest) -> dict[str, frozenset[str]]:
    """Return who may speak in each history, which bounds its messages as an enum bounds a string."""
    return {
        text(message.get("placeholder")): frozenset(map(str, sequence(message.get("roles")) or HISTORY_ROLES))
        for message in map(mapping, sequence(content.get("messages")))
        if "placeholder" in message
    }


def _declared(variable: Manifest) -> _Declared:
    enum, properties = variable.get("enum"), variable.get("properties")

    def bound(key: str, otherwise: float) -> float:
        value = variable.get(key)
        return value if isinstance(value, int | float) else otherwise

    raw = variable.get("trust") == "trusted" or variable.get("unicode") == "raw"
    needless = "default" in variable or variable.get("optional") or variable.get("fromValues")
    return _Declared(
        type=(text(variable.get("type")), text(variable.get("itemType"))),
        required=not needless,
        enum=None if enum is None else frozenset(map(str, sequence(enum))),
        format=text(variable.get("format")),
        policy=int(raw),
        lowest=tuple(bound(key, float("-inf")) for key in ("minLength", "minimum", "minItems")),
        highest=tuple(bound(key, float("inf")) for key in ("maxLength", "maximum", "maxItems")),
        fields=None
        if properties is None
        else {text(each.get("name")): _declared(each) for each in map(mapping, properties)},
    )


def _change(before: _Declared | None, after: _Declared | None) -> VersionGrade:
    if before == after:
        return "patch"
    if after is None or (before is None and after.required):
        return "major"
    if before is None:
        return "minor"
    return "major" if _refuses_more(before, after) else "minor"


def breaking(previous: Manifest, content: Manifest) -> tuple[str, ...]:
    """Say what keeps calls that `previous` takes from being taken by `content`, in the order of the declarations."""
    before, after = _signature(previous), _signature(content)
    objections = ((name, _objection(before.get(name), after.get(name))) for name in dict.fromkeys([*before, *after]))
    return tuple(f'variable "{name}" {objection}' for name, objection in objections if objection)


def _objection(before: _Declared | None, after: _Declared | None) -> str:
    if after is None:
        return "is declared no more" if before is not None else ""
    if before is None:
        return "is new and required" if after.required else ""
    return next((said for holds, said in _narrowings(before, after) if holds), "")


def _refuses_more(before: _Declared, after: _Declared) -> bool:
    return any(holds for holds, _ in _narrowings(before, after))


def _narrowings(before: _Declared, after: _Declared) -> Iterator[tuple[bool, str]]:
    yield _is_other_type(before.type, after.type), f"is {_kind(after.type)}, it was {_kind(before.type)}"
    yield after.required and not before.required, "is required now"
    fewer = after.enum is not None and (before.enum is None or not before.enum <= after.enum)
    yield fewer, "takes fewer values"
    yield after.format not in ("", before.format), f"must look like {after.format} now"
    yield after.policy < before.policy, "is cleaned as untrusted text now"
    yield _fields_refuse_more(before.fields, after.fields), "takes other fields"
    yield any(new > old for old, new in zip(before.lowest, after.lowest, strict=True)), "has a higher lower bound"
    yield any(new < old for old, new in zip(before.highest, after.highest, strict=True)), "has a lower upper bound"


def _kind(type_: tuple[str, str]) -> str:
    return f"{type_[0]} of {type_[1]}" if type_[1] else type_[0]


def _is_other_type(before: tuple[str, str], after: tuple[str, str]) -> bool:
    """A list of anything takes whatever a list of strings takes."""
    return before[0] != after[0] or after[1] not in ("", before[1])


def _fields_refuse_more(before: Mapping[str, _Declared] | None, after: Mapping[str, _Declared] | None) -> bool:
    if after is None:
        return False
    if before is None:
        return True
    return any(_change(before.get(name), after.get(name)) == "major" for name in before.keys() | after.keys())
