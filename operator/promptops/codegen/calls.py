"""The reference page of the sidecar's HTTP calls, read from the messages that are really sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from promptops.sidecar import openapi

_OPENING = """# HTTP reference

What a sidecar answers on its data listener: `http://127.0.0.1:8181` and a Unix socket. `GET /` has links, `GET /openapi.json` this page for programs. Every error is a problem
(RFC 9457, `application/problem+json`) whose `code` is one of the [reasons](reasons.md). A GET carries an ETag and answers `If-None-Match`. A query string that is not named here is
refused, an unknown field of a body too. What is sent as `Promptops-Request-Id` comes back with the answer.
"""


def page() -> str:
    """Return the page."""
    document = openapi.document()
    calls = "\n".join(_call(call, document) for call in openapi.CALLS)
    messages = "\n".join(_message(name, schema) for name, schema in document["components"]["schemas"].items())
    return f"{_OPENING}\n## Calls\n\n{calls}\n## Messages\n\n{messages}"


def _call(call: openapi.Operation, document: dict[str, Any]) -> str:
    lines = [f"### {call.method.upper()} {call.path}", "", call.summary, ""]
    if call.speaks:
        lines.append(
            f"- errors are those of {call.speaks}, in its own form; what is no request of it at all is a problem"
        )
    lines += [f"- ?{name}= {openapi.meaning_of(name)}" for name in call.query]
    if call.body is not None:
        lines.append(f"- body: {_link(call.body.__name__)}")
    if call.answer is not None:
        events = "server-sent events, each a " if call.lasts else ""
        lines.append(f"- 200: {events}{_link(call.answer.__name__)}")
    responses = document["paths"][call.path][call.method]["responses"]
    lines += [f"- {status}: {responses[str(status)]['description']}" for status in call.problems]
    return "\n".join(lines) + "\n"


def _message(name: str, schema: dict[str, Any]) -> str:
    opening = f"### {name}\n\n{schema.get('description', '')}\n\n| field | type |\n|---|---|\n"
    return opening + "".join(f"{row}\n" for row in _rows(schema))


def _rows(schema: dict[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        required = ", always there" if name in schema.get("required", ()) else ""
        yield f"| `{name}` | {_type(field)}{required} |"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return _link(field["$ref"].rpartition("/")[2])
    if "anyOf" in field:
        return " or ".join(map(_type, field["anyOf"]))
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    match field.get("type"):
        case "array":
            return f"list of {_type(field['items'])}" if field.get("items") else "list"
        case "object":
            values = field.get("additionalProperties")
            return f"object of {_type(values)}" if isinstance(values, dict) and values else "object"
        case None:
            return "any JSON"
        case kind:
            return str(kind)


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"
