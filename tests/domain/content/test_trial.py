"""The tests of a prompt: each expectation holds or says how it does not, and what cannot be run is said beforehand."""

from __future__ import annotations

import time
from typing import Any

import pytest

from promptops.api.v1alpha1 import tests
from promptops.api.v1alpha1.prompt_version import PromptVersionSpec
from promptops.api.v1alpha1.tests import PromptTest
from promptops.domain.content.canonical import canonical
from promptops.domain.content.trial import Trial, check_tests, run
from promptops.domain.findings import Finding
from promptops.domain.manifests import parse_as

CONTENT: dict[str, Any] = {
    "text": "Hello {{ name }},\n{% for each in history %}{% endfor %}you are {{ age }}.",
    "variables": [
        {"name": "name", "type": "string", "maxLength": 10},
        {"name": "age", "type": "integer", "default": 7},
        {"name": "history", "type": "list", "itemType": "string", "optional": True},
    ],
    "models": [{"match": "anthropic/claude-*", "text": "Claude greets {{ name }}"}],
}
SECRET = {**CONTENT, "variables": [{**CONTENT["variables"][0], "sensitive": True}, *CONTENT["variables"][1:]]}


def declared(*tests: dict[str, Any]) -> tuple[PromptTest, ...]:
    """Tests as the schema takes them."""
    return tuple(PromptTest.model_validate(each, by_alias=True, by_name=False) for each in tests)


def tried(expect: dict[str, Any], content: dict[str, Any] = CONTENT, **more: Any) -> Trial:
    """Run one test."""
    return run(declared({"name": "it", "variables": {"name": "Ada"}, "expect": [expect], **more}), canonical(content))


@pytest.mark.parametrize(
    "expect",
    [
        {"equals": "Hello Ada,\nyou are 7."},
        {"contains": "Ada"},
        {"notContains": "Bob"},
        {"matches": "^Hello \\p{Lu}[a-z]+,\nyou are [0-9]+\\.$"},
        {"maxLength": 21},
    ],
    ids=str,
)
def test_what_holds_passes(expect: dict[str, Any]) -> None:
    assert tried(expect).status() == tests.TestsStatus(passed=1, failed=0)


