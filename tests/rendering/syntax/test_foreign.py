"""Who writes as another language has it is told how it is written here."""

from __future__ import annotations

import pytest

from promptops.api.content import Variable
from promptops.rendering.errors import InvalidTemplate
from promptops.rendering.execute.program import Program

VARIABLES = (Variable("x", "string"), Variable("user", "object"))


@pytest.mark.parametrize(
    ("template", "way_out"),
    [
        pytest.param("{{#if x}}a{{/if}}", "write {% if name %} … {% endif %}", id="Handlebars if"),
        pytest.param("{{#each x}}a{{/each}}", "{% for item in list %} … {% endfor %}", id="Handlebars each"),
        pytest.param("{{^x}}a{{/x}}", "write {% if not name %} … {% endif %}", id="Mustache inverted"),
        pytest.param("{{{x}}}", "two braces are enough", id="Mustache unescaped"),
        pytest.param('{"a": {{{x}}}}', "as in { {{ x }} }", id="a brace around a value"),
        pytest.param("{{&x}}", "leave the & out", id="Mustache ampersand"),
        pytest.param("{{! note }}", "write {# note #}", id="Mustache comment"),
        pytest.param("{{@index}}", "write loop.index", id="Handlebars index"),
        pytest.param("{% if x %}{% else if x %}{% endif %}", "write {% elif … %}", id="else if"),
        pytest.param("{% if x %}{% elseif x %}{% endif %}", "write {% elif … %}", id="Twig elseif"),
        pytest.param("{% unless x %}{% endunless %}", "write {% if not … %}", id="Liquid unless"),
        pytest.param("{% assign y = x %}", "declare a variable, perhaps with a default", id="Liquid assign"),
        pytest.param("{{ x == null }}", "write none", id="null"),
        pytest.param("{{ userName }}", "lower case letters, digits and underscores", id="a name in camel case"),
        pytest.param("{{ x ~ x }}", "write two tags side by side", id="concatenation"),
    ],
)
def test_the_way_out_is_told(template: str, way_out: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        Program(template, VARIABLES, "text")

    assert way_out in str(refused.value)


def test_no_word_is_advised_instead_of_itself() -> None:
    with pytest.raises(InvalidTemplate) as refused:
        Program("{{else}}", VARIABLES, "text")

    assert "did you mean" not in str(refused.value)
