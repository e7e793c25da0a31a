"""What a Prompt's source comes to, whatever names it: forty prompts may read the same key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from promptops.api import reasons
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES, Content
from promptops.domain.content.assessment import MAX_JSON_BYTES, Assessment, json_size, too_large
from promptops.domain.content.canonical import canonical, digest_of, require_portable
from promptops.domain.content.checks import check_content
from promptops.domain.content.documents import read_json, read_yaml
from promptops.domain.findings import Finding
from promptops.domain.stored import part_as_stored
from promptops.rendering.errors import InvalidDocument, InvalidSpec

TEXT_PATH = "text"
"""Path of what the key of a ConfigMap says when it is the text alone."""


@dataclass(frozen=True)
class SourceText:
    """What a source says, before anybody looked at it."""

    format: str
    """text, yaml or json: how the key is read. Empty: there is no key, and `inline` is all."""
    value: str
    """The key of the ConfigMap."""
    inline: Any
    """spec.source.content."""


Judge: TypeAlias = Callable[[SourceText], Assessment]
"""Returns what a source comes to, from memory or by looking at it. Paths of findings are within the content."""


def judge(source: SourceText) -> Assessment:
    """Look at a source. Takes milliseconds per kilobyte."""
    if source.format in ("yaml", "json"):
        try:
            return _judged(read_yaml(source.value) if source.format == "yaml" else read_json(source.value))
        except InvalidDocument as error:
            return Assessment(None, (Finding(reasons.SOURCE_INVALID, error.message),))
    if source.format == "text":
        rest = source.inline if isinstance(source.inline, Mapping) else {}
        return _judged({**rest, TEXT_PATH: source.value})
    return _judged(source.inline)


def _judged(content: object) -> Assessment:
    if (size := json_size(content)) > MAX_JSON_BYTES:
        return Assessment(None, (too_large(size, ""),))
    stored, error = _as_stored(content)
    findings = (error,) if error else tuple(check_content(stored, path=""))
    if not isinstance(stored, Mapping) or any(each.severity == "error" for each in findings):
        return Assessment(None, findings)
    data = canonical(stored)
    return Assessment.of(digest_of(data), findings, data if len(data) <= MAX_CONTENT_BYTES else None)


def _as_stored(content: object) -> tuple[object, Finding | None]:
    """Give content the form that the API server stores, so that the digest is that of the version to come."""
    if not isinstance(content, Mapping):
        return content, None
    try:
        require_portable(content)
    except InvalidSpec as error:
        return content, Finding(error.reason, error.message, error.path)
    return part_as_stored(content, Content), None
