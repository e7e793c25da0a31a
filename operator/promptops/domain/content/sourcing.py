"""What a Prompt's source comes to, whatever names it: forty prompts may read the same key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from promptops.api import reasons
from promptops.api.v1alpha1.content import Content
from promptops.api.v1alpha1.schema import Model
from promptops.api.v1alpha1.tests import PromptTests
from promptops.domain.content.assessment import MAX_JSON_BYTES, Assessment, json_size, looked_at, too_large
from promptops.domain.content.canonical import canonical, digest_of, json_bytes, require_portable
from promptops.domain.content.checks import check_content, check_well_formed
from promptops.domain.content.documents import read_json, read_yaml
from promptops.domain.content.trial import check_tests
from promptops.domain.findings import Finding
from promptops.domain.manifests import parse_as
from promptops.domain.stored import part_as_stored
from promptops.rendering.errors import InvalidDocument, InvalidSpec

TESTS_PATH = "spec.source.tests"
"""Path of what is wrong with a test, within the Prompt."""
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
    tests: Any = None
    """spec.source.tests."""


Judge: TypeAlias = Callable[[SourceText], Assessment]
"""Returns what a source comes to, from memory or by looking at it. Paths of findings are within the content."""


def judge(source: SourceText) -> Assessment:
    """Look at a source, and run its tests. Takes milliseconds per kilobyte, and what the tests take."""
    looked = look_at(source)
    if source.tests is None or not looked.is_sound:
        return looked
    declared, wrong = parse_as(_Tests, {"tests": source.tests}, TESTS_PATH.rpartition(".")[0])
    if declared is None:
        return replace(looked, digest=None, findings=(*wrong, *looked.findings))
    if unusable := tuple(check_tests(declared.tests, TESTS_PATH)):
        return replace(looked, digest=None, findings=(*unusable, *looked.findings))
    return replace(looked.tried(declared.tests), tests=len(declared.tests))


class _Tests(Model):
    tests: PromptTests


def look_at(source: SourceText) -> Assessment:
    """Look at a source, and leave its tests alone."""
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
    if not isinstance(content, Mapping):
        return Assessment(None, check_content(content, path=""))
    try:
        require_portable(content)
        # As the API server stores it, so that the digest is that of the version to come.
        stored = part_as_stored(content, Content)
        _, wrong_shape = parse_as(Content, stored, "")
        if wrong_shape:
            return Assessment(None, wrong_shape)
        data = canonical(stored)
    except InvalidSpec as error:
        return Assessment(None, (Finding(error.reason, error.message, error.path),))
    findings = check_well_formed(stored, json_bytes(data), path="")
    if any(each.severity == "error" for each in findings):
        return Assessment(None, findings)
    return looked_at(digest_of(data), findings, data, stored)
