"""What a template may say, and where and why everything else is refused."""

import pytest

from promptops.rendering.errors import InvalidTemplate
from promptops.rendering.syntax.scan import Literal, Slot, parse


@pytest.mark.parametrize(
    ("template", "segments"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("Hello", (Literal("Hello"),), id="only text"),
        pytest.param("Hi {{ name }}!", (Literal("Hi "), Slot("name", 1, 4), Literal("!")), id="text around a slot"),
        pytest.param("{{name}}", (Slot("name", 1, 1),), id="no blanks"),
        pytest.param("{{\r\n\t name\n}}", (Slot("name", 1, 1),), id="blanks of every kind"),
        pytest.param("{{a}}{{b}}", (Slot("a", 1, 1), Slot("b", 1, 6)), id="adjacent slots"),
        pytest.param("a\n\nbc {{ x }}\n{{ y }}\n", (Literal("a\n\nbc "), Slot("x", 3, 4), Literal("\n"), Slot("y", 4, 1), Literal("\n")), id="line and column"),
        pytest.param("é😀{{ x }}", (Literal("é😀"), Slot("x", 1, 3)), id="columns count characters"),
        pytest.param("a\r\n{{ x }}\r\n", (Literal("a\r\n"), Slot("x", 2, 1), Literal("\r\n")), id="CRLF is kept"),
        pytest.param("text\n\n", (Literal("text\n\n"),), id="line ends at the end are kept"),
        pytest.param('{"a": {"b": 1}}', (Literal('{"a": {"b": 1}}'),), id="JSON is text"),
        pytest.param('{"a": {{ x }}}', (Literal('{"a": '), Slot("x", 1, 7), Literal("}")), id="a brace right after a slot is text"),
        pytest.param("}} %} #} { } { {", (Literal("}} %} #} { } { {"),), id="closings and single braces are text"),
        pytest.param("{u.__class__} {0} {x!r:>1000000000}", (Literal("{u.__class__} {0} {x!r:>1000000000}"),), id="f-string forms are text"),
        pytest.param("${jndi:ldap://x} $x %s", (Literal("${jndi:ldap://x} $x %s"),), id="other languages are text"),
        pytest.param("{{ self }}{{ constructor }}", (Slot("self", 1, 1), Slot("constructor", 1, 11)), id="self is a name like any other"),
        pytest.param("{{ " + "a" * 63 + " }}", (Slot("a" * 63, 1, 1),), id="63 characters"),
    ],
)  # fmt: skip
def test_parse(template: str, segments: tuple[Literal | Slot, ...]) -> None:
    assert parse(template) == segments


SUPPORTED = "only {{ name }} is supported"


