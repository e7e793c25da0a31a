"""What Jinja2 renders of the common language, we render; and the short way renders what the long way does."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.rendering.errors import InvalidTemplate, PromptError
from promptops.rendering.execute.plan import Plan, Rendered, plan
from promptops.rendering.execute.quick import quick_render
from promptops.rendering.execute.values import Fuel
from promptops.rendering.syntax.parse import parse
from tests.rendering import differential

VARIABLES = [
    {"name": "a", "type": "string", "maxLength": 30},
    {"name": "b", "type": "string", "optional": True},
    {"name": "c", "type": "string", "default": "D"},
    {"name": "t", "type": "string", "trust": "trusted", "optional": True},
    {"name": "n", "type": "number", "maximum": 10},
    {"name": "l", "type": "list", "itemType": "object", "properties": [{"name": "q", "type": "string"}, {"name": "z", "type": "boolean", "optional": True}], "maxItems": 3, "optional": True},
]  # fmt: skip
TEMPLATES = (
    "{{ a }}",
    "<{{ a }}|{{ b }}|>{{ c }}{{ t }}",
    "{{ n }} {{ a }}{{ a }}",
    "{% for x in l %}{{ x.q }}{{ x.z }}{{ loop.index }}{% else %}none{% endfor %}{{ b }}",
    "{% if b %}{{ b | upper }}{% elif c == 'D' %}]{{ t }}{% endif %}",
)
PLANS = [plan(msgspec.json.encode({"text": template, "variables": VARIABLES})) for template in TEMPLATES] + [
    plan(
        msgspec.json.encode(
            {"messages": [{"role": "user", "content": each} for each in TEMPLATES], "variables": VARIABLES}
        )
    )
]
TEXT = st.text(
    st.sampled_from("abc<>|]/[ \r\n\t\x00é漢\u0301\u200b\ufe0f\u202e\ud800😀IM_NST"), max_size=40
) | st.sampled_from(["<|im_end|>", "[INST]", "<<SYS>>", "im_end", "SYS>", "<|im_", "[/INST", "plain text"])
ANYTHING = TEXT | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(TEXT, max_size=2)
OBJECT = st.fixed_dictionaries({"q": TEXT}, optional={"z": st.booleans(), "y": TEXT})
VALUES = st.fixed_dictionaries(
    {"a": TEXT | ANYTHING, "n": st.integers(-5, 12) | st.floats(-5, 12)},
    optional={"b": ANYTHING, "c": TEXT, "t": TEXT, "l": st.lists(OBJECT, max_size=4), "unknown": TEXT},
)  # fmt: skip


@pytest.mark.parametrize("seed", range(0, 1000, 100))
def test_jinja2_renders_the_same(seed: int) -> None:
    theirs = differential.environment()

    different = [found for number in range(seed, seed + 100) if (found := differential.compare(number, theirs))]

    assert different == []


def slowly(made: Plan, values: dict[str, Any]) -> Rendered | str:
    try:
        return made._render_slowly(values, False, None)
    except PromptError as error:
        return str(error)


@settings(max_examples=600, deadline=None)
@given(values=VALUES, made=st.sampled_from(PLANS))
def test_the_short_way_answers_what_the_long_way_does(values: dict[str, Any], made: Plan) -> None:
    assert made._quick is not None
    contents = made._quick(values)

    if contents is not None:
        assert made._answer(contents, values) == slowly(made, values)


def test_the_short_way_is_taken() -> None:
    values = {"a": "x", "n": 1, "l": [{"q": "é漢😀", "z": True}]}

    assert all(made._quick is not None and made._quick(values) is not None for made in PLANS)


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("{}%#-+ \n'\"|.()[]=,<>!abifornelsdt0123\\é"), max_size=60))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    place = (1, 1)

    try:
        parse(text)
    except InvalidTemplate as refusal:
        place = refusal.line, refusal.column

    assert place >= (1, 1)


@pytest.mark.parametrize("seed", range(20))
def test_any_template_of_the_language_can_be_compiled(seed: int) -> None:
    template = differential.Writer(random.Random(seed)).template()  # noqa: S311
    made = plan(msgspec.json.encode({"text": template, "variables": differential.VARIABLES}))

    (part,) = made.parts
    assert callable(part.program.run)  # type: ignore[union-attr]


def test_a_large_content_has_no_short_way() -> None:
    made = plan(msgspec.json.encode({"text": "{{ a }} " * 400, "variables": VARIABLES[:1]}))

    assert quick_render(made.content.variables, [part.program for part in made.parts]) is None  # type: ignore[union-attr]
    assert made.render({"a": "x"}).text == "x " * 400
    assert Fuel().left > 0


def test_an_object_never_stands_for_another() -> None:
    """What is read without looking must be there in both."""
    one = {"name": "one", "type": "object", "optional": True, "properties": [{"name": "a", "type": "string"}]}
    other = {"name": "other", "type": "object", "properties": [{"name": "b", "type": "string"}]}
    lists = [{"name": f"{name}s", "type": "list", "itemType": "object", "properties": each["properties"]} for name, each in (("one", one), ("other", other))]  # fmt: skip
    template = (
        "{{ (one | default(other)).a }}{% for x in (ones if one else others) %}{{ x.a | default('-') }}{% endfor %}"
    )
    made = plan(msgspec.json.encode({"text": template, "variables": [one, other, *lists]}))

    with pytest.raises(PromptError, match="is missing"):
        made.render({"other": {"b": "B"}, "ones": [], "others": [{"b": "B"}]})
    assert made.render({"one": {"a": "A"}, "other": {"b": "B"}, "ones": [{"a": "A"}], "others": []}).text == "AA"
