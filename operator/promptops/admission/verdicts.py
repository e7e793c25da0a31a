"""What is said of an object that is about to be stored: pure."""

from __future__ import annotations

from collections.abc import Iterable

from promptops.admission.reviews import Asked, Verdict
from promptops.domain.findings import Finding, combined, warnings_of
from promptops.domain.injection.parameters import Parameters
from promptops.domain.injection.pod import injected, is_injected, is_wanted
from promptops.domain.injection.refusals import refused
from promptops.domain.manifests import Manifest, metadata, spec_of
from promptops.domain.review import review


def validated(asked: Asked) -> Verdict:
    """Say of a Prompt, PromptVersion or Tenant what the operator would say of it by itself.

    What was wrong before an edit does not stand in its way: whoever rolls back need not first mend a source. An object
    that goes, or whose spec stays, is never held up.
    """
    old = asked.old_object
    if old is not None and (spec_of(old) == spec_of(asked.object) or "deletionTimestamp" in metadata(asked.object)):
        return Verdict()
    known = {(each.path, each.message) for each in review(old)} if old is not None else set()
    found = review(asked.object, old)
    errors = [each for each in found if each.severity == "error"]
    first = combined(each for each in errors if (each.path, each.message) not in known)
    if first is not None:
        return Verdict(refusal=first.sentence, warnings=_sentences(found))
    still = (f"still wrong, as before: {each.sentence}" for each in errors)
    return Verdict(warnings=(*still, *_sentences(found)))


def with_sidecar(asked: Asked, parameters: Parameters) -> Verdict:
    """Give a pod that asks for a sidecar its sidecar. Nobody is refused here: a policy does that, also without us."""
    pod = asked.object
    if asked.operation != "CREATE" or not is_wanted(pod) or is_injected(pod):
        return Verdict()
    if wrong := refused(pod):
        return Verdict(warnings=tuple(f"no sidecar was injected: {each.sentence}" for each in wrong))
    return Verdict(patch=_patch(injected(pod, parameters)))


def _patch(pod: Manifest) -> tuple[dict[str, object], ...]:
    """`add` puts a member in the place of the one that is there."""
    changed = {"/metadata/labels": metadata(pod)["labels"]}
    changed |= {f"/spec/{name}": spec_of(pod)[name] for name in ("initContainers", "containers", "volumes")}
    return tuple({"op": "add", "path": path, "value": value} for path, value in changed.items())


def _sentences(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(each.sentence for each in warnings_of(findings))
