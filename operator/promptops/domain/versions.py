"""Identity and order of versions: canonical bytes, digest, SemVer numbers, grade of a change, ownership."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import rfc8785

from promptops.api import reasons
from promptops.api.v1alpha1 import GROUP
from promptops.api.v1alpha1.schema import VERSION_PATTERN
from promptops.domain.errors import InvalidSpec
from promptops.domain.findings import join
from promptops.domain.manifests import mapping, metadata, sequence, spec_of, text
from promptops.domain.snapshot import Manifest

Grade = Literal["patch", "minor", "major"]
FIRST = "1.0.0"
MAX_SAFE_INTEGER = 2**53 - 1
"""Beyond it JSON readers disagree about a number, and two contents could share a digest."""
MAX_DEPTH = 32
"""Free JSON nested deeper than this is refused: every reader on the way has a limit of its own."""

_NUMBER = re.compile(VERSION_PATTERN)


def canonical(content: Manifest) -> bytes:
    """Return the RFC 8785 bytes of content exactly as it stands in the object.

    Raises InvalidSpec with the path of a number, character or nesting that has no canonical form.
    """
    require_portable(content)
    return rfc8785.dumps(_plain(content))


def digest(content: Manifest) -> str:
    """Return the content's address: sha256 over its canonical bytes. Raises as `canonical` does."""
    return digest_of(canonical(content))


def digest_of(data: bytes) -> str:
    """Return the address of canonical bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def require_portable(content: Manifest) -> None:
    """Raise InvalidSpec with the path of what JSON readers would not agree about."""
    for path, depth, value in _walk(content):
        if depth > MAX_DEPTH:
            raise InvalidSpec(reasons.INVALID_SPEC, f"is nested deeper than {MAX_DEPTH} levels: flatten it", path)
        if isinstance(value, int | float) and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            raise InvalidSpec(
                reasons.INVALID_NUMBER,
                f"must be a finite number between -{MAX_SAFE_INTEGER} and {MAX_SAFE_INTEGER}: write it as a string",
                path,
            )
        if isinstance(value, str) and not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
            raise InvalidSpec(reasons.INVALID_CHARACTER, "contains half of a surrogate pair: remove it", path)


def _walk(root: object) -> Iterator[tuple[str, int, object]]:
    """Yield every key and value with its path, iteratively: depth is what is to be found out."""
    stack: list[tuple[str, int, object]] = [("", 0, root)]
    while stack:
        path, depth, value = stack.pop()
        yield path, depth, value
        if depth > MAX_DEPTH:
            continue
        if isinstance(value, Mapping):
            for key, each in value.items():
                yield path, depth, key
                stack.append((join(path, str(key)), depth + 1, each))
        elif isinstance(value, list | tuple):
            stack.extend((f"{path}[{index}]", depth + 1, each) for index, each in enumerate(value))


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


@dataclass(frozen=True, order=True)
class Number:
    """A version number. Compares by SemVer precedence."""

    precedence: tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]
    text: str

    @property
    def core(self) -> tuple[int, int, int]:
        """Major, minor, patch."""
        return self.precedence[:3]


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


def owner_uids(version: Manifest) -> frozenset[str]:
    """Return the uids of the Prompts that a version says it is owned by."""
    owners = map(mapping, sequence(metadata(version).get("ownerReferences")))
    return frozenset(
        text(owner.get("uid"))
        for owner in owners
        if owner.get("kind") == "Prompt" and text(owner.get("apiVersion")).partition("/")[0] == GROUP
    )


def belongs(version: Manifest, name: str, uid: str) -> bool:
    """Whether a version is this Prompt's: by name, unless its owner is another uid. An ownerless one belongs (restores)."""
    owners = owner_uids(version)
    return prompt_of(version) == name and (not owners or uid in owners)


def prompt_of(version: Manifest) -> str:
    """Return the name of the Prompt that a version refers to."""
    return text(mapping(spec_of(version).get("promptRef")).get("name"))


def number_of(version: Manifest) -> str:
    """Return a version's number as it is written."""
    return text(spec_of(version).get("version"))
