"""A JSON value within a text, as an API server receives it. Linear in what is read."""

import json
from typing import Any, Final, NoReturn

from promptops.domain.content.reading import MAX_DEPTH, MAX_SLIPS, Slip, place_of, twice
from promptops.domain.content.scalars import SURROGATE, ImpossibleScalar, as_json
from promptops.rendering.errors import InvalidDocument

JSON_SPACE: Final = " \t\r\n"


class NoJson(InvalidDocument):
    """A text that is not JSON. It may still be YAML."""


def read_json_value(text: str, start: int) -> tuple[Any, int, list[Slip]]:
    """Read the JSON value that begins at `start`, and return it, where it ends, and its slips.

    Lines of slips are counted from where the value begins. Raises InvalidDocument with line and column.
    """
    repeated: list[str] = []

    def pairs_read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) < len(pairs):
            seen: set[str] = set()
            repeated.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return read

    decoder = json.JSONDecoder(object_pairs_hook=pairs_read, parse_constant=_refuse_constant)
    try:
        value, end = decoder.raw_decode(text, start)
        value = _as_sent(value, may_be_broken=text.find("\\u", start, end) >= 0)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise NoJson(message, error.lineno, error.colno) from None
    except _NoNumber as constant:
        raise NoJson(f"{constant} is not a JSON number", *place_of(text, text.find(str(constant)))) from None
    except RecursionError:
        raise InvalidDocument("nested too deeply", *place_of(text, start)) from None
    except ImpossibleScalar as error:
        raise InvalidDocument(f"a number {error}", *place_of(text, start)) from None
    except ValueError:
        raise InvalidDocument("a number has too many digits", *place_of(text, start)) from None
    return value, end, [twice(key, *_place_of_key(text, key, start, end)) for key in repeated[:MAX_SLIPS]]


class _NoNumber(Exception):
    """NaN or Infinity."""


def _refuse_constant(constant: str) -> NoReturn:
    raise _NoNumber(constant)


def _as_sent(value: Any, may_be_broken: bool, depth: int = 1) -> Any:
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        return {_whole(key): _as_sent(each, may_be_broken, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_sent(each, may_be_broken, depth + 1) for each in value]
    if isinstance(value, str):
        return _whole(value) if may_be_broken else value
    return as_json(value)


def _whole(text: str) -> str:
    """Half a surrogate pair arrives as the replacement character."""
    return SURROGATE.sub("\ufffd", text)


def _place_of_key(text: str, key: str, start: int, end: int) -> tuple[int, int]:
    """The decoder does not say where; the last place where it stands is where a reader should look."""
    quoted = text.rfind(json.dumps(key, ensure_ascii=False), start, end)
    return place_of(text, quoted if quoted >= 0 else start, start)
