"""What no list names: each template, value and manifest is refused with where, why and what to do, or bounded; soon, and for little."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from typing import Any

import pytest

from promptops.api.content import json_of
from promptops.domain.content.canonical import canonical
from promptops.domain.content.checks import check_content
from promptops.domain.findings import Finding
from promptops.domain.review import review
from promptops.reader.requests import read_render_request
from promptops.rendering.errors import InvalidInput, InvalidVariables
from promptops.rendering.execute.plan import Plan, plan
from promptops.rendering.execute.rendered import Rendered
from tests.support.manifests import Manifest
from tests.threats.unlisted_manifests import OTHERS, VERSIONS
from tests.threats.unlisted_templates import BOUNDED, REFUSED, VALUES
from tests.threats.unlisted_values import CONTENT, LITERAL
from tests.threats.unlisted_values import REFUSED as REFUSED_VALUES

SOON = 150
"""Of one look or one render: so many times what counting takes. The dearest takes half as many, and both are a few tenths of a second."""
_COUNTED = 200_000
MEBIBYTES = 50


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """Do it, and return what came of it and how many times as long as counting it took.

    Both are CPU time, which a neighbour on the same core makes longer: of both alike, and the least of five counts.
    """
    taken = []
    for _ in range(5):
        begun = time.process_time()
        try:
            outcome = act()
        except InvalidInput as refusal:
            outcome = refusal
        taken.append((time.process_time() - begun) / counting())
        if taken[-1] < SOON:
            break
    return outcome, min(taken)


def counting() -> float:
    """Return how many seconds of CPU time this machine counts for, now."""
    begun = time.process_time()
    for _ in range(_COUNTED):
        pass
    return time.process_time() - begun


def most_held() -> float:
    """MiB that this process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def planned(content: dict[str, Any]) -> Plan:
    """Content as a sidecar holds it."""
    return plan(json_of(canonical(content)))


def errors(findings: tuple[Finding, ...]) -> list[Finding]:
    return [each for each in findings if each.severity == "error"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_is_refused_at_its_place(name: str) -> None:
    findings, taken = timed(lambda: check_content(REFUSED[name]))

    found = errors(findings)
    assert found, "it was let through"
    assert found[0].path.startswith("spec.content.")
    assert found[0].line is not None or not found[0].path.endswith(("text", "content"))
    assert len(found[0].message) > 20
    assert taken < SOON


@pytest.mark.parametrize("name", BOUNDED)
def test_a_template_that_may_be_applied_ends_soon(name: str) -> None:
    content, before = BOUNDED[name], most_held()
    findings, looked = timed(lambda: check_content(content))
    outcome: Rendered | InvalidInput | None = None
    rendered = 0.0
    if not errors(findings):
        ready = planned(content)
        declared = {each["name"] for each in content.get("variables", ())}
        given = {key: value for key, value in VALUES.items() if key in declared}
        outcome, rendered = timed(lambda: ready.render(given))

    assert not isinstance(outcome, Rendered) or len(outcome.text.encode()) <= 1024 * 1024
    assert max(looked, rendered) < SOON
    assert most_held() - before < MEBIBYTES


def rendering(values: dict[str, Any]) -> Rendered:
    """Render with values that came over HTTP."""
    return HELD.render(read_render_request(json.dumps({"variables": values}).encode()).variables)


HELD = planned(CONTENT)


@pytest.mark.parametrize("name", REFUSED_VALUES)
def test_a_value_is_refused_by_its_name_and_never_quoted(name: str) -> None:
    values = REFUSED_VALUES[name]

    refusal, taken = timed(lambda: rendering(values))

    assert isinstance(refusal, InvalidInput)
    assert not isinstance(refusal, InvalidVariables) or {each.variable for each in refusal.errors} == values.keys()
    assert len(str(refusal)) < 400
    assert str(next(iter(values.values())))[:60] not in str(refusal)
    assert taken < SOON


@pytest.mark.parametrize("name", LITERAL)
def test_a_value_appears_as_it_is_and_in_one_message_alone(name: str) -> None:
    values, expected = LITERAL[name]

    outcome, taken = timed(lambda: rendering(values))

    said = [each["content"] for each in outcome.messages if expected in each["content"]]
    assert len(said) == 1
    assert outcome.messages[0] == {"role": "system", "content": "Be kind."}
    assert len(outcome.messages) == 2 + len(values.get("h", ()))
    assert taken < SOON


@pytest.mark.parametrize("name", [*VERSIONS, *OTHERS])
def test_a_manifest_is_refused_with_what_to_do(name: str) -> None:
    manifest: Manifest = {**VERSIONS, **OTHERS}[name]

    findings, taken = timed(lambda: review(manifest))

    found = errors(findings)
    assert found, "it was let through"
    assert "not a string, not" not in found[0].sentence
    assert "must be a string, not a string" not in found[0].sentence
    assert found[0].path.startswith("spec") or "the name must be" in found[0].message
    assert taken < SOON