@pytest.mark.parametrize(
    ("expect", "objection"),
    [
        ({"equals": "Hello Ada,\nyou are 8."}, 'it is not the expected text: they differ from line 2, column 9 on, where "8." is expected and "7." is rendered'),
        ({"equals": "Hello"}, 'it is not the expected text: they differ from line 1, column 6 on, where nothing is expected and " Ada,\\nyou are 7." is rendered'),
        ({"contains": "Bob"}, 'it does not contain "Bob"'),
        ({"notContains": "Ada,\n"}, 'it contains "Ada,\\n"'),
        ({"matches": "^you"}, 'it does not match "^you"'),
        ({"maxLength": 20}, "it has 21 characters, at most 20 are expected"),
        ({"error": "InvalidVariables"}, "it was to be refused with InvalidVariables, and is rendered"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_hold_says_how(expect: dict[str, Any], objection: str) -> None:
    assert [each.objection for each in tried(expect).failures] == [objection]


@pytest.mark.parametrize(
    "expect", [{"equals": "x"}, {"contains": "x"}, {"notContains": "Ada"}, {"matches": "x"}], ids=str
)
def test_nothing_is_quoted_where_a_variable_is_sensitive(expect: dict[str, Any]) -> None:
    (failed,) = tried(expect, SECRET).failures

    assert '"' not in str(failed.objection)
    assert "Ada" not in str(failed.objection)


def test_a_refusal_can_be_what_is_expected() -> None:
    assert not tried({"error": "InvalidVariables"}, variables={}).failures


@pytest.mark.parametrize(
    ("given", "objection"),
    [
        ({}, "it is refused with InvalidVariables: name is missing"),
        ({"name": "Ada", "aeg": 3}, "it is refused with InvalidVariables: aeg is not declared"),
        ({"name": "Ada", "age": "3"}, "it is refused with InvalidVariables: age must be an integer, not a string"),
    ],
    ids=str,
)
def test_values_that_do_not_fit_fail(given: dict[str, Any], objection: str) -> None:
    assert tried({"contains": "Hello"}, variables=given).failures[0].objection == objection


def test_a_test_is_for_a_model() -> None:
    assert not tried({"equals": "Claude greets Ada"}, model="anthropic/claude-x").failures


def test_without_expectations_it_is_enough_that_it_renders() -> None:
    good, bad = declared({"name": "a", "variables": {"name": "x"}}, {"name": "b"})

    assert [each.name for each in run((good, bad), canonical(CONTENT)).failures] == ["b"]


def test_what_failed_is_one_sentence_and_the_first_five_stand_in_the_status() -> None:
    trial = run(declared(*({"name": f"test {each}"} for each in range(7))), canonical(CONTENT))

    assert trial.finding is not None
    assert trial.finding.message.startswith('7 of 7 tests failed: "test 0": it is refused with InvalidVariables')
    assert trial.finding.message.endswith("; and 2 more")
    assert (trial.status().failed, len(trial.status().failures or ())) == (7, 5)


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ([{"name": "a"}, {"name": "a"}], "spec.tests[1].name: test \"'a'\" is there twice: rename one"),
        ([{"name": "a", "variables": ["x"]}], "spec.tests[0].variables: must be an object: names and values"),
        ([{"name": "a", "variables": {"x": 2**60}}], "spec.tests[0].variables.x: must be a finite number between"),
        ([{"name": "a", "expect": [{"matches": "(a"}]}], "spec.tests[0].expect[0].matches: is no regular expression of RE2: missing ): (a"),
        ([{"name": "a", "expect": [{"matches": "(?<=a)b"}]}], "spec.tests[0].expect[0].matches: is no regular expression of RE2: invalid perl operator: (?<"),
        ([{"name": "a", "expect": [{"matches": "((a{1,100}){1,100}){1,100}"}]}], "spec.tests[0].expect[0].matches: is "),
        ([{"name": "a", "expect": [{"matches": "[a-z]{1,1000}b"}]}], "spec.tests[0].expect[0].matches: is too large a regular expression"),
        ([{"name": "a", "expect": [{"contains": "a"}, {"maxLength": 9}, {"contains": "a"}]}], "spec.tests[0].expect[2]: the same is expected twice: remove one"),
        ([{"name": "a", "expect": [{"error": "RenderFailed"}, {"contains": "a"}]}], "spec.tests[0].expect: what is refused has no text"),
        ([{"name": f"t{each}", "expect": [{"equals": "x" * 60_000}]} for each in range(3)], "spec.tests: have 180012 bytes in all, at most 131072 are allowed: test with less"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said_beforehand(tests: list[dict[str, Any]], message: str) -> None:
    (finding,) = check_tests(declared(*tests), "spec.tests")

    assert finding.sentence.startswith(message)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ({"expect": [{}]}, "an expectation is exactly one of equals, contains, notContains, matches, maxLength, error"),
        ({"expect": [{"contains": "a", "matches": "a"}]}, "an expectation is exactly one of"),
        ({"expect": []}, "must have at least 1 items"),
        ({"expect": [{"error": "Whatever"}]}, "must be one of"),
        ({"expect": [{"contains": ""}]}, "must have at least 1 characters"),
        ({"model": "claude"}, "write a model as provider/name, without * and ?"),
        ({"model": "anthropic/*"}, "write a model as provider/name, without * and ?"),
        ({"name": "a\nb"}, "write a test's name in one line"),
        ({"name": " a"}, "write a test's name in one line"),
        ({"expects": []}, "is not a field of this kind"),
    ],
    ids=str,
)
def test_what_is_no_test_is_refused_by_its_shape(test: dict[str, Any], message: str) -> None:
    spec = {"promptRef": {"name": "a"}, "version": "1.0.0", "content": CONTENT, "tests": [{"name": "a", **test}]}

    _, findings = parse_as(PromptVersionSpec, spec, "spec")

    assert [each.message[: len(message)] for each in findings] == [message]


def test_regular_expressions_cost_no_more_than_they_may() -> None:
    hostile = {"text": "{{ x }}", "variables": [{"name": "x", "type": "string"}]}
    patterns = [{"matches": "(a|aa|aaa)*[a-z]{1,300}b"}] * 16
    tests = declared(*({"name": f"t{each}", "variables": {"x": "a" * 3000}, "expect": patterns} for each in range(32)))

    begun = time.thread_time()
    trial = run(tests, canonical(hostile))

    assert time.thread_time() - begun < 2
    assert "would take too long" in str(trial.failures[-1].objection)


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(a*)*b", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_regular_expression_backtracks(pattern: str) -> None:
    content = {"text": "{{ x }}", "variables": [{"name": "x", "type": "string"}]}
    test = {"name": "it", "variables": {"x": "a" * 20_000 + "!"}, "expect": [{"matches": pattern}]}

    begun = time.thread_time()
    trial = run(declared(test), canonical(content))

    assert time.thread_time() - begun < 2
    assert [str(each.objection).split(" ", 3)[:3] for each in trial.failures] == [["it", "does", "not"]]


def test_a_finding_names_its_reason() -> None:
    finding = tried({"contains": "Bob"}).finding

    assert isinstance(finding, Finding)
    assert finding.reason == "TestsFailed"
