"""Whatever is written or given: a template is read or refused with a place, a value is what was given or named as wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.api.content import Variable
from promptops.domain.content.canonical import canonical, digest
from promptops.rendering.errors import InvalidInput, InvalidTemplate, InvalidVariables, PromptError
from promptops.rendering.execute.plan import plan
from promptops.rendering.syntax.parse import parse
from promptops.rendering.syntax.tree import Text
from promptops.rendering.variables import resolve

Result = TypeVar("Result")
PIECES = ["{{", "}}", "{%", "%}", "{#", "#}", "-", " ", "\n", "x", "l", "if", "elif", "else", "endif", "for", "in", "endfor", "raw", "endraw", "|", "(", ")", "[", "]", ".", ",", "'", "1", "==", "not", "upper", "default", "loop", "is", "é", "\u00a0"]  # fmt: skip
TEMPLATES = st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join) | st.text(max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
DECLARED = tuple(
    msgspec.convert(each, Variable)
    for each in (
        {"name": "s", "type": "string"},
        {"name": "i", "type": "integer", "optional": True},
        {"name": "b", "type": "boolean", "optional": True},
        {"name": "l", "type": "list", "optional": True},
        {"name": "o", "type": "object", "optional": True},
    )
)


def outcome(attempt: Callable[[], Result]) -> tuple[Result | None, PromptError | None]:
    """Return what came of it, or the error of ours that it ended with; any other error fails the test."""
    try:
        return attempt(), None
    except PromptError as error:
        return None, error


@settings(max_examples=400, deadline=None)
@given(template=TEMPLATES)
def test_a_template_is_read_or_refused_at_a_place_in_it(template: str) -> None:
    body, refused = outcome(lambda: parse(template))

    if isinstance(refused, InvalidTemplate):
        assert 1 <= refused.line <= template.count("\n") + 1
        assert 1 <= refused.column <= len(template.split("\n")[refused.line - 1]) + 1
    else:
        assert all(node.text for node in body or () if isinstance(node, Text))


@settings(max_examples=300, deadline=None)
@given(template=TEMPLATES, values=st.dictionaries(st.sampled_from(["x", "l"]), JSON, max_size=2))
def test_an_admitted_template_renders_or_says_why_not(template: str, values: dict[str, Any]) -> None:
    content = {"text": template, "variables": [{"name": "x", "type": "string"}, {"name": "l", "type": "list"}]}
    rendered, refused = outcome(lambda: plan(msgspec.json.encode(content)).render(values))

    if rendered is not None:
        assert rendered.messages == ({"role": "user", "content": rendered.text},)
    elif isinstance(refused, InvalidInput):
        assert refused.reason in ("InvalidVariables", "RenderFailed", "BudgetExceeded", "OutputTooLarge")
    else:
        assert isinstance(refused, InvalidTemplate)


@settings(max_examples=400, deadline=None)
@given(values=st.dictionaries(st.sampled_from(["s", "i", "b", "l", "o", "other"]), JSON, max_size=5))
def test_what_is_accepted_is_what_was_given(values: dict[str, Any]) -> None:
    text = json.dumps(values, ensure_ascii=False)
    resolved, refused = outcome(lambda: resolve(DECLARED, values))

    if resolved is None:
        assert isinstance(refused, InvalidVariables)
    else:
        assert {name: resolved.values[name] for name in resolved.values if not resolved.warnings} == (
            {name: value for name, value in values.items() if name != "other"} if not resolved.warnings else {}
        )
    assert json.dumps(values, ensure_ascii=False) == text


@settings(max_examples=300, deadline=None)
@given(value=JSON, other=JSON)
def test_one_content_has_one_digest_whatever_the_order_of_its_keys(value: Any, other: Any) -> None:
    content = {"text": "a", "parameters": {"extra": {"b": value, "a": other}}}
    turned = {"parameters": {"extra": {"a": other, "b": value}}, "text": "a"}
    same_value = json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)
    swapped = {"text": "a", "parameters": {"extra": {"a": value, "b": other}}}

    assert canonical(content) == canonical(turned)
    assert (digest(content) == digest(swapped)) == same_value
