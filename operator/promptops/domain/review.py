"""What is wrong with one object, seen by itself and against what it was: the same words wherever somebody asks."""

from collections.abc import Iterator, Mapping

from promptops.api import reasons
from promptops.api.v1alpha1 import API_VERSION, KINDS, Prompt, PromptVersion
from promptops.api.v1alpha1.prompt_version import PromptVersionSpec
from promptops.api.v1alpha1.schema import Kind
from promptops.domain.acceptance import check_acceptance, unaccepted
from promptops.domain.content.checks import check_content, check_words
from promptops.domain.content.references import includes_itself
from promptops.domain.content.trial import check_tests
from promptops.domain.findings import Finding
from promptops.domain.gifts import check_defaults, check_values
from promptops.domain.manifests import Manifest, mapping, parse_as, spec_of, text
from promptops.domain.stored import as_stored

_KINDS: Mapping[str, type[Kind]] = {kind.NAMES.kind: kind for kind in KINDS}
_CREATE_ANOTHER = "create a new version, or keep the content in the Prompt's spec.source while you edit it"


def review(object: Manifest, old: Manifest | None = None) -> tuple[Finding, ...]:
    """Return everything that is wrong with a Prompt, PromptVersion or Tenant, errors first; `old` is what it replaces.

    Warnings that the object accepts are left out. What depends on other objects is not looked at. The status is not either: an operator writes it.
    """
    model = _KINDS.get(text(object.get("kind")))
    if model is None or object.get("apiVersion") != API_VERSION:
        return (_unknown(object),)
    written = {key: value for key, value in object.items() if key != "status"}
    parsed, wrong = parse_as(model, written, "")
    found = wrong or (*immutable_changes(old or {}, object), *_content(as_stored(written)), *_tests(parsed))
    told = (*unaccepted(found, object), *check_acceptance(object))
    return tuple(sorted(told, key=lambda finding: finding.severity != "error"))


def immutable_changes(old: Manifest, new: Manifest) -> tuple[Finding, ...]:
    """Return what an object may not change of its former self."""
    before, after = spec_of(old), spec_of(new)
    if old.get("kind") == "PromptVersion":
        return tuple(
            Finding(reasons.INVALID_SPEC, f"it cannot be changed: {_CREATE_ANOTHER}", f"spec.{name}")
            for name in PromptVersionSpec.fixed_fields()
            if before.get(name) != after.get(name)
        )
    if before.get("promptId") and before.get("promptId") != after.get("promptId"):
        message = "it cannot be changed or removed once set: applications ask by it"
        return (Finding(reasons.INVALID_SPEC, message, "spec.promptId"),)
    return ()


def _content(stored: Manifest) -> tuple[Finding, ...]:
    spec = spec_of(stored)
    if stored["kind"] == "Tenant":
        return (*check_defaults(spec), *check_values(spec))
    if stored["kind"] == "PromptVersion":
        return (*includes_itself(spec), *check_content(spec.get("content")))
    source, said = mapping(spec.get("source")), check_words(mapping(spec.get("fallback")).get("text"))
    # With a key of a ConfigMap the content is complete only together with what stands there.
    if "content" in source and "configMapKeyRef" not in source:
        return (*check_content(source["content"], "spec.source.content"), *said)
    return said


def _tests(parsed: Kind | None) -> Iterator[Finding]:
    if isinstance(parsed, PromptVersion):
        yield from check_tests(parsed.spec.tests or (), "spec.tests")
    elif isinstance(parsed, Prompt) and parsed.spec.source is not None:
        yield from check_tests(parsed.spec.source.tests or (), "spec.source.tests")


def _unknown(object: Manifest) -> Finding:
    version, kind = text(object.get("apiVersion")), text(object.get("kind"))
    if not (version and kind):
        return Finding(reasons.INVALID_SPEC, "this is not a manifest: apiVersion and kind are required")
    known = ", ".join(_KINDS)
    return Finding(reasons.INVALID_SPEC, f"{kind} of {version} is not known; {API_VERSION} has {known}", "kind")
