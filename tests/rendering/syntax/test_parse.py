"""What a template may say, and where and why everything else is refused."""

from __future__ import annotations

import threading

import pytest

from promptops.rendering.errors import InvalidTemplate
from promptops.rendering.syntax.parse import parse
from promptops.rendering.syntax.tree import Body, Output, Text, is_substitution
from tests.support.growth import Work, assert_linear


def literal(body: Body) -> str:
    """The text of a template, with the places of its values marked."""
    return "".join(node.text if isinstance(node, Text) else "¤" for node in body)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("Hello\n\n", "Hello\n\n", id="line ends at the end stay"),
        pytest.param("Hi {{ name }}!", "Hi ¤!", id="text around a value"),
        pytest.param("{{a}}{{\r\n\t b\n}}", "¤¤", id="blanks of every kind, and none"),
        pytest.param("a\r\n{{ x }}\r\n", "a\r\n¤\r\n", id="CRLF stays"),
        pytest.param('{"a": {"b": [1, {}]}}', '{"a": {"b": [1, {}]}}', id="JSON is text"),
        pytest.param('{"a": {{ x }}}', '{"a": ¤}', id="a brace right after a value is text"),
        pytest.param("}} %} #} { } { { {", "}} %} #} { } { { {", id="closings and single braces are text"),
        pytest.param("{u.__class__} {0} {x!r:>1000000000}", "{u.__class__} {0} {x!r:>1000000000}", id="T07 f-string forms"),
        pytest.param("${jndi:ldap://x} $x %s #{x} <%= x %>", "${jndi:ldap://x} $x %s #{x} <%= x %>", id="other languages are text"),
        pytest.param("a {# note {{ x }} #} b", "a  b", id="a comment is nothing"),
        pytest.param("a {#- note -#} b", "ab", id="a comment that strips"),
        pytest.param("a {{- x -}} b", "a¤b", id="a value that strips"),
        pytest.param("a\n {%- raw -%}\n {{ x }} {# #} {% if \n{%- endraw -%}\n b", "a{{ x }} {# #} {% ifb", id="raw that strips"),
        pytest.param("{% raw %}{{ x }}{% endraw %}", "{{ x }}", id="raw"),
        pytest.param("{{ '}}' }}", "¤", id="a closing inside a string"),
        pytest.param("{{ self }}{{ constructor }}{{ " + "a" * 63 + " }}", "¤¤¤", id="names like any other"),
        pytest.param("漢字 {{ x }} 👩\u200d👧", "漢字 ¤ 👩\u200d👧", id="other scripts"),
    ],
)  # fmt: skip
def test_text_is_kept(template: str, text: str) -> None:
    assert literal(parse(template)) == text


@pytest.mark.parametrize(
    ("template", "simple"),
    [("{{ a }} {# x #} b", True), ("{{ a.b }}", False), ("{{ a | upper }}", False), ("{% if a %}{% endif %}", False)],
)
def test_substitution_is_known(template: str, simple: bool) -> None:
    assert is_substitution(parse(template)) is simple


