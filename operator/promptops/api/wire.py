"""Reads JSON that somebody else wrote. Whatever may be wrong with the bytes, there is one error for it."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar

import msgspec

Form = TypeVar("Form")

_MAX_DETAIL_CHARACTERS = 200


class Unreadable(ValueError):
    """The bytes are not of the form; the message goes on after their name: `f"the body {error}"`. It quotes no value."""


def read(data: bytes | str, form: type[Form]) -> Form:
    """Return what stands in the bytes. Raises Unreadable."""
    found: Form = _read(data, form)  # type: ignore[arg-type]  # mypy asks the instances for a hash
    return found


def read_value(data: bytes | str) -> Any:
    """Return whatever JSON value stands in the bytes. Raises Unreadable."""
    return _read(data, Any)


def _read(data: bytes | str, form: Hashable) -> Any:
    try:
        return _decoder(form).decode(data)
    except msgspec.ValidationError as error:
        # A field's name is the writer's and may be long.
        raise Unreadable(f"is not what is expected: {str(error)[:_MAX_DETAIL_CHARACTERS]}") from None
    except msgspec.DecodeError as error:
        raise Unreadable(f"is not JSON: {error}") from None
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None


@cache
def _decoder(form: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(form)
