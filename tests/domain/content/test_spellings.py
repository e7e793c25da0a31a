"""Values as other languages write them are text, and their author hears of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from promptops.domain.content.checks import check_content
from promptops.domain.content.spellings import check_spellings, spellings
from promptops.domain.content.subject import Subject
from promptops.domain.findings import Finding
from tests.support.growth import Work, assert_linear

X = {"name": "x", "type": "string"}


def told(text: str, *variables: dict[str, str]) -> list[Finding]:
    """What is said of a text that is not an error."""
    return [each for each in check_content({"text": text, "variables": list(variables)}) if each.severity == "warning"]


@pytest.mark.parametrize(
    "spelling",
    [
        "{x}", "{ x }", "${x}", "#{x}", "{$x}", "{x!r}", "{x!r:>10}", "{x:.2f}", "{x|upper}", "$x", "$(x)", "%(x)s", "%x%", "<%= x %>", "<%= @x -%>",
        "<%- x %>", "<x>", "<<x>>", "[x]", "[[ x ]]",
    ],
)  # fmt: skip
def test_another_spelling_of_a_variable_that_nobody_reads_is_told_where_it_stands(spelling: str) -> None:
    found = told(f"Hello,\ndear {spelling}.", X)

    assert [(each.line, each.column) for each in found] == [(2, 6)]
    assert found[0].message == f"{spelling} is text, and x is declared and never used: did you mean {{{{ x }}}}?"


@pytest.mark.parametrize("text", ["<x>\nfacts\n</x>", '{"x": 1}', "$xy and {y}", "[xy]", "Mr. x", "{xx}"])
def test_what_only_looks_like_it_is_not_pointed_at(text: str) -> None:
    found = told(text, X)

    assert [(each.path, each.line) for each in found] == [("spec.content.variables[0]", None)]


@pytest.mark.parametrize(
    "value", ["{question}", "{question!r:>10}", "${question}", "#{question}", "{$question}", "%(question)s", "<%= question %>", "<<question>>", "[[question]]"]
)  # fmt: skip
def test_a_template_of_another_language_and_no_variable_is_told(value: str) -> None:
    found = told(f"Answer {value}")

    assert [(each.reason, each.line, each.column) for each in found] == [("UndeclaredVariable", 1, 8)]
    assert "a value is written {{ question }}, its name under variables" in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        'Answer as {"thought": "…", "action": {"name": {}}}.', "{yes|no}", "{name: string}", "\\frac{a}{b}", "x_{i} and 2^{n}", "f{x}", "a { b } c", "{0} {}", "$5 and $name",
        "<context>facts</context>", "[a](b)", "%s", "{{ '{' }}{a}", "{% raw %}{{ a }}{% endraw %}{a}",
    ],
)  # fmt: skip
def test_other_braces_and_marks_are_nobodys_concern(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize("braces", ["｛｛x｝｝", "｛｛ x ｝｝", "{｛x｝}", "｛{x}}", "﹛﹛x﹜﹜", "❴❴x❵❵"])
def test_braces_of_another_script_are_told(braces: str) -> None:
    found = told(f"{{{{ x }}}} {braces}", X)

    assert [(each.reason, each.column) for each in found] == [("TemplateSyntax", 9)]
    assert found[0].message == f"{braces} is text: write {{{{ x }}}}, with braces of ASCII"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda size: "{x" * size, id="braces that never close"),
        pytest.param(lambda size: "".join(f"${each} $a{each}" for each in range(size // 4)), id="names"),
        pytest.param(lambda size: "<%= " * (size // 2), id="openings"),
        pytest.param(lambda size: "{{ x }}" + "｛" * size, id="wide braces"),
        pytest.param(lambda size: "{ " + " " * size, id="blanks"),
    ],
)
def test_looking_for_other_spellings_is_linear(make: Callable[[int], str]) -> None:
    def looking(size: int) -> Work:
        subject = Subject.of({"text": make(size), "variables": [X]})
        return lambda: (spellings(subject, {"x"}), list(check_spellings(subject)))

    assert_linear(looking, 30_000)
