"""The closed list of formats that a string can be declared to have. Each is looked at in time proportional to its length."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

MAX_CHARACTERS: Final = 2048

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_LOCAL_PART = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:)([0-9]{2})(?:\.[0-9]+)?(?:[Zz]|[+-]([0-9]{2}):([0-9]{2}))"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_LANGUAGE = re.compile(
    r"(?:[A-Za-z]{2,3}|[A-Za-z]{5,8})(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?(?:-[A-Za-z0-9]{4,8})*"
)


def _email(value: str) -> bool:
    local, _, domain = value.rpartition("@")
    return _LOCAL_PART.fullmatch(local) is not None and "." in domain and _HOSTNAME.fullmatch(domain) is not None


def _date(value: str) -> bool:
    return _DATE.fullmatch(value) is not None and _is_day(value)


def _date_time(value: str) -> bool:
    found = _DATE_TIME.fullmatch(value)
    if found is None or not _is_day(found[1]) or int(found[4] or 0) > 23 or int(found[5] or 0) > 59:
        return False
    try:  # RFC 3339 knows leap seconds, Python does not
        datetime.fromisoformat(f"{found[1]}T{found[2]}{'59' if found[3] == '60' else found[3]}")
    except ValueError:
        return False
    return True


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


_FORMATS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "email": (_email, "an address such as ada@example.com"),
    "uri": (_URI.fullmatch, "a URI such as https://example.com/x"),
    "date": (_date, "a day such as 2026-11-26"),
    "date-time": (_date_time, "a time such as 2026-11-26T07:30:00Z"),
    "uuid": (_UUID.fullmatch, "a UUID such as 123e4567-e89b-42d3-a456-426614174000"),
    "hostname": (_HOSTNAME.fullmatch, "a host's name such as api.example.com"),
    "language": (_LANGUAGE.fullmatch, "a language tag such as en or pt-BR"),
}


def format_error(name: str, value: str) -> str:
    """Say what a string of this format looks like when it is none; nothing when it is."""
    holds, example = _FORMATS[name]
    return "" if len(value) <= MAX_CHARACTERS and holds(value) else f"must be {example}"
