"""A content together with the versions that it takes in, as one content: whoever renders it knows of none of them.

The text of an included version is put in its place once, as a template of the variables that it declares; those become variables
of the whole. The digest is that of the result.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from promptops.api import reasons
from promptops.api.content import json_of
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES
from promptops.api.v1alpha1.tests import PromptTest
from promptops.api.wire import read_value
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.canonical import canonical, digest_of, json_bytes
from promptops.domain.content.checks import check_well_formed
from promptops.domain.content.references import references
from promptops.domain.content.subject import Subject
from promptops.domain.findings import Finding
from promptops.domain.manifests import Manifest, mapping, sequence, text
from promptops.rendering.syntax.expansion import TooLong, expand
from promptops.rendering.syntax.faults import Lines

MAX_VARIABLES: Final = 100
_TAKEN: Final = frozenset({"text", "variables"})
_MEANING: Final = ("type", "itemType", "properties")
"""What of a declaration must be equal where a content declares a variable of what it includes in its own way."""


class Ingredient(NamedTuple):
    """What an alias stands for."""

    alias: str
    name: str
    """The PromptVersion."""
    data: bytes
    """Its resolved content in canonical form."""


class Mixture(NamedTuple):
    """A content as it is written, sound by itself, and everything that it includes."""

    written: bytes
    ingredients: tuple[Ingredient, ...]
    tests: bytes = b""
    """The content's tests as JSON, to be run on the whole."""


def mix(mixture: Mixture) -> Assessment:
    """Return what a content comes to with what it includes; paths of findings are within the content.

    Takes milliseconds per kilobyte.
    """
    own = _read(mixture.written)
    included = {each.alias: _Included(each.name, _read(each.data)) for each in mixture.ingredients}
    subject = Subject.of(own)
    used = {alias: each for alias, each in included.items() if alias in subject.included}
    found = [*_only_texts(own, used), *_captured(subject, used), *_declared_alike(own, used)]
    whole: dict[str, Any] = {}
    if not any(each.severity == "error" for each in found):
        try:
            whole = _whole(own, used)
        except TooLong as error:
            found.append(Finding(reasons.CONTENT_TOO_LARGE, str(error)))
    if not whole:
        return Assessment(None, tuple(found))
    data = canonical(whole)
    found += _of_the_whole(whole, json_bytes(data), len(sequence(own.get("variables"))))
    kept = data if json_bytes(data) <= MAX_CONTENT_BYTES else None
    mixed = Assessment.of(digest_of(data), tuple(found), kept)
    return mixed.tried(tuple(map(PromptTest.model_validate, read_value(mixture.tests)))) if mixture.tests else mixed


class _Included(NamedTuple):
    name: str
    content: Manifest


def _read(data: bytes) -> Manifest:
    return mapping(read_value(json_of(data)))


def _places(own: Manifest, used: Mapping[str, _Included]) -> Iterator[tuple[str, str, _Included]]:
    for index, each in enumerate(references(own)):
        if each.alias in used:
            yield f"includes[{index}]", each.alias, used[each.alias]


def _only_texts(own: Manifest, used: Mapping[str, _Included]) -> Iterator[Finding]:
    for path, _, (name, content) in _places(own, used):
        if "text" not in content:
            message = f"{name} has messages, and only a text can be included: include a version with a text"
            yield Finding(reasons.INVALID_INCLUDE, message, path)
        elif others := sorted(content.keys() - _TAKEN):
            message = f"of {name} the text and its variables are taken in, and not its {', '.join(others)}"
            yield Finding(reasons.INVALID_INCLUDE, message, path, severity="warning")


def _captured(subject: Subject, used: Mapping[str, _Included]) -> Iterator[Finding]:
    """What is included reads its own variables, never the items of a loop that it happens to stand in."""
    for template in subject.templates:
        for taken in template.includes:
            name, content = used[taken.alias]
            for item in sorted(taken.items & _variables(content).keys()):
                message = f'{name} reads a variable "{item}", and here {item} is the item of a loop: give the item another name'
                line, column = Lines(template.text).place(taken.offset)
                yield Finding(reasons.INVALID_INCLUDE, message, template.path, line, column)


def _declared_alike(own: Manifest, used: Mapping[str, _Included]) -> Iterator[Finding]:
    """One name, one meaning. What the content declares itself stands; else those who declare it must agree."""
    mine = _variables(own)
    others: dict[str, tuple[str, Manifest]] = {}
    for path, _, (name, content) in _places(own, used):
        for variable, declared in _variables(content).items():
            if variable in mine:
                if _meaning(mine[variable]) != _meaning(declared):
                    message = f'variable "{variable}" has another type in {name}: declare it alike, or rename it'
                    yield Finding(reasons.INVALID_INCLUDE, message, path)
            elif variable not in others:
                others[variable] = (name, declared)
            elif _plain(others[variable][1]) != _plain(declared):
                message = (
                    f'variable "{variable}" is declared differently in {others[variable][0]} and in {name}: '
                    "declare it under variables here, as it is to be"
                )
                yield Finding(reasons.INVALID_INCLUDE, message, path)
    if len(mine) + len(others) > MAX_VARIABLES:
        message = (
            f"there are {len(mine) + len(others)} variables with those included, at most {MAX_VARIABLES} are allowed"
        )
        yield Finding(reasons.CONTENT_TOO_LARGE, message, "includes")


def _whole(own: Manifest, used: Mapping[str, _Included]) -> dict[str, Any]:
    texts = {alias: text(each.content.get("text")) for alias, each in used.items()}
    whole = {key: value for key, value in _saying(own, texts).items() if key != "includes"}
    if "models" in own:
        whole["models"] = [_saying(mapping(each), texts) for each in sequence(own["models"])]
    mine = _variables(own)
    more: dict[str, Manifest] = {}
    for _, _, (_, content) in _places(own, used):
        more |= {name: each for name, each in _variables(content).items() if name not in mine and name not in more}
    if more:
        whole["variables"] = [*sequence(own.get("variables")), *more.values()]
    return whole


def _saying(node: Manifest, texts: Mapping[str, str]) -> dict[str, Any]:
    said = dict(node)
    if isinstance(node.get("text"), str):
        said["text"] = _expanded(node["text"], texts)
    if "messages" in node:
        messages = map(mapping, sequence(node["messages"]))
        said["messages"] = [
            {**each, "content": _expanded(each["content"], texts)} if "content" in each else each for each in messages
        ]
    return said


def _expanded(template: str, texts: Mapping[str, str]) -> str:
    """A template that includes nothing stays as it is written."""
    return expand(template, texts) if "include" in template else template


def _of_the_whole(whole: Manifest, size: int, own_variables: int) -> Iterator[Finding]:
    """What only the whole shows. Lines and columns would be those of a text that nobody wrote."""
    for finding in check_well_formed(whole, size, ""):
        index = finding.path.removeprefix("variables[").partition("]")[0]
        if not (finding.path.startswith("variables[") and index.isdecimal() and int(index) >= own_variables):
            yield replace(finding, line=None, column=None)


def _variables(content: Manifest) -> dict[str, Manifest]:
    return {text(each.get("name")): each for each in map(mapping, sequence(content.get("variables")))}


def _meaning(declared: Manifest) -> dict[str, Any]:
    return {key: _plain(declared[key]) for key in _MEANING if key in declared}


def _plain(declared: Any) -> Any:
    """A declaration without what it says to people."""
    if isinstance(declared, Mapping):
        return {key: _plain(each) for key, each in declared.items() if key != "description"}
    return [_plain(each) for each in declared] if isinstance(declared, list | tuple) else declared
