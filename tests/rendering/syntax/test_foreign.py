"""Who writes as another language has it is told how it is written here."""

from __future__ import annotations

import pytest

from promptops.api.content import Variable
from promptops.rendering.errors import InvalidTemplate
from promptops.rendering.execute.program import Program
from promptops.rendering.syntax.cures import REFUSED_FILTERS
from promptops.rendering.syntax.vocabulary import FILTERS

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
        pytest.param("{{ 'a' + x }}", "standing side by side, as in {{ a }}{{ b }}", id="texts added"),
        pytest.param(
            "{% for i in user.list %}{{ loop.index0 + 1 }}{% endfor %}",
            "loop.index counts from 1",
            id="counting from 1",
        ),
        pytest.param("{{ x.strip() }}", "write {{ name | trim }}", id="a method of Python"),
        pytest.param("{% for i in range(3) %}{% endfor %}", "declare a list, and loop over that", id="range"),
        pytest.param("{% for k, v in user.items() %}{% endfor %}", "one item at a time", id="pairs in a loop"),
        pytest.param("{% for k in user.keys() %}{% endfor %}", "a list of objects with a field for the key", id="keys"),
        pytest.param("{{ user.get('a', 1) }}", "write {{ name.field | default('') }}", id="get"),
        pytest.param("{{ user | map(attribute='a') | join }}", "join(', ', 'field')", id="map"),
        pytest.param("{{ user | selectattr('a') }}", "with an if around what it renders", id="selectattr"),
        pytest.param("{{ x | string }}", "leave it out", id="a conversion"),
        pytest.param("{{ x | safe }}", "nothing is escaped", id="safe"),
        pytest.param("{{ x[:100] }}", "shorten a text with truncate", id="a slice"),
        pytest.param("{{ x | uppercase }}", "write upper", id="a filter of Liquid"),
        pytest.param('{{role "system"}}', "a prompt has messages, each with its role", id="a role of Dotprompt"),
        pytest.param("{{media url=x}}", "let the caller add what is not", id="a picture"),
        pytest.param("{{ x | replace('|', '\\|') }}", "a backslash is written twice", id="an escape of Python"),
        pytest.param("{{ x ~ x }}", "write two tags side by side", id="concatenation"),
    ],
)
def test_the_way_out_is_told(template: str, way_out: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        Program(template, VARIABLES, "text")

    assert way_out in str(refused.value)


@pytest.mark.parametrize("name", [*REFUSED_FILTERS])
def test_no_filter_is_both_there_and_refused(name: str) -> None:
    assert name not in FILTERS


def test_no_word_is_advised_instead_of_itself() -> None:
    with pytest.raises(InvalidTemplate) as refused:
        Program("{{else}}", VARIABLES, "text")

    assert "did you mean" not in str(refused.value)
