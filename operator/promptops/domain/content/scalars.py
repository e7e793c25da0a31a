"""What a YAML scalar means: kubectl's rules, which are those of YAML 1.1 as Go's yaml.v2 has them, not those of YAML 1.2.

`yes` is true, `012` is ten, `0o14` is twelve, `1_000` is a thousand, a date is a string. Proven against the real kubectl
by tests/workspace/test_kubectl.py. Each line here says what https://github.com/yaml/go-yaml (v2, resolve.go) does.
"""

import base64
import math
import re
import struct
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

Scalar = str | int | float | bool | None

_TAG: Final = "tag:yaml.org,2002:"
SCALAR_TAGS: Final = frozenset(
    {"!", *(f"{_TAG}{name}" for name in ("str", "bool", "int", "float", "null", "timestamp", "binary", "merge"))}
)
"""Tags that say something."""
SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half a pair, or a byte that is no UTF-8: it arrives as the replacement character."""
_WORDS: Final[Mapping[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_BEGINS_NUMBER: Final = frozenset("+-.0123456789")
_MAX_DIGITS: Final = 400
"""Longer numbers are beyond every float."""
_DIGITS: Final[Mapping[str, tuple[int, re.Pattern[str]]]] = {
    "0b": (2, re.compile("[01]+")),
    "0o": (8, re.compile("[0-7]+")),
    "0x": (16, re.compile("[0-9a-fA-F]+")),
}
_OCTAL: Final = re.compile("0[0-7]+")
_DECIMAL: Final = re.compile("0|[1-9][0-9]*")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FRACTION: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_MAX_INT64, _MIN_INT64, _MAX_UINT64 = 2**63 - 1, -(2**63), 2**64 - 1
_DATES: Final = (
    re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"),
    re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2}) ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.[0-9]+)?"),
    re.compile(
        r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.[0-9]+)?"
        r"(?:Z|[-+][0-9]{2}:[0-9]{2})"
    ),
)


class ImpossibleScalar(ValueError):
    """A tag that its text cannot be read as."""


def plain(text: str) -> Scalar:
    """Return what an untagged scalar without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _BEGINS_NUMBER:
        return text
    found = _fraction(text) if text[0] == "." else _number(text.replace("_", ""))
    return text if found is None else found


def tagged(tag: str, text: str) -> Scalar:
    """Return what a scalar with a tag means; a tag that nobody knows says nothing. Raises ImpossibleScalar."""
    match tag.removeprefix(_TAG) if tag.startswith(_TAG) else "":
        case "binary":
            return _binary(text)
        case "float" if type(value := plain(text)) is int and value <= _MAX_INT64:
            return float(value)
        case "timestamp" if _is_date(text):
            return text
        case "bool" | "int" | "float" | "null" | "timestamp" as name:
            if _kind(value := plain(text)) != name:
                raise ImpossibleScalar(f"is no {name}")
            return value
    return text


def as_json(value: Scalar) -> Scalar:
    """Return the value as it arrives at an API server: a number without a fraction is an integer, if 64 bits hold it.

    Raises ImpossibleScalar for what JSON cannot write.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ImpossibleScalar("is not a JSON number")
        if value.is_integer() and abs(value) < 1e21:
            # On the way it is written with the fewest digits that tell it from its neighbours, and zeros behind them.
            value = int(Decimal(repr(value)))
    if isinstance(value, int) and not isinstance(value, bool) and not _MIN_INT64 <= value <= _MAX_INT64:
        return _as_float(value)
    return value


def as_key(value: Scalar) -> str:
    """Return the string that a key becomes. Raises ImpossibleScalar when there is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value <= _MAX_INT64:
        return str(value)
    if isinstance(value, float):
        return _single_precision(value)
    raise ImpossibleScalar("must be a string: put it in quotes")


def _kind(value: Scalar) -> str:
    if value is None:
        return "null"
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "str")


def _number(text: str) -> int | float | None:
    """Return an integer that 64 bits hold, else a float, else nothing."""
    if (found := _integer(text)) is not None:
        return found
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else None
    # "0b-11" is read as -3: the sign may stand behind the prefix, not before it.
    if text[:2] == "0b" and text[2:3] in ("+", "-") and _DIGITS["0b"][1].fullmatch(text, 3):
        return _held(int(text[2:], 2)) if len(text) <= _MAX_DIGITS else None
    return None


def _integer(text: str) -> int | None:
    if len(text) > _MAX_DIGITS:
        return None
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if (prefixed := _DIGITS.get(digits[:2].lower())) and prefixed[1].fullmatch(digits, 2):
        value = int(digits[2:], prefixed[0])
    elif _OCTAL.fullmatch(digits):
        value = int(digits, 8)
    elif _DECIMAL.fullmatch(digits):
        value = int(digits)
    else:
        return None
    value = -value if sign == "-" else value
    # Beyond 63 bits only what has no sign is an integer.
    return _held(value) if not sign or _MIN_INT64 <= value <= _MAX_INT64 else None


def _held(value: int) -> int | None:
    return value if _MIN_INT64 <= value <= _MAX_UINT64 else None


def _fraction(text: str) -> float | None:
    if not _FRACTION.fullmatch(text):
        return None
    value = float(text.replace("_", ""))
    return value if math.isfinite(value) else None


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ImpossibleScalar("is too large a number") from None


def _binary(text: str) -> str:
    try:
        decoded = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        raise ImpossibleScalar("is not base64") from None
    return SURROGATE.sub("\ufffd", decoded.decode("utf-8", "surrogateescape"))


def _is_date(text: str) -> bool:
    parts = next((found.groups() for pattern in _DATES if (found := pattern.fullmatch(text))), None)
    if parts is None:
        return False
    try:
        datetime(*map(int, parts))  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def _single_precision(value: float) -> str:
    """Write a float as Go does with 32 bits: the fewest digits that tell it from its neighbours."""
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if not math.isfinite(single):
        return ".nan" if math.isnan(single) else ".inf" if single > 0 else "-.inf"
    digits = next(each for each in (f"{single:.{count}e}" for count in range(9)) if _same(float(each), single))
    mantissa, _, exponent = digits.partition("e")
    if -4 <= int(exponent) < 6:
        places = max(len(mantissa.partition(".")[2]) - int(exponent), 0)
        return f"{float(digits):.{places}f}"
    return f"{mantissa}e{int(exponent):+03d}"


def _same(value: float, single: float) -> bool:
    try:
        return bool(struct.unpack("f", struct.pack("f", value))[0] == single)
    except OverflowError:
        return False
