"""What Jinja2 renders of the common language, we render; and the short way renders what the long way does."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.rendering.errors import InvalidTemplate, PromptError
from promptops.rendering.execute.plan import Plan, plan
from promptops.rendering.execute.rendered import Rendered
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
    {"name": "w", "type": "list", "itemType": "string", "maxLength": 20, "optional": True},
    {"name": "m", "type": "list", "itemType": "integer", "trust": "trusted", "optional": True},
    {"name": "p", "type": "object", "properties": [{"name": "s", "type": "string"}, {"name": "o", "type": "string", "optional": True}]},
]  # fmt: skip
TEMPLATES = (
    "{{ a }}",
    "<{{ a }}|{{ b }}|>{{ c }}{{ t }}",
    "{{ n }} {{ a }}{{ a }}",
    "{% for x in l %}{{ x.q }}{{ x.z }}{{ loop.index }}{% else %}none{% endfor %}{{ b }}",
    "{% if b %}{{ b | upper }}{% elif c == 'D' %}]{{ t }}{% endif %}",
    "{{ a }}{{ '|im_end|>' }}",
    "{{ a | replace('x', '>') }}{{ b | default('|>') }}",
    "{{ a }}{{ t }}",
    "{% for x in l %}{% if x.z %}{{ x.q | upper }}{% elif loop.first %}-{{ x.q }}{{ n }}{% else %}{{ b }}{% endif %}{{ x.z }}{% endfor %}",
    "{% if l %}{% for x in l %}{{ loop.index }}/{{ loop.length }}{{ x.q }}{{ x.z }}{% else %}{{ b }}{% endfor %}{% for x in l %}{% if not loop.last and x.z is defined %}{{ x.q | lower }}{{ c }}{% endif %}{% endfor %}{% endif %}",
    "{% for b in w %}{{ b }}{{ loop.revindex0 }}{% if b in a %}{{ a }}{% endif %}{% endfor %}{{ b }}{{ c | upper }}{{ a | upper }}",
    "{% for i in m %}{{ i }}{{ i > 2 }}{% endfor %}{{ p.s }}{{ p.o | default('-') }}{% if p.o == 'x' %}{{ p.s | lower }}{% endif %}",
    "{% for x in l %}{{ loop.nextitem.q | default('end') }}{% endfor %}{% for x in l | sort(false, false, 'q') %}{{ x.q }}{% endfor %}",
    "{% for x in l %}{% if w %}{{ x.q }}{% endif %}{% endfor %}{% for y in w %}{% if l %}{{ y }}{% endif %}{% endfor %}",
    "{% for x in l %}{{ c }}{% for y in l %}{{ y.q }}{{ loop.index }}{% endfor %}{% endfor %}",
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
) | st.sampled_from(
    ["<|im_end|>", "[INST]", "<<SYS>>", "im_end", "SYS>", "<|im_", "[/INST", "end|>", "|im_end|>", "T]", "plain text"]
)
ANYTHING = TEXT | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(TEXT, max_size=2)
OBJECT = st.fixed_dictionaries({"q": TEXT}, optional={"z": st.booleans(), "y": TEXT})
VALUES = st.fixed_dictionaries(
    {"a": TEXT | ANYTHING, "n": st.integers(-5, 12) | st.floats(-5, 12), "p": st.fixed_dictionaries({"s": TEXT}, optional={"o": TEXT})},
    optional={"b": ANYTHING, "c": TEXT, "t": TEXT, "l": st.lists(OBJECT, max_size=4), "w": st.lists(TEXT, max_size=3), "m": st.lists(st.integers(-3, 3), max_size=3), "unknown": TEXT},
)  # fmt: skip


@pytest.mark.parametrize("seed", range(0, 1000, 50), ids=lambda seed: f"{seed} to {seed + 49}")
def test_jinja2_renders_the_same(seed: int) -> None:
    theirs = differential.environment()

    different = [found for number in range(seed, seed + 50) if (found := differential.compare(number, theirs))]

    assert different == []


def slowly(made: Plan, values: dict[str, Any]) -> Rendered | str:
    try:
        return made._render_slowly(values, False, None)
    except PromptError as error:
        return str(error)


@settings(max_examples=600, deadline=None)
@given(values=VALUES, made=st.sampled_from(PLANS))
def test_the_short_way_answers_what_the_long_way_does(values: dict[str, Any], made: Plan) -> None:
    rendered = made._quick(values)

    assert rendered is None or rendered == slowly(made, values)


TRUSTED = [
    plan(
        msgspec.json.encode(
            {
                "text": template,
                "variables": [
                    {"name": "t", "type": "string", "trust": "trusted"},
                    {"name": "o", "type": "string", "trust": "trusted", "optional": True},
                    {"name": "unread", "type": "string", "optional": True},
                ],
            }
        )
    )
    for template in (
        "{{ t }}",
        "{{ t }}{{ o }}",
        "a {{ t }}: {{ o }}",
        "<|im_{{ t }}",
        "{{ t }}|> is{{ o }}",
        "[{{ t }}]",
        "{{ o }} <{{ t }}>>",
        "{% if o %}<|im_{% endif %}{{ t }}",
        "{% for x in [1, 2] %}{% if loop.first %}a <|{% endif %}{{ t }}{% endfor %}",
        "{% for x in [1, 2] %}{{ t }} {{ o }}{% endfor %}",
        "{% for x in [1, 2] %}- {{ t }}{% if o %}: {{ o }}{% else %}<{% endif %}{% endfor %}",
        "[{% for x in [1, 2] %}{% else %}.{% endfor %}{{ t }}",
        "a {% if o %}{{ o }}{% endif %} {{ t }}",
        "{% for x in ['<!im_', t] %}{{ x | replace('!', '|') }}{% endfor %}",
        "{{ t | default('<|') | upper }} {{ ['<|im', '_end', '|>'] | join }}",
    )
]


@settings(max_examples=300, deadline=None)
@given(values=st.fixed_dictionaries({"t": TEXT}, optional={"o": TEXT, "unread": TEXT}), made=st.sampled_from(TRUSTED))
def test_the_short_way_answers_the_same_where_all_is_trusted(values: dict[str, Any], made: Plan) -> None:
    rendered = made._quick(values)

    assert rendered is None or rendered == slowly(made, values)


def test_a_trusted_value_of_another_script_beside_one_that_nobody_gave() -> None:
    assert [made.render({"t": "é"}).warnings for made in TRUSTED[:3]] == [()] * 3


@pytest.mark.parametrize("made", TRUSTED[:3])
def test_a_token_that_one_trusted_value_has_whole_stays(made: Plan) -> None:
    assert "<|im_end|>" in made.render({"t": "<|im_end|>"}).text


@pytest.mark.parametrize(
    "template",
    [
        "{{ '<!im_end!>' | replace('!', '|') }}",
        "{{ ['<|im', 'end|>'] | join('_') }}",
        "{% for x in ['<|', 'im_end', '|>'] %}{{ x }}{% endfor %}",
        "<|im{{ '_' }}end|>",
        "{% if true %}<|im_{% endif %}end|>",
        "{{ ('<|im_end|>' if true) | default('') }}",
        "{{ ['<|im_end|>'] | first }}",
        "{{ ['a', '<|im_end|>'][1] }}",
        "{{ '<|IM_END|>' | lower }}",
    ],
)
@pytest.mark.parametrize("variables", [[], [{"name": "t", "type": "string", "trust": "trusted", "optional": True}]])
def test_no_token_is_put_together_of_constants(template: str, variables: list[dict[str, Any]]) -> None:
    made = plan(msgspec.json.encode({"text": template + "{{ t }}" * len(variables), "variables": variables}))
    rendered = made.render({})

    assert rendered.text.lower() == "< |im_end|>"
    assert [each.code for each in rendered.warnings] == ["ValueChanged"]


@pytest.mark.parametrize(
    ("template", "values", "rendered"),
    [
        pytest.param("{{ a }}{{ '|im_end|>' }}", {"a": "<"}, "< |im_end|>", id="a constant"),
        pytest.param("{{ a | replace('x', '>') }}", {"a": "<|im_end|x"}, "< |im_end|>", id="what a filter puts in"),
        pytest.param("{{ a }}{{ t }}", {"a": "<", "t": "|im_end|>"}, "< |im_end|>", id="a trusted value"),
        pytest.param("{{ a }}{{ d }}", {"a": "<"}, "< |im_end|>", id="a default"),
        pytest.param("{% for x in l %}{{ x.q }}{% endfor %}", {"a": "", "l": [{"q": "<|im_"}, {"q": "end|>"}]}, "< |im_end|>", id="two items"),
    ],
)  # fmt: skip
def test_what_completes_a_token_is_looked_for_wherever_it_comes_from(
    template: str, values: dict[str, Any], rendered: str
) -> None:
    variables = [*VARIABLES, {"name": "d", "type": "string", "default": "|im_end|>"}]
    made = plan(msgspec.json.encode({"text": template, "variables": variables}))

    assert made.render({"n": 1, "p": {"s": ""}} | values).text == rendered


def test_what_a_loop_would_make_is_counted_before_it_is_made() -> None:
    variables = [{"name": "doc", "type": "string"}, {"name": "l", "type": "list", "itemType": "string"}]
    template = "{% for x in l %}" + "{{ doc }}{{ x }}" * 20 + "{% endfor %}"
    made = plan(msgspec.json.encode({"text": template, "variables": variables}))
    values = {"doc": "x" * 100_000, "l": ["y"] * 1000}
    tracemalloc.start()

    with pytest.raises(PromptError, match="larger than"):
        made.render(values)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_messages_share_the_steps_of_a_render() -> None:
    variables = [{"name": "l", "type": "list", "itemType": "integer"}]
    each = {"role": "user", "content": "{% for x in l %}{% if x == 1 %}{% endif %}{% endfor %}"}
    made = plan(msgspec.json.encode({"messages": [each] * 3, "variables": variables}))

    with pytest.raises(PromptError, match="more than 100000 steps"):
        made.render({"l": [1] * 30_000})


def test_the_short_way_is_taken() -> None:
    values = {"a": "x", "n": 1, "l": [{"q": "é漢😀", "z": True}], "w": ["y"], "m": [1], "p": {"s": "z"}}

    assert all(made._quick(values) is not None for made in PLANS)


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

    assert made._quick({"a": "x"}) is None
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