@pytest.mark.parametrize(
    ("template", "line", "column", "message"),
    [
        pytest.param("ab\nc{{ x", 2, 2, "{{ is never closed with }}: close it; to write {{ literally, put it between {% raw %} and {% endraw %}", id="T24 value"),
        pytest.param("{% if x", 1, 1, "{% is never closed with %}: close it; to write {% literally, put it between {% raw %} and {% endraw %}", id="T24 statement"),
        pytest.param("x\n\n{# x", 3, 1, "{# is never closed with #}: close it; to write {# literally, put it between {% raw %} and {% endraw %}", id="T24 comment"),
        pytest.param("{% raw %}{{ x }}", 1, 1, "{% raw %} is never closed with {% endraw %}: close it where the literal text ends", id="T24 raw"),
        pytest.param("a {% if x %}", 1, 3, "{% if %} is never closed: write {% endif %} where it ends", id="T24 if"),
        pytest.param("{% for x in y %}{% if x %}{% endfor %}", 1, 27, "{% endfor %} closes no {% for %}: write {% endif %} first", id="crossed"),
        pytest.param("{% endif %}", 1, 1, "{% endif %} closes no {% if %}: nothing is open here", id="end of nothing"),
        pytest.param("{% else %}", 1, 1, "{% else %} stands outside an {% if %} or {% for %}, or twice in one", id="else of nothing"),
        pytest.param("{% if x %}{% else %}{% elif y %}{% endif %}", 1, 21, "{% elif %} stands outside an {% if %}, or behind its {% else %}", id="elif behind else"),
        pytest.param("{% esle %}", 1, 1, "there is no statement 'esle'; did you mean \"else\"?: there are if, elif, else, endif, for, endfor, include, raw, endraw; to write {% literally, put it between {% raw %} and {% endraw %}", id="misspelt statement"),
        pytest.param("{% set x = 1 %}", 1, 1, "{% set %} is not part of the language: values come from variables alone: declare a variable, perhaps with a default", id="set"),
        pytest.param("{{ x | uper }}", 1, 8, "there is no filter 'uper'; did you mean \"upper\"?: there are capitalize, count, d, default, fenced, first, indent, join, last, length, list, lower, replace, round, sort, title, tojson, trim, truncate, unique, upper", id="misspelt filter"),
        pytest.param("{{ x is defind }}", 1, 9, None, id="misspelt test"),
        pytest.param("{{ x | default(value='a') }}", 1, 16, "a filter takes no arguments by name: write the value of 'value' at its place", id="argument by name"),
        pytest.param("{{ x | replace('a') }}", 1, 8, "the filter replace takes 2 to 3 arguments, not 1", id="too few arguments"),
        pytest.param("{{ x | upper(1) }}", 1, 8, "the filter upper takes no argument, not 1", id="too many arguments"),
        pytest.param("{{ x | tojson(2000000000) }}", 1, 15, "the filter tojson: the indent must be a whole number from 0 to 8", id="argument out of bounds"),
        pytest.param("{{ x | indent(n) }}", 1, 15, "the filter indent: the width must be written as a literal, not computed", id="computed argument"),
        pytest.param("{{ x - 1 }}", 1, 6, "arithmetic (-) is not part of the language: let the caller compute it", id="arithmetic"),
        pytest.param("{{ x ~ 'a' }}", 1, 6, "concatenation (~) is not part of the language: write two tags side by side", id="concatenation"),
        pytest.param("{{ x() }}", 1, 5, "nothing can be called: use a filter, as in {{ name | upper }}", id="call"),
        pytest.param("{{ x[1:2] }}", 1, 7, "slices and dictionaries are not part of the language: shorten a text with truncate, and let the caller cut a list", id="slice"),
        pytest.param("{{ x[y] }}", 1, 6, 'what stands in [ ] must be a literal: a field\'s name as in ["key"], or a place as in [0]', id="computed key"),
        pytest.param("{{ x = 1 }}", 1, 6, "nothing can be assigned; to compare, write ==", id="assignment"),
        pytest.param("{{{ x }}}", 1, 1, "{{{ is how Handlebars and Mustache write it: two braces are enough, for nothing is escaped; a brace around a value needs a blank, as in { {{ x }} }; to write {{ literally, put it between {% raw %} and {% endraw %}", id="T23 three braces"),
        pytest.param("{{ }}", 1, 1, "there is nothing between {{ and }}: write a variable's name, as in {{ name }}; to write {{ literally, put it between {% raw %} and {% endraw %}", id="nothing inside"),
        pytest.param("{{ a {{ b }}", 1, 6, "{{ stands inside another tag that begins with {{: close that one before it", id="tag in a tag"),
        pytest.param("{{ a b }}", 1, 6, "a name has no blanks: write {{ a_b }}, and declare it under variables", id="two names"),
        pytest.param("{{\u00a0name }}", 1, 1, "a blank of another kind (U+00A0) stands inside a tag: write a plain one", id="no-break space"),
        pytest.param("{{ nаme }}", 1, 5, "'\\u0430' (U+0430) means nothing inside a tag: names and numbers are of ASCII letters, digits and _, so type it anew; to write {{ literally, put it between {% raw %} and {% endraw %}", id="Cyrillic letter"),
        pytest.param("{{ 'abc }}", 1, 4, "a string that begins with ' never ends: close it", id="open string"),
        pytest.param("{{ '\\x41' }}", 1, 4, "\\x is no escape of the language: there are \\n \\t \\r \\\\ \\' \\\"; write the character itself", id="escape"),
        pytest.param("{{ 12345678901234567890 }}", 1, 4, "the number is beyond 2^53 - 1, where JSON parsers disagree", id="large number"),
        pytest.param("{% for a, b in x %}{% endfor %}", 1, 8, None, id="two targets"),
        pytest.param("{% for a in x if a %}{% endfor %}", 1, 15, "a loop has no condition of its own: put an if inside it", id="condition of a loop"),
        pytest.param("{% for a in x recursive %}{% endfor %}", 1, 15, "loops cannot be recursive", id="recursive"),
        pytest.param("{% for if in x %}{% endfor %}", 1, 8, None, id="reserved target"),
        pytest.param("{% for a in b %}" * 3 + "{% endfor %}" * 3, 1, 33, "loops are nested deeper than 2 levels: prepare the list before rendering", id="three loops"),
    ],
)  # fmt: skip
def test_a_refusal_says_where_why_and_what_to_do(template: str, line: int, column: int, message: str | None) -> None:
    with pytest.raises(InvalidTemplate) as refusal:
        parse(template)

    assert (refusal.value.line, refusal.value.column) == (line, column)
    assert message is None or refusal.value.objection == message