@pytest.mark.parametrize(
    ("template", "line", "column", "message"),
    [
        pytest.param("{{ ''.__class__.__mro__[1] }}", 1, 1, f"subscripts are not supported; {SUPPORTED}", id="T01"),
        pytest.param("{{ x['__class__'] }}", 1, 1, f"subscripts are not supported; {SUPPORTED}", id="T02"),
        pytest.param("{{ x|attr('__class__') }}", 1, 1, f"filters (|) are not supported; {SUPPORTED}", id="T03"),
        pytest.param("{% set f='{0.__class__}'.format %}{{ f(x) }}", 1, 1, f"{{% begins a statement; {SUPPORTED}, statements are not", id="T05"),
        pytest.param("{{ lipsum.__globals__ }}", 1, 1, f"attributes are not supported; {SUPPORTED}", id="T06"),
        pytest.param("{{ 'A'*1000000000 }}", 1, 1, f"strings are not supported; {SUPPORTED}", id="T08"),
        pytest.param("{{ 7**7**8 }}", 1, 1, f"arithmetic (*) is not supported; {SUPPORTED}", id="T09"),
        pytest.param("a\n {% include '/etc/passwd' %}", 2, 2, f"{{% begins a statement; {SUPPORTED}, statements are not", id="T20 include"),
        pytest.param("{{>../../etc/passwd}}", 1, 1, f"attributes are not supported; {SUPPORTED}", id="T20 mustache"),
        pytest.param("{{=<% %>=}}", 1, 1, f"there is more than a name between {{{{ and }}}}; {SUPPORTED}", id="T23 delimiters"),
        pytest.param("{{{x}}}", 1, 1, f"{{{{{{ is not supported; {SUPPORTED}: put a blank between a literal {{ and {{{{", id="T23 triple"),
        pytest.param("{{&x}}", 1, 1, "what stands between {{ and }} is not a variable's name: a name is a lower case letter followed by at most 62 lower case letters, digits and underscores", id="T23 ampersand"),
        pytest.param("ab\nc{{ x", 2, 2, f"{{{{ is never closed with }}}}; {SUPPORTED}", id="T24 unclosed slot"),
        pytest.param("{{ x }", 1, 1, f"{{{{ is never closed with }}}}; {SUPPORTED}", id="half closed"),
        pytest.param("x {{", 1, 3, f"{{{{ is never closed with }}}}; {SUPPORTED}", id="opening at the end"),
        pytest.param("{% if x", 1, 1, f"{{% is never closed with %}}; {SUPPORTED}", id="T24 unclosed statement"),
        pytest.param("x\n\n{# x", 3, 1, f"{{# is never closed with #}}; {SUPPORTED}", id="T24 unclosed comment"),
        pytest.param("{% raw %}{{ x }}", 1, 1, f"{{% begins a statement; {SUPPORTED}, statements are not", id="T24 raw"),
        pytest.param("{# note #}", 1, 1, f"{{# begins a comment; {SUPPORTED}, comments are not", id="comment"),
        pytest.param("{{ }}", 1, 1, f"there is no name between {{{{ and }}}}; {SUPPORTED}", id="nothing inside"),
        pytest.param("{{ Name }}", 1, 1, "what stands between {{ and }} is not a variable's name: a name is a lower case letter followed by at most 62 lower case letters, digits and underscores", id="upper case"),
        pytest.param("{{ nаme }}", 1, 1, "what stands between {{ and }} is not a variable's name: a name is a lower case letter followed by at most 62 lower case letters, digits and underscores", id="Cyrillic letter"),
        pytest.param("{{\u00a0name\u00a0}}", 1, 1, "what stands between {{ and }} is not a variable's name: a name is a lower case letter followed by at most 62 lower case letters, digits and underscores", id="no-break space inside"),
        pytest.param("{{ " + "a" * 64 + " }}", 1, 1, "what stands between {{ and }} is not a variable's name: a name is a lower case letter followed by at most 62 lower case letters, digits and underscores", id="64 characters"),
        pytest.param("{{ true }}", 1, 1, "true is a word of the language and cannot be a variable's name", id="reserved word"),
        pytest.param("{{- name -}}", 1, 1, f"whitespace control and arithmetic (-) are not supported; {SUPPORTED}", id="whitespace control"),
        pytest.param("{{ a {{ b }}", 1, 1, f"{{{{ stands inside another {{{{; {SUPPORTED}", id="slot in a slot"),
        pytest.param("{{ a b }}", 1, 1, f"there is more than a name between {{{{ and }}}}; {SUPPORTED}", id="two names"),
    ],
)  # fmt: skip
def test_parse_refuses(template: str, line: int, column: int, message: str) -> None:
    with pytest.raises(InvalidTemplate) as refusal:
        parse(template)

    assert (refusal.value.line, refusal.value.column) == (line, column)
    assert refusal.value.message == f"line {line}, column {column}: {message}"


def test_a_refusal_never_quotes_the_template() -> None:
    with pytest.raises(InvalidTemplate) as refusal:
        parse("{{ canary_7f3a|upper }}")

    assert "canary" not in str(refusal.value)
