"""The tests of the prompts in some files, run as before an activation: how each ended, and where it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from promptops.api import reasons
from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.resolving import Resolver
from promptops.domain.content.sourcing import Judge, SourceText, judge
from promptops.domain.content.trial import Tried
from promptops.domain.findings import combined
from promptops.domain.manifests import Manifest, mapping, parse_as, spec_of, text
from promptops.domain.reconcile.source import read_source
from promptops.workspace.content import readings_of
from promptops.workspace.manifest_files import Found, Identity
from promptops.workspace.workspace import unique


@dataclass(frozen=True)
class Tested:
    """A PromptVersion, or a Prompt with a source, and its tests."""

    subject: str
    """Kind and name."""
    place: str
    """File and line."""
    tests: tuple[Tried, ...] = ()
    problem: str | None = None
    """Why it cannot be tested at all, or could not be activated without tests."""

    @property
    def failures(self) -> int:
        """How many tests failed; a problem counts as one."""
        return sum(each.objection is not None for each in self.tests) + (self.problem is not None)


def run_tests(files: Mapping[str, bytes], *, required: bool = False) -> tuple[Tested, ...]:
    """Run every test in some files. With `required`, what has none is a problem, as where a Tenant requires tests.

    Raises NoContent when a file cannot be read.
    """
    found, _ = unique(readings_of(files))
    return tuple(_tested(found, required))


def _tested(found: Mapping[Identity, Found], required: bool) -> Iterator[Tested]:
    versions = {name: one.manifest for (kind, name), one in found.items() if kind == "PromptVersion"}
    resolver = Resolver(versions.get)
    for (kind, name), one in found.items():
        if kind == "PromptVersion":
            assessment, problem = resolver.assess(one.manifest), None
        elif kind == "Prompt" and "source" in spec_of(one.manifest):
            assessment, problem = _of_source(one.manifest, found, resolver.judging(judge))
        else:
            continue
        subject, problem = f"{kind} {name}", problem or _problem(assessment, required)
        tried = assessment.trial.outcomes if assessment.trial else ()
        if tried or problem:
            yield Tested(subject, one.place, tried, problem)


def _of_source(prompt: Manifest, found: Mapping[Identity, Found], judge: Judge) -> tuple[Assessment, str | None]:
    judged: list[Assessment] = []

    def look(source: SourceText) -> Assessment:
        judged.append(judge(source))
        return judged[-1]

    spec, wrong = parse_as(PromptSpec, spec_of(prompt), "spec")
    if spec is None:
        return Assessment(None, wrong), None
    reference = mapping(mapping(spec_of(prompt).get("source")).get("configMapKeyRef"))
    config_map = found.get(("ConfigMap", text(reference.get("name"))))
    sourced = read_source(prompt, spec, config_map.manifest if config_map else None, look)
    if judged:
        return judged[0], None
    return Assessment(None), sourced.problem.message if sourced and sourced.problem else None


def _problem(assessment: Assessment, required: bool) -> str | None:
    wrong = combined(assessment.findings)
    if wrong is not None:
        return f"it cannot be tested: {wrong.sentence} [{wrong.reason}]"
    if required and not assessment.tests:
        return f"it has no tests [{reasons.TESTS_REQUIRED}]"
    return None
