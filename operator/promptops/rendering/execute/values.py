"""What expressions work on beside JSON data: what is absent, how much work is left, and how a value is written as text."""

from collections.abc import Iterator
from typing import Any

import msgspec

from promptops.api.http import MAX_OUTPUT_BYTES
from promptops.rendering.values import kind_of, number_text, text_of

MAX_STEPS = 100_000
"""How many steps a render may take. A step is one round of a loop and what stands in it, or about a hundred characters made."""
CHARACTERS_IN_A_STEP = 100


class RenderFault(Exception):
    """An expression cannot be evaluated with these values. The message quotes no value."""


class TooMuchWork(Exception):
    """A render would take more steps than are allowed."""


class TooMuchOutput(Exception):
    """A render would make more text than is allowed."""


class Absent:
    """What an optional variable is that nobody gave. It is false and renders as nothing; a `missing` one renders as an error."""

    __slots__ = ("missing",)

    def __init__(self, missing: str = "") -> None:
        self.missing = missing

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Absent)

    def __hash__(self) -> int:
        return hash(Absent)


NOTHING = Absent()


class Fuel:
    """The steps that are left."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Take steps. Raises TooMuchWork."""
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork

    def characters(self, count: int) -> None:
        """Take the steps of making or reading so many characters. Raises TooMuchWork, TooMuchOutput."""
        if count > MAX_OUTPUT_BYTES:
            raise TooMuchOutput
        self.spend(1 + count // CHARACTERS_IN_A_STEP)


def present(value: Any) -> Any:
    """Return a value that is there. Raises RenderFault."""
    if type(value) is Absent and value.missing:
        raise RenderFault(f"{value.missing} is missing: give it, or write a default, as in {{{{ … | default('') }}}}")
    return value


def text(value: Any, fuel: Fuel) -> str:
    """Return the text that stands for a value. Raises RenderFault when it is missing."""
    if type(value) is str:
        return value
    if type(value) is Absent:
        present(value)
        return ""
    if isinstance(value, dict | list):
        return as_json(value, fuel)
    return text_of(value)


def as_json(value: Any, fuel: Fuel, indent: int = 0) -> str:
    """Return a value as JSON: keys sorted, other scripts as they are, whole numbers without a fraction."""
    present(value)
    if type(value) is Absent:
        value = None
    size = weigh(value, fuel)
    fuel.spend(4 * size if indent else size // 4)
    written = msgspec.json.format(msgspec.json.encode(_plain(value), order="sorted"), indent=indent).decode()
    fuel.characters(len(written))
    return written


def weigh(value: Any, fuel: Fuel) -> int:
    """Return how many values there are in one, counting what it costs to look at them all. Raises TooMuchWork."""
    if not isinstance(value, dict | list):
        return 1
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        count += 1
        if isinstance(each, str):
            count += len(each) // (4 * CHARACTERS_IN_A_STEP)
        elif isinstance(each, dict | list):
            fuel.spend(1 + len(each) // 4)
            waiting.extend(each.values() if isinstance(each, dict) else each)
    return count


def _plain(value: Any) -> Any:
    if type(value) is Absent:  # in a list that the template made
        present(value)
        return None
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return msgspec.Raw(number_text(value).encode()) if type(value) is float else value


def items(value: Any, fuel: Fuel, weight: int) -> list[Any]:
    """Return a list for a loop, paying for all rounds at once. Raises RenderFault, TooMuchWork."""
    if type(value) is not list:
        if type(value) is Absent:
            present(value)
            return []
        raise RenderFault(f"a loop needs a list, not {kind_of(value)}")
    fuel.spend(len(value) * weight)
    return value


def field(value: Any, key: str, path: str) -> Any:
    """Return a field of an object; a missing one when there is none of that name."""
    if type(value) is dict:
        found = value.get(key, value)
        return found if found is not value else Absent(path)
    return _without_fields(value, path)


def optional_field(value: Any, key: str, path: str) -> Any:
    """Return a field that is declared to be optional, or nothing."""
    if type(value) is dict:
        return value.get(key, NOTHING)
    return _without_fields(value, path)


def item(value: Any, index: int, path: str) -> Any:
    """Return an item of a list; a missing one when it is shorter."""
    if type(value) in (list, str):
        return value[index] if -len(value) <= index < len(value) else Absent(path)
    return _without_fields(value, path)


def _without_fields(value: Any, path: str) -> Any:
    if type(value) is Absent:
        present(value)
        return NOTHING
    raise RenderFault(f"{path} cannot be read: what stands before it is {kind_of(value)}")
