"""Comparisons and tests of the language. Each pays for what it looks at: two long strings, or a list, are not compared for nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from promptops.rendering.execute.values import Absent, Fuel, RenderFault, present, weigh
from promptops.rendering.values import kind_of

MAX_UNPAID = 1000
"""Strings up to so many characters are compared for nothing."""


def equal(one: Any, other: Any, fuel: Fuel) -> bool:
    """Whether two values are equal."""
    if type(one) is str and type(other) is str:
        if len(one) == len(other) > MAX_UNPAID:
            fuel.characters(len(one))
    elif isinstance(one, dict | list) and isinstance(other, dict | list):
        fuel.spend(weigh(one, fuel))
    return bool(one == other)


def unequal(one: Any, other: Any, fuel: Fuel) -> bool:
    """Whether two values differ."""
    return not equal(one, other, fuel)


def less(one: Any, other: Any, fuel: Fuel) -> bool:
    """Whether one value comes before another. Raises RenderFault when they cannot be ordered."""
    present(one)
    present(other)
    if type(one) is str and type(other) is str:
        fuel.characters(min(len(one), len(other)))
        return one < other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one < other
    raise RenderFault(f"{kind_of(one)} and {kind_of(other)} cannot be ordered")


def greater(one: Any, other: Any, fuel: Fuel) -> bool:
    """Whether one value comes after another."""
    return less(other, one, fuel)


def at_most(one: Any, other: Any, fuel: Fuel) -> bool:
    """Whether one value does not come after another."""
    return not less(other, one, fuel)


def at_least(one: Any, other: Any, fuel: Fuel) -> bool:
    """Whether one value does not come before another."""
    return not less(one, other, fuel)


def contained(one: Any, other: Any, fuel: Fuel) -> bool:
    """Whether a list has an item, an object a key, or a string a part. Raises RenderFault."""
    present(other)
    if type(other) is str:
        if type(one) is not str:
            raise RenderFault(f"{kind_of(one)} cannot be part of a string")
        fuel.characters(len(other))
        return one in other
    if isinstance(other, dict):
        return type(one) is str and one in other
    if isinstance(other, list):
        fuel.spend(1 + weigh(other, fuel) // 4)
        return one in other
    if type(other) is Absent:
        return False
    raise RenderFault(f"nothing can be in {kind_of(other)}")


def not_contained(one: Any, other: Any, fuel: Fuel) -> bool:
    """The opposite of `contained`."""
    return not contained(one, other, fuel)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise RenderFault(f"only whole numbers are even, odd or divisible, not {kind_of(value)}")
    return value


def _text(value: Any, fuel: Fuel) -> str:
    if type(value) is not str:
        raise RenderFault(f"only strings are in upper or lower case, not {kind_of(value)}")
    fuel.characters(len(value))
    return value


COMPARISONS: Mapping[str, Callable[[Any, Any, Fuel], bool]] = {
    "==": equal, "!=": unequal, "<": less, ">": greater, "<=": at_most, ">=": at_least, "in": contained, "not in": not_contained,
}  # fmt: skip

TESTS: Mapping[str, Callable[..., bool]] = {
    "boolean": lambda value, fuel: type(value) is bool,
    "defined": lambda value, fuel: type(value) is not Absent,
    "divisibleby": lambda value, fuel, divisor: _whole(value) % divisor == 0,
    "eq": lambda value, fuel, other: equal(value, other, fuel),
    "equalto": lambda value, fuel, other: equal(value, other, fuel),
    "even": lambda value, fuel: _whole(value) % 2 == 0,
    "false": lambda value, fuel: value is False,
    "float": lambda value, fuel: type(value) is float,
    "ge": lambda value, fuel, other: at_least(value, other, fuel),
    "greaterthan": lambda value, fuel, other: greater(value, other, fuel),
    "gt": lambda value, fuel, other: greater(value, other, fuel),
    "in": lambda value, fuel, other: contained(value, other, fuel),
    "integer": lambda value, fuel: type(value) is int,
    "iterable": lambda value, fuel: isinstance(value, str | list | dict | Absent),
    "le": lambda value, fuel, other: at_most(value, other, fuel),
    "lessthan": lambda value, fuel, other: less(value, other, fuel),
    "lower": lambda value, fuel: _text(value, fuel).islower(),
    "lt": lambda value, fuel, other: less(value, other, fuel),
    "mapping": lambda value, fuel: isinstance(value, dict),
    "ne": lambda value, fuel, other: unequal(value, other, fuel),
    "none": lambda value, fuel: value is None,
    "number": lambda value, fuel: _is_number(value) or type(value) is bool,
    "odd": lambda value, fuel: _whole(value) % 2 == 1,
    "sequence": lambda value, fuel: isinstance(value, str | list | dict | Absent),
    "string": lambda value, fuel: type(value) is str,
    "true": lambda value, fuel: value is True,
    "undefined": lambda value, fuel: type(value) is Absent,
    "upper": lambda value, fuel: _text(value, fuel).isupper(),
}  # fmt: skip
"""The tests by name: value, fuel and, where there is one, the argument."""
