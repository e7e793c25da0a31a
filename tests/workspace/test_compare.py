"""What changed between two contents."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.workspace.compare import PrefixChange, compare, pieces

NAME = {"name": "name", "type": "string"}


def words(before: str, after: str) -> str:
    marks = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return "".join(marks[each.kind].format(each.text) for each in pieces(before, after))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("one two three", "one 2 three", "one [-two-]{+2+} three", id="a word"),
        pytest.param("a\nb\n", "a\nc\nb\n", "a\n{+c\n+}b\n", id="a line added"),
        pytest.param("a\nb\nc\n", "a\nc\n", "a\n[-b\n-]c\n", id="a line removed"),
        pytest.param("quite something", "nothing alike, here", "[-quite something-]{+nothing alike, here+}", id="another text"),
        pytest.param("", "x", "{+x+}", id="from nothing"),
    ],
)  # fmt: skip
def test_texts_are_compared_by_lines_and_words(before: str, after: str, expected: str) -> None:
    assert words(before, after) == expected


@pytest.mark.parametrize(
    ("before", "after", "grade", "changed"),
    [
        pytest.param({"text": "a"}, {"text": "a"}, None, [], id="nothing"),
        pytest.param({"text": "a"}, {"text": "b"}, "patch", ["text"], id="text"),
        pytest.param({"text": "a"}, {"text": "a", "variables": [{**NAME, "optional": True}]}, "minor", ["name"], id="an optional variable"),
        pytest.param({"text": "a"}, {"text": "a", "variables": [NAME]}, "major", ["name"], id="a required variable"),
        pytest.param({"text": "a", "parameters": {"seed": 1}}, {"text": "a"}, "patch", ["parameters"], id="parameters"),
        pytest.param({"messages": [{"role": "user", "content": "a"}]}, {"messages": [{"role": "system", "content": "a"}]}, "patch", ["messages[0].role"], id="a role"),
        pytest.param({"text": "a"}, {"messages": [{"role": "user", "content": "a"}]}, "patch", ["text", "messages[0]", "messages[0].role"], id="text becomes messages"),
    ],
)  # fmt: skip
def test_everything_that_differs_is_named(
    before: dict[str, Any], after: dict[str, Any], grade: str | None, changed: list[str]
) -> None:
    found = compare(before, after)

    named = [path for path, _ in found.texts] + [each.path for each in (*found.variables, *found.rest)]
    assert (found.grade, named) == (grade, changed)


def chat(*messages: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in messages], "variables": [NAME]}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param({"text": "one two"}, {"text": "one 2"}, PrefixChange(0, 4), id="a text"),
        pytest.param(chat(("system", "a {{ name }} b")), chat(("system", "a {{ name }} c")), None, id="after a value"),
        pytest.param(chat(("system", "a {{ name }}"), ("user", "b")), chat(("system", "a {{ name }}"), ("user", "c")), None, id="a message after a value"),
        pytest.param(chat(("system", "a"), ("user", "bc")), chat(("system", "a"), ("user", "bd")), PrefixChange(1, 1), id="the second message"),
        pytest.param(chat(("system", "a")), chat(("user", "a")), PrefixChange(0, 0), id="a role"),
        pytest.param(chat(("system", "a")), chat(("system", "a"), ("user", "b")), PrefixChange(1, 0), id="a message more"),
        pytest.param(chat(("system", "ab")), chat(("system", "a{{ name }}")), PrefixChange(0, 1), id="a value where text was"),
        pytest.param({"text": "a", "parameters": {"seed": 1}}, {"text": "a"}, None, id="parameters"),
    ],
)  # fmt: skip
def test_where_a_prefix_cache_begins_to_miss_is_told(
    before: dict[str, Any], after: dict[str, Any], expected: PrefixChange | None
) -> None:
    found = compare(before, after)

    assert found.prefix == expected
