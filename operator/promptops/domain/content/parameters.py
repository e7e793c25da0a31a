"""Parameters that are written twice, or where nobody reads them: what a provider is told is one thing, and stands in one place."""

from collections.abc import Iterator, Mapping
from typing import Final

from promptops.api import reasons
from promptops.domain.content.subject import Subject
from promptops.domain.findings import Finding, join
from promptops.domain.manifests import Manifest, describe, mapping, sequence

_SPELLINGS: Final[Mapping[str, frozenset[str]]] = {
    "temperature": frozenset({"temperature"}),
    "topP": frozenset({"topP", "top_p"}),
    "maxTokens": frozenset(
        {"maxTokens", "max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens"}
    ),
    "stop": frozenset({"stop", "stop_sequences", "stopSequences"}),
    "seed": frozenset({"seed", "random_seed"}),
}
"""A parameter, and how providers and those who write for them spell it."""
_WRITTEN_ELSEWHERE: Final[Mapping[str, str]] = {
    "messages": "messages", "contents": "messages", "input": "messages", "tools": "tools", "response_format": "responseFormat",
    "output_config": "responseFormat", "responseJsonSchema": "responseFormat", "responseMimeType": "responseFormat",
}  # fmt: skip
"""What a request says from another field of the content, and which."""


def check_parameters(subject: Subject) -> Iterator[Finding]:
    """What stands in `extra` is told as it is written, unless something takes its place: then nobody would hear of it."""
    base = mapping(subject.written.get("parameters"))
    yield from check_extra(base, base, "parameters", subject.written)
    for index, variant in enumerate(map(mapping, sequence(subject.written.get("models")))):
        path, own = f"models[{index}]", mapping(variant.get("parameters"))
        yield from check_extra(own, {**base, **own}, f"{path}.parameters", subject.written)
        yield from _extra_of_all(base, own, f"{path}.parameters")


def check_extra(own: Manifest, all: Manifest, path: str, content: Manifest) -> Iterator[Finding]:
    """Look at the `extra` of parameters; `all` has the parameters that hold beside it."""
    extra = own.get("extra")
    if extra is None:
        return
    if not isinstance(extra, Mapping):
        yield _wrong(
            f"further parameters are an object, not {describe(extra)}: write {{name: value, …}}", f"{path}.extra"
        )
        return
    for key in extra:
        place = join(f"{path}.extra", str(key))
        if (name := _parameter(str(key))) is not None:
            yield _twice(name, place) if all.get(name) is not None else _misplaced(name, place)
        elif (field := _WRITTEN_ELSEWHERE.get(str(key))) and (field == "messages" or content.get(field) is not None):
            yield _wrong(
                f"what the version says under {field} takes its place, and nobody is told of this: write it there, or remove it",
                place,
            )
        elif key == "model":
            yield _wrong(
                "callers name the model, and theirs takes its place: remove it; what differs for models stands under models",
                place,
                "warning",
            )


def _extra_of_all(base: Manifest, own: Manifest, path: str) -> Iterator[Finding]:
    """Look for what a variant says in a field, and the content in its `extra`."""
    extra = mapping(base.get("extra"))
    for name in own.keys() & _SPELLINGS.keys():
        if (spelt := next((key for key in extra if key in _SPELLINGS[name]), None)) and base.get(name) is None:
            yield _wrong(
                f'it is "{spelt}" of parameters.extra, and both would hold: write that as parameters.{name}',
                f"{path}.{name}",
            )


def _parameter(key: str) -> str | None:
    return next((name for name, spellings in _SPELLINGS.items() if key in spellings), None)


def _twice(name: str, place: str) -> Finding:
    return _wrong(f"it is what {name} says already, and only that is told: remove one of the two", place)


def _misplaced(name: str, place: str) -> Finding:
    message = f"there is a field for it, which every format spells as its provider does: write parameters.{name}"
    return _wrong(message, place, "warning")


def _wrong(message: str, path: str, severity: str = "error") -> Finding:
    return Finding(reasons.INVALID_SPEC, message, path, severity="error" if severity == "error" else "warning")
