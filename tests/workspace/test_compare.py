"""What changed between two contents."""

from __future__ import annotations

import copy
import itertools
import random
from typing import Any

import pytest
from pydantic import ValidationError

from promptops.api.v1alpha1.content import Content
from promptops.domain.content.canonical import canonical
from promptops.workspace.compare import SECTIONS, Comparison, PrefixChange, compare
from promptops.workspace.wording import pieces

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


def told(found: Comparison) -> list[str]:
    """Return every path that is told, with its sign."""
    signs = {"added": "+", "removed": "-", "changed": "~"}
    fields = [f"{signs[each.kind]}{each.path}" for title in SECTIONS for each in found.sections[title]]
    return [each.path for each in found.texts] + fields


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def varied(**differing: Any) -> dict[str, Any]:
    return {"text": "a", "models": [{"match": "a/*", **differing}]}


TOOL = {"name": "look_up", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}
OTHER_TOOL = {"name": "answer"}


@pytest.mark.parametrize(
    ("before", "after", "grade", "changed"),
    [
        pytest.param({"text": "a"}, {"text": "a"}, None, [], id="nothing"),
        pytest.param({"text": "a"}, {"text": "b"}, "patch", ["text"], id="text"),
        pytest.param({"text": "a"}, {"text": "a", "variables": [{**NAME, "optional": True}]}, "minor", ["+variables[name]"], id="an optional variable"),
        pytest.param({"text": "a"}, {"text": "a", "variables": [NAME]}, "major", ["+variables[name]"], id="a required variable"),
        pytest.param({"text": "a", "variables": [NAME]}, {"text": "a", "variables": [NAME, {**NAME, "name": "b"}]}, "major", ["+variables[b]"], id="another variable"),
        pytest.param({"text": "a", "variables": [NAME]}, {"text": "a", "variables": [{**NAME, "maxLength": 9}]}, "major", ["+variables[name].maxLength"], id="a bound of a variable"),
        pytest.param({"text": "a", "variables": [NAME, {**NAME, "name": "b"}]}, {"text": "a", "variables": [{**NAME, "name": "b"}, NAME]}, "patch", ["~variables"], id="variables in another order"),
        pytest.param({"text": "a", "parameters": {"seed": 1}}, {"text": "a"}, "patch", ["-parameters"], id="parameters"),
        pytest.param({"text": "a", "parameters": {"seed": 1, "topP": 1}}, {"text": "a", "parameters": {"seed": 2, "topP": 1}}, "patch", ["~parameters.seed"], id="a parameter"),
        pytest.param({"text": "a", "parameters": {"extra": {"a": {"b": 1}}}}, {"text": "a", "parameters": {"extra": {"a": {"b.c": 1}}}}, "patch", ["-parameters.extra.a.b", '+parameters.extra.a["b.c"]'], id="a renamed key of a free parameter"),
        pytest.param({"text": "a", "parameters": {"extra": {"a": 1}}}, {"text": "a", "parameters": {"extra": {"a": True}}}, "patch", ["~parameters.extra.a"], id="one is not true"),
        pytest.param({"text": "a", "parameters": {"extra": {"tests": [1, 2]}}}, {"text": "a", "parameters": {"extra": {"tests": [2, 1]}}}, "patch", ["~parameters.extra.tests"], id="a free list of no things"),
        pytest.param({"messages": [said("user", "a")]}, {"messages": [said("system", "a")]}, "patch", ["~messages[0].role"], id="a role"),
        pytest.param({"text": "a"}, {"messages": [said("user", "a")]}, "patch", ["text", "messages[0]", "+messages[0].role"], id="text becomes messages"),
        pytest.param({"messages": [said("user", "a"), said("assistant", "b")]}, {"messages": [said("system", "s"), said("user", "a"), said("assistant", "b")]}, "patch", ["messages[0]", "+messages[0].role"], id="a message before the others"),
        pytest.param({"messages": [said("system", "s"), said("user", "a"), said("user", "b")]}, {"messages": [said("user", "a"), said("user", "c")]}, "patch", ["messages[0]", "messages[1]", "-messages[0].role"], id="one taken away, one changed"),
        pytest.param({"messages": [said("user", "a"), {"placeholder": "h"}]}, {"messages": [said("user", "a"), {"placeholder": "h", "roles": ["user"]}]}, "patch", ["+messages[1].roles"], id="the roles of a history"),
        pytest.param(varied(text="a"), varied(text="b"), "patch", ["models[a/*].text"], id="the text of a variant"),
        pytest.param(varied(messages=[said("user", "a")]), varied(messages=[said("developer", "a")]), "patch", ["~models[a/*].messages[0].role"], id="a message of a variant"),
        pytest.param(varied(parameters={"seed": 1}), varied(parameters={"seed": 2}), "patch", ["~models[a/*].parameters.seed"], id="a parameter of a variant"),
        pytest.param({"text": "a"}, varied(text="b"), "patch", ["models[a/*].text", "+models[a/*]"], id="a first variant"),
        pytest.param({"text": "a", "tools": [TOOL]}, {"text": "a", "tools": [OTHER_TOOL, {**TOOL, "parameters": {"type": "object", "properties": {"q": {"type": "integer"}}}}]}, "patch", ["~tools[look_up].parameters.properties.q.type", "+tools[answer]"], id="tools"),
        pytest.param({"text": "a", "responseFormat": {"type": "text"}}, {"text": "a", "responseFormat": {"type": "json_schema", "schema": {}}}, "patch", ["~responseFormat.type", "+responseFormat.schema"], id="the form of answers"),
    ],
)  # fmt: skip
def test_everything_that_differs_is_named(
    before: dict[str, Any], after: dict[str, Any], grade: str | None, changed: list[str]
) -> None:
    found = compare(before, after)

    assert (found.grade, sorted(told(found))) == (grade, sorted(changed))


