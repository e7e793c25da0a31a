"""Version numbers: SemVer precedence, and the number that new content gets."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from promptops.api.v1alpha1.schema import VERSION_PATTERN
from promptops.domain.content.grade import grade
from promptops.domain.manifests import Manifest

FIRST = "1.0.0"

_NUMBER = re.compile(VERSION_PATTERN)


@dataclass(frozen=True, order=True, slots=True)
class Number:
    """A version number. Compares by SemVer precedence."""

    precedence: tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]
    text: str

    @property
    def core(self) -> tuple[int, int, int]:
        """Major, minor, patch."""
        return self.precedence[:3]


_NO_NUMBER = Number((-1, -1, -1, False, ()), "")


def parse_number(written: str) -> Number | None:
    """Read a version number; None when it is not one."""
    matched = _NUMBER.fullmatch(written)
    if not matched:
        return None
    core, _, pre_release = written.partition("-")
    major, minor, patch = (int(part) for part in core.split("."))
    identifiers = tuple(_identifier(part) for part in pre_release.split(".")) if pre_release else ()
    return Number((major, minor, patch, not pre_release, identifiers), written)


def _identifier(part: str) -> tuple[int, int, str]:
    # SemVer 11.4: digits compare as numbers and come before everything else.
    return (0, int(part), "") if part.isdecimal() else (1, 0, part)


@lru_cache(maxsize=4096)
def order_of(written: str) -> Number:
    """Return what to sort by: what is no number comes before all others. Most prompts have the same few numbers."""
    return parse_number(written) or _NO_NUMBER


def highest(numbers: Iterable[str]) -> str | None:
    """Return the number with the highest precedence; what is no number does not count."""
    read = [number for each in numbers if (number := parse_number(each))]
    return max(read).text if read else None


def next_number(content: Manifest, previous: Manifest | None, latest: str | None) -> str:
    """Return the number of new content: the first, or above `latest` by the grade of the change from `previous`.

    Without a previous content to compare with, compatibility cannot be shown and the change counts as major.
    """
    number = parse_number(latest or "")
    if number is None:
        return FIRST
    major, minor, patch = number.core
    match grade(previous, content) if previous is not None else "major":
        case "major":
            return f"{major + 1}.0.0"
        case "minor":
            return f"{major}.{minor + 1}.0"
        case _:
            return f"{major}.{minor}.{patch + 1}"


def next_patch(number: str) -> str:
    """Return the number right above."""
    read = parse_number(number)
    major, minor, patch = read.core if read else (1, 0, -1)
    return f"{major}.{minor}.{patch + 1}"
