"""The tests of a version: whether they can be run, and how they end. Pure: a test is rendered as any call would be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from promptops.api import reasons
from promptops.api.content import json_of
from promptops.api.v1alpha1.tests import MAX_TESTS_BYTES, Expectation, FailedTest, PromptTest, TestsStatus
from promptops.domain.bounds import cut
from promptops.domain.content.canonical import require_portable
from promptops.domain.content.expectations import InvalidPattern, Judge, pattern_of
from promptops.domain.findings import Finding
from promptops.rendering.errors import InvalidInput, InvalidSpec
from promptops.rendering.execute.plan import Plan, plan
from promptops.rendering.names import shown

MAX_MESSAGE_CHARACTERS = 1024
SHOWN_FAILURES = 5
"""So many failed tests stand in a status."""


@dataclass(frozen=True)
class Tried:
    """How one test ended."""

    name: str
    objection: str | None = None
    """What did not hold; None when it passed."""


@dataclass(frozen=True)
class Trial:
    """How all tests of a version ended."""

    outcomes: tuple[Tried, ...]

    @property
    def failures(self) -> tuple[Tried, ...]:
        """The tests that failed, in their order."""
        return tuple(each for each in self.outcomes if each.objection is not None)

    @property
    def finding(self) -> Finding | None:
        """What forbids to activate the version; None when every test passed."""
        failed = self.failures
        if not failed:
            return None
        told = "; ".join(f'"{each.name}": {each.objection}' for each in failed[:SHOWN_FAILURES])
        more = f"; and {len(failed) - SHOWN_FAILURES} more" if len(failed) > SHOWN_FAILURES else ""
        return Finding(reasons.TESTS_FAILED, f"{len(failed)} of {_tests(len(self.outcomes))} failed: {told}{more}")

    def status(self) -> TestsStatus:
        """Return what a status says of it."""
        failed = self.failures
        first = tuple(
            FailedTest.model_construct(name=each.name, message=each.objection or "") for each in failed[:SHOWN_FAILURES]
        )
        return TestsStatus.model_construct(
            passed=len(self.outcomes) - len(failed), failed=len(failed), failures=first or None
        )


def _tests(count: int) -> str:
    return f"{count} test{'' if count == 1 else 's'}"


def check_tests(tests: Sequence[PromptTest], path: str) -> Iterator[Finding]:
    """Say what keeps tests of the right shape from being run."""
    size = 0
    for index, test in enumerate(tests):
        place = f"{path}[{index}]"
        if any(test.name == other.name for other in tests[:index]):
            yield _wrong(f'test "{shown(test.name)}" is there twice: rename one', f"{place}.name")
        unusable = _unusable(test.variables)
        if unusable is not None:
            yield unusable.below(f"{place}.variables")
        else:
            size += len(msgspec.json.encode(test.variables))
        yield from _check_expectations(test.expect or (), f"{place}.expect")
        size += sum(map(_length, test.expect or ()))
    if size > MAX_TESTS_BYTES:
        yield _wrong(f"have {size} bytes in all, at most {MAX_TESTS_BYTES} are allowed: test with less", path)


def _wrong(message: str, path: str) -> Finding:
    return Finding(reasons.INVALID_TEST, message, path)


def _unusable(variables: object) -> Finding | None:
    """Say why values of a test are none."""
    if not isinstance(variables, Mapping | None):
        return _wrong("must be an object: names and values", "")
    try:
        require_portable(variables or {})
    except InvalidSpec as error:
        return _wrong(error.message, error.path)
    return None


def _length(expectation: Expectation) -> int:
    texts = (expectation.equals, expectation.contains, expectation.not_contains, expectation.matches)
    return sum(len(text.encode(errors="replace")) for text in texts if text is not None)


def _check_expectations(expectations: Sequence[Expectation], path: str) -> Iterator[Finding]:
    for index, expectation in enumerate(expectations):
        if expectation in expectations[:index]:
            yield replace(_wrong("the same is expected twice: remove one", f"{path}[{index}]"), severity="warning")
        if expectation.matches is not None:
            try:
                pattern_of(expectation.matches)
            except InvalidPattern as error:
                yield _wrong(str(error), f"{path}[{index}].matches")
    if len({expectation.error is None for expectation in expectations}) > 1:
        yield _wrong("what is refused has no text: expect an error, or something of the text", path)


def run(tests: Sequence[PromptTest], content: bytes) -> Trial:
    """Run tests that were checked against canonical content that may be served."""
    made, judge = plan(json_of(content)), Judge()
    return Trial(tuple(Tried(test.name, _objection(test, made, judge)) for test in tests))


def _objection(test: PromptTest, made: Plan, judge: Judge) -> str | None:
    values = test.variables or {}
    asked = None if test.model is None else test.model.split("/", 1)
    wanted = {each.error for each in test.expect or () if each.error is not None}
    try:
        rendered = (made.of_model(*asked) if asked else made).render(values, strict=True)
    except InvalidInput as refused:
        if refused.reason in wanted:
            return None
        return cut(f"it is refused with {refused.reason}: {refused}", MAX_MESSAGE_CHARACTERS)
    # What stands in a status is read by more people than the values of a test.
    quotes = not any(each.sensitive for each in made.content.variables)
    said = (judge.objection(each, rendered.text, quotes=quotes) for each in test.expect or ())
    told = "; ".join(each for each in said if each is not None)
    return cut(told, MAX_MESSAGE_CHARACTERS) if told else None