INCLUDE = {"alias": "rules", "promptRef": {"name": "rules"}, "version": "1.0.0"}


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        pytest.param({}, {"changelog": "now"}, ["+changelog"], id="a changelog"),
        pytest.param({"metadata": {"team": "a"}}, {"metadata": {"team": "b", "for": "x"}}, ["~metadata.team", "+metadata.for"], id="metadata"),
        pytest.param({"lifecycle": "Available"}, {"lifecycle": "Archived"}, ["~lifecycle"], id="lifecycle"),
        pytest.param({"tests": [{"name": "a", "variables": {}}]}, {"tests": [{"name": "a", "variables": {"x": 1}}]}, ["+tests[a].variables.x"], id="a test"),
        pytest.param({"content": {"includes": [INCLUDE]}}, {"content": {"includes": [{**INCLUDE, "version": "2.0.0"}]}}, ["~includes[rules].version"], id="a newer include"),
        pytest.param({"version": "1.0.0"}, {"version": "2.0.0"}, [], id="its own number"),
    ],
)  # fmt: skip
def test_what_stands_beside_the_content_is_compared_too(
    before: dict[str, Any], after: dict[str, Any], changed: list[str]
) -> None:
    found = compare({"text": "a"}, {"text": "a"}, before, after)

    assert (found.grade, told(found)) == (None, changed)


WHOLE: dict[str, Any] = {
    "messages": [said("system", "a"), said("user", "b {{ x }}"), {"placeholder": "h"}, said("user", "c")],
    "variables": [
        {"name": "x", "type": "string", "enum": ["a", "b"]},
        {"name": "o", "type": "object", "properties": [{"name": "p", "type": "string"}, {"name": "q", "type": "number"}]},
        {"name": "h", "type": "list", "itemType": "message"},
    ],
    "parameters": {"temperature": 0.5, "stop": ["a", "b"], "extra": {"a": [{"name": "b"}, 1, None], "c": {"d": False}}},
    "models": [{"match": "a/*", "text": "t"}, {"match": "b/*", "messages": [said("user", "m")], "parameters": {"seed": 1}}],
    "responseFormat": {"type": "json_schema", "schema": {"type": "object", "required": ["a", "b"]}},
    "tools": [TOOL, OTHER_TOOL],
}  # fmt: skip


def mutated(content: Any, chosen: random.Random) -> Any:
    """Return a copy with something changed, moved, added or taken away somewhere."""
    changed = copy.deepcopy(content)
    places: list[tuple[Any, Any]] = []
    waiting: list[Any] = [changed]
    while waiting:
        each = waiting.pop()
        keys = each.keys() if isinstance(each, dict) else range(len(each))
        places += [(each, key) for key in keys]
        waiting += [each[key] for key in keys if isinstance(each[key], dict | list) and each[key]]
    for _ in range(chosen.randint(1, 3)):
        holder, key = chosen.choice(places)
        if isinstance(holder, list) and len(holder) > 1 and chosen.random() < 0.4:
            chosen.shuffle(holder)
        elif isinstance(holder, dict) and key in holder and chosen.random() < 0.4:
            del holder[key]
        elif isinstance(holder, dict) and chosen.random() < 0.3:
            holder[f"k{chosen.randint(0, 9)}"] = chosen.choice([None, True, 1, "x", [], {}])
        elif isinstance(holder, dict) or key < len(holder):
            holder[key] = chosen.choice([None, False, 0, 2.5, "other", "", [], {"a": 1}])
    return changed


def fits(content: dict[str, Any]) -> bool:
    """Whether it has the shape of content."""
    try:
        Content.model_validate(content)
    except ValidationError:
        return False
    return True


def test_whatever_changes_the_digest_is_told() -> None:
    chosen = random.Random(13)  # noqa: S311
    possible = [each for each in (mutated(WHOLE, chosen) for _ in range(700)) if fits(each)]
    pairs = [*itertools.pairwise(possible), *((WHOLE, each) for each in possible)]
    assert len(pairs) > 100

    silent = [
        (one, other) for one, other in pairs if compare(one, other).is_empty != (canonical(one) == canonical(other))
    ]

    assert silent == []


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