DEEP = {
    "T17 parentheses": "{{ " + "(" * 5000 + "x" + ")" * 5000 + " }}",
    "T18 nested if": "{% if x %}" * 1000 + "{% endif %}" * 1000,
    "T19 filters": "{{ x" + "|upper" * 9000 + " }}",
    "T16 concatenations": "{{ " + "~".join(["x"] * 19_000) + " }}",
    "brackets": "{{ " + "[" * 300 + "]" * 300 + " }}",
    "negations": "{{ " + "not " * 390 + "x }}",
    "inline ifs": "{{ " + "a if b else " * 99 + "c }}",
    "attributes": "{{ a" + ".b" * 150 + " }}",
    "arguments": "{{ a" + "|default(a" * 90 + ")" * 90 + " }}",
    "elifs": "{% if a %}" + "{% elif a %}" * 2000 + "{% endif %}",
}


@pytest.mark.parametrize("template", [pytest.param(template, id=name) for name, template in DEEP.items()])
def test_depth_is_refused_on_the_smallest_stack(template: str) -> None:
    refused: list[BaseException] = []

    def attempt() -> None:
        try:
            parse(template)
        except InvalidTemplate as error:
            refused.append(error)

    threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(10)
    finally:
        threading.stack_size(0)

    assert len(refused) == 1


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("{{ x }} ", id="values"),
        pytest.param("{# a note #} ", id="comments"),
        pytest.param("{% if x %}a{% endif %}", id="ifs"),
        pytest.param("{ % } # ", id="single braces"),
        pytest.param("{% raw %}{{{% endraw %}", id="raw"),
        pytest.param("{{- x -}}" + " " * 50, id="blanks to strip"),
        pytest.param("漢字\r\n", id="text"),
    ],
)
def test_parsing_is_linear(sample: str) -> None:
    def parsing(size: int) -> Work:
        template = sample * (size // len(sample))
        return lambda: parse(template)

    assert_linear(parsing, 16_000)


@pytest.mark.parametrize(
    "opening",
    ["{{ '", "{{ x|", "{% raw %}", "{#", "{{ \\", "{%  ", "{{ 1.", '{{ "\\', "{% raw %}{% ", "{% raw %}{%     "],
)
def test_refusing_is_linear(opening: str) -> None:
    def refusing(size: int) -> Work:
        template = (opening * size)[:size]

        def work() -> None:
            try:
                parse(template)
            except InvalidTemplate:
                return

        return work

    assert_linear(refusing, 30_000)


def test_outputs_know_where_they_stand() -> None:
    outputs = [node for node in parse("a {{ b }} {{ c }}") if isinstance(node, Output)]

    assert [(node.offset, node.value.offset) for node in outputs] == [(2, 5), (10, 13)]
