"""What stands twice in content where one of the two can never count, or makes a provider refuse the whole."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from promptops.api import reasons
from promptops.domain.content.subject import Subject
from promptops.domain.findings import Finding, join
from promptops.domain.manifests import Manifest, mapping, sequence, text

Severity = Literal["error", "warning"]
_SOME = ("", "\x00", "\x00" * 256)
"""What a * may stand for, in characters that no pattern has: nothing, one, and more than a pattern has signs."""


def check_repetitions(subject: Subject) -> Iterator[Finding]:
    """Who writes something twice means something else by one of them."""
    yield from _tools(subject.written)
    yield from _variants(subject.written)
    yield from _stops(subject.written)
    for saying in subject.sayings:
        for each in _histories(saying.messages):
            yield each.below(saying.path)
    yield from _includes(subject)


def _tools(content: Manifest) -> Iterator[Finding]:
    names = [text(each.get("name")) for each in map(mapping, sequence(content.get("tools")))]
    for index in _repeated(names):
        message = f'tool "{names[index]}" is declared twice, and providers refuse that: rename or remove one'
        yield _found(message, f"tools[{index}].name", "error")


def _variants(content: Manifest) -> Iterator[Finding]:
    patterns = [text(each.get("match")) for each in map(mapping, sequence(content.get("models")))]
    for index, pattern in enumerate(patterns):
        if pattern in patterns[:index]:
            message = f'"{pattern}" stands twice, and the first is always taken: put the two together, or remove one'
            yield _found(message, f"models[{index}].match", "error")
            continue
        before = next((each for each in patterns[:index] if covers(each, pattern)), None)
        if before is not None:
            message = f'it is never taken, for "{before}" above it matches every model of it: move it up, or remove it'
            yield _found(message, f"models[{index}].match")


def covers(wide: str, narrow: str) -> bool:
    """Whether every model that the second pattern matches is matched by the first, as far as such models show it."""
    return all(fnmatchcase(narrow.replace("*", some), wide) for some in _SOME)


def _stops(content: Manifest) -> Iterator[Finding]:
    places = [("", content), *((f"models[{index}]", each) for index, each in enumerate(_objects(content, "models")))]
    for path, node in places:
        stop = sequence(mapping(node.get("parameters")).get("stop"))
        for index in (index for index, each in enumerate(stop) if each == ""):
            place = join(path, f"parameters.stop[{index}]")
            yield _found("nothing ends where nothing stands, and providers refuse that: remove it", place, "error")
        for index in _repeated(stop):
            place = join(path, f"parameters.stop[{index}]")
            yield _found("the same sequence stands here twice: remove one", place)


def _histories(messages: Sequence[Manifest]) -> Iterator[Finding]:
    names = [text(each.get("placeholder")) for each in messages]
    for index, message in enumerate(messages):
        for place in _repeated(sequence(message.get("roles"))):
            yield _found("the same role stands here twice: remove one", f"messages[{index}].roles[{place}]")
        if names[index] and names[index] in names[:index]:
            advice = f'the messages of "{names[index]}" stand here a second time: remove one of the places'
            yield _found(advice, f"messages[{index}].placeholder")


def _includes(subject: Subject) -> Iterator[Finding]:
    taken = [(each.prompt, each.version) for each in subject.includes]
    for index in _repeated(taken):
        first = subject.includes[taken.index(taken[index])].alias
        message = f'it is the version that "{first}" is: include it by that alias, and remove this one'
        yield _found(message, f"includes[{index}]")


def _objects(content: Manifest, key: str) -> Sequence[Manifest]:
    return tuple(map(mapping, sequence(content.get(key))))


def _repeated(values: Sequence[object]) -> Iterator[int]:
    """Yield the place of each value that stands before it too."""
    return (index for index, value in enumerate(values) if value in values[:index])


def _found(message: str, path: str, severity: Severity = "warning") -> Finding:
    return Finding(reasons.INVALID_SPEC, message, path, severity=severity)
