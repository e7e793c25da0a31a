"""What comes in stands where it was included, as Jinja would render it, and nothing on either side of a seam changes the other."""

from __future__ import annotations

import jinja2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptops.api.limits import MAX_TEMPLATE_CHARACTERS
from promptops.rendering.errors import InvalidTemplate
from promptops.rendering.execute.plan import plan
from promptops.rendering.syntax.expansion import TooLong, expand
from promptops.rendering.syntax.parse import parse

VALUES = {"name": "Ada", "tone": "warm", "items": ["a", "b"]}
VARIABLES = [
    {"name": "name", "type": "string"},
    {"name": "tone", "type": "string"},
    {"name": "items", "type": "list", "itemType": "string"},
]


def ours(template: str, texts: dict[str, str]) -> str:
    """The template with its includes, rendered here."""
    content = {"text": expand(template, texts), "variables": VARIABLES}
    return plan(msgspec.json.encode(content)).render(VALUES).text


def theirs(template: str, texts: dict[str, str]) -> str:
    """The same by Jinja."""
    loader = jinja2.DictLoader({**texts, "main": template})
    environment = jinja2.Environment(loader=loader, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - no HTML
    return environment.get_template("main").render(VALUES)


@pytest.mark.parametrize(
    ("template", "included"),
    [
        pytest.param('{% include "a" %}', "Hello", id="a text"),
        pytest.param('<{% include "a" %}>', "{{ name }} is {{ tone }}\n", id="its own variables, its last line end"),
        pytest.param('A {%- include "a" -%} B', "  hi  ", id="the tag takes the blanks around it and not those inside"),
        pytest.param('A {% include "a" %}{{- name }}', "text  ", id="the next tag takes nothing of what comes in"),
        pytest.param('A  {% include "a" %}', "{{- name }}", id="what comes in takes nothing of what stands before"),
        pytest.param('{% include "a" %}  B', "{{ name -}}", id="nor of what stands behind"),
        pytest.param('{% include "a" %}{ name }}', "a {", id="a brace on either side makes no tag"),
        pytest.param('{% include "a" %}# x #}{{ name }}', "{", id="nor a comment"),
        pytest.param('{{ name }}{% include "a" %}', "{% raw %}{{ name }}{% endraw %}", id="what was raw stays literal"),
        pytest.param('{% include "a" %}', "{% raw %}{% raw %}{{{% endraw %}{{ name }}", id="braces before a tag"),
        pytest.param('{% include "a" %}{# one #} x', "{# two -#}  y", id="comments are gone"),
        pytest.param("{% if name %}{% include 'a' %}{% endif %}", "{% if tone %}x{% else %}y{% endif %}", id="in a block"),
        pytest.param('{% for i in items %}{{ i }}{% include "a" %}{% endfor %}', "{{ name }};", id="in a loop"),
        pytest.param('{% include "a" %}, {% include "a" %}', "{% for i in items %}{{ loop.index }}{% endfor %}", id="twice"),
    ],
)  # fmt: skip
def test_what_comes_in_is_what_jinja_includes(template: str, included: str) -> None:
    assert ours(template, {"a": included}) == theirs(template, {"a": included})


@given(
    st.lists(st.sampled_from(["{", "}", "%", "#", " ", "\n", "-", "a", "{{", "}}", "{% endraw %}"]), max_size=12),
    st.lists(st.sampled_from(["{", "}", "%", "#", " ", "\n", "-", "b", "{{", "{%", "{% raw %}"]), max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_literal_text_stays_what_it_is(first: list[str], second: list[str]) -> None:
    before, behind = "".join(first), "".join(second)
    template = f"{literal(before)}{{% include 'a' %}}{literal(behind)}"

    expanded = expand(template, {"a": literal(behind)})

    assert "".join(getattr(node, "text", "?") for node in parse(expanded)) == before + behind + behind


def literal(text: str) -> str:
    """A template that renders the text."""
    return text.replace("{", "{% raw %}{{% endraw %}")


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        pytest.param('{% include "a" %}' * 3, {"a": "x" * 30_000}, id="what comes in, thrice"),
        pytest.param('{% include "a" %}' + "x" * (MAX_TEMPLATE_CHARACTERS - 20), {"a": "y" * 10}, id="a little too much"),
        pytest.param('{% include "a" %}{% include "a" %}', {"a": "{% raw %}" + "{{" * 10_000 + "{% endraw %}"}, id="once written"),
    ],
)  # fmt: skip
def test_what_would_be_too_long_is_never_put_together(template: str, texts: dict[str, str]) -> None:
    with pytest.raises(TooLong):
        expand(template, texts)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        pytest.param("a {% include rules %}", "1:14: behind include stands an alias in quotes", id="no quotes"),
        pytest.param("{% include %}", "1:12: behind include stands an alias in quotes", id="nothing"),
        pytest.param(
            '{% include "a" ignore missing %}', "1:16: an include has nothing but its alias", id="ignore missing"
        ),
        pytest.param('{% include "a" with context %}', "1:16: an include has nothing but its alias", id="with context"),
        pytest.param('{% include "\\x61" %}', "1:12: behind include stands an alias in quotes", id="escapes"),
        pytest.param("{% include ['a', 'b'] %}", "1:12: behind include stands an alias in quotes", id="a list"),
    ],
)
def test_an_include_is_an_alias_in_quotes(template: str, said: str) -> None:
    with pytest.raises(InvalidTemplate) as refusal:
        parse(template)

    assert f"{refusal.value.line}:{refusal.value.column}: {refusal.value.objection}".startswith(said)


def test_a_content_whose_includes_were_not_put_in_is_not_rendered() -> None:
    with pytest.raises(InvalidTemplate, match="there is no include 'a'"):
        plan(b'{"text":"{% include \\"a\\" %}"}')
