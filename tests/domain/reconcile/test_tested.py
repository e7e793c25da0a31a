"""A version serves once its tests passed; what serves already is never taken away by them."""

from typing import Any

import pytest

from promptops.domain.content import trial as trials
from promptops.domain.content.trial import Trial, Tried
from promptops.domain.snapshot import TenantRules
from tests.domain.reconcile.conftest import NAMED

PASSES = [{"name": "greets", "variables": {"name": "Ada"}, "expect": [{"contains": "Ada"}]}]
FAILS = [{"name": "greets", "variables": {"name": "Ada"}, "expect": [{"contains": "Bob"}]}]
WRONG = [{"name": "greets", "expect": [{"matches": "("}]}]
TEXT = "Hi {{ name }}"


def test_a_version_whose_tests_passed_serves_and_says_so(world: Any) -> None:
    world.add("1.0.0", TEXT, tests=PASSES).apply(activeVersion="1.0.0").settle()

    assert world.serving == "1.0.0"
    assert world.versions["greeting-1.0.0"]["status"]["tests"] == {"passed": 1, "failed": 0}


def test_a_failed_test_keeps_the_old_version_serving(world: Any) -> None:
    world.add("1.0.0", TEXT).add("1.1.0", TEXT, tests=FAILS).apply(activeVersion="1.0.0").settle()
    world.apply(activeVersion="1.1.0").settle()

    assert world.serving == "1.0.0"
    assert (world.said("Ready"), world.said("Stalled")) == ("False/TestsFailed", "True/TestsFailed")
    assert world.condition("Ready")["message"] == (
        'version 1.1.0 cannot be activated: 1 of 1 test failed: "greets": it does not contain "Bob"; '
        "versions never change: create a new one with other content or other tests; version 1.0.0 is served"
    )


def test_the_version_says_what_failed(world: Any) -> None:
    world.add("1.0.0", TEXT, tests=FAILS).apply(activeVersion="1.0.0").settle()

    status = world.versions["greeting-1.0.0"]["status"]
    assert status["tests"] == {
        "passed": 0,
        "failed": 1,
        "failures": [{"name": "greets", "message": 'it does not contain "Bob"'}],
    }
    assert (status["phase"], status["conditions"][0]["reason"]) == ("Invalid", "TestsFailed")


def test_a_version_whose_tests_failed_cannot_be_asked_for_by_number(world: Any) -> None:
    world.add("1.0.0", TEXT).add("1.1.0", TEXT, tests=FAILS).apply(activeVersion="1.0.0").settle()

    assert [pin.version for pin in world.published.pins] == ["1.0.0"]


def test_tests_that_cannot_be_run_make_a_version_invalid(world: Any) -> None:
    world.add("1.0.0", TEXT, tests=WRONG).apply(activeVersion="1.0.0").settle()

    assert world.said("Ready") == "False/VersionInvalid"
    assert "spec.tests[0].expect[0].matches: is no regular expression" in world.condition("Ready")["message"]


def test_a_source_becomes_a_version_with_its_tests(world: Any) -> None:
    world.apply(source={"content": {"text": TEXT, "variables": NAMED}, "tests": PASSES}).settle()

    assert world.serving == "1.0.0"
    assert world.versions["greeting-1.0.0"]["spec"]["tests"] == PASSES


def test_a_source_whose_tests_fail_becomes_no_version(world: Any) -> None:
    world.follow(TEXT).settle()
    world.apply(source={"content": {"text": "Bye {{ name }}", "variables": NAMED}, "tests": FAILS}).settle()

    assert (world.serving, len(world.versions), world.said("Ready")) == ("1.0.0", 1, "False/TestsFailed")
    assert world.condition("Ready")["message"].startswith("the source's content becomes no version: 1 of 1 test failed")


def test_a_sources_key_is_tested_too(world: Any) -> None:
    world.configure({"prompt": TEXT})
    source = {"configMapKeyRef": {"name": "settings", "key": "prompt"}, "content": {"variables": NAMED}, "tests": FAILS}
    world.apply(source=source).settle()

    assert world.said("Ready") == "False/TestsFailed"


def test_other_tests_of_the_same_content_make_no_version(world: Any) -> None:
    content = {"text": TEXT, "variables": NAMED}
    world.apply(source={"content": content, "tests": PASSES}).settle()
    world.apply(source={"content": content, "tests": [*PASSES, {**PASSES[0], "name": "again"}]}).settle()

    assert (len(world.versions), world.said("Ready")) == (1, "True/Active")


def test_tests_that_fail_one_day_take_nothing_away(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("1.0.0", TEXT, tests=PASSES).apply(activeVersion="1.0.0").settle()
    monkeypatch.setattr(trials, "_objection", lambda *_: "it fails now")
    world.add("1.1.0", "Hello").settle()

    assert (world.serving, world.published.state, world.said("Ready")) == ("1.0.0", "active", "True/Active")
    assert "1.0.0" in [pin.version for pin in world.published.pins]


def test_a_tenant_can_require_tests_of_what_is_activated(world: Any) -> None:
    world.add("1.0.0", TEXT).apply(activeVersion="1.0.0").settle()
    world.having(rules=TenantRules(requires_tests=True)).add("1.1.0", TEXT).add("1.2.0", TEXT, tests=PASSES)
    world.settle().apply(activeVersion="1.1.0").settle()
    untested = (world.serving, world.said("Ready"), world.condition("Ready")["message"])
    world.apply(activeVersion="1.2.0").settle()

    assert untested == ("1.0.0", "False/TestsRequired", "version 1.1.0 has no tests, and tenant team requires them: create a new version with spec.tests, or add spec.source.tests; version 1.0.0 is served")  # fmt: skip
    assert world.serving == "1.2.0"


def test_a_trial_of_nothing_but_passes_forbids_nothing() -> None:
    assert Trial((Tried("a"), Tried("b"))).finding is None
