"""What content tells a model's provider beside the messages: that it can be sent as it is meant, and nothing of it is dropped."""

from collections.abc import Iterator, Mapping

from promptops.api import reasons
from promptops.domain.content.repetitions import covers
from promptops.domain.content.subject import Subject
from promptops.domain.findings import Finding
from promptops.domain.manifests import Manifest, describe, mapping, sequence, text

DESCRIBED = "json_schema"


def check_model_side(subject: Subject) -> Iterator[Finding]:
    """A provider that cannot read what is declared refuses every call, or answers as if it were not there."""
    if (answer := subject.written.get("responseFormat")) is not None:
        yield from _answer(mapping(answer))
    for index, tool in enumerate(map(mapping, sequence(subject.written.get("tools")))):
        yield from _schema(tool, "parameters", f"tools[{index}].parameters")
    yield from _variants(subject.written)


def _variants(content: Manifest) -> Iterator[Finding]:
    variants = tuple(map(mapping, sequence(content.get("models"))))
    for index, variant in enumerate(variants):
        # One that differs in nothing keeps its models from a wider pattern below it.
        is_an_exception = any(
            covers(text(each.get("match")), text(variant.get("match"))) for each in variants[index + 1 :]
        )
        if not is_an_exception and not _differs(variant, content):
            message = "nothing differs for these models: give it text, messages or parameters, or remove it"
            yield _wrong(message, f"models[{index}]", "warning")


def _differs(variant: Manifest, content: Manifest) -> bool:
    base, own = mapping(content.get("parameters")), mapping(variant.get("parameters"))
    further = {**mapping(base.get("extra")), **mapping(own.get("extra"))}
    return (
        any(key in variant and variant[key] != content.get(key) for key in ("text", "messages"))
        or any(own[key] != base.get(key) for key in own if key != "extra")
        or further != mapping(base.get("extra"))
    )


def _answer(answer: Manifest) -> Iterator[Finding]:
    kind, path = answer.get("type"), "responseFormat"
    if kind != DESCRIBED:
        for key in sorted(answer.keys() & {"name", "schema"}):
            yield _wrong(
                f"it says nothing of an answer of type {kind}: write type: {DESCRIBED}, or remove it", f"{path}.{key}"
            )
        return
    if answer.get("schema") is None:
        yield _wrong(f"type {DESCRIBED} needs the schema: declare it, or write type: json_object", f"{path}.schema")
    yield from _schema(answer, "schema", f"{path}.schema")
    if answer.get("name") is None:
        message = 'OpenAI and those who speak its form ask for a name, and are told "answer": declare one'
        yield _wrong(message, f"{path}.name", "warning")


def _schema(node: Manifest, key: str, path: str) -> Iterator[Finding]:
    if (schema := node.get(key)) is not None and not isinstance(schema, Mapping):
        yield _wrong(f"a JSON Schema is an object, not {describe(schema)}: write {{type: object, …}}", path)


def _wrong(message: str, path: str, severity: str = "error") -> Finding:
    return Finding(reasons.INVALID_SPEC, message, path, severity="error" if severity == "error" else "warning")
