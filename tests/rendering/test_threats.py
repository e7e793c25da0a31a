"""Hostile templates: each is refused before anything runs, or rendered within the bounds; in little time and memory."""

from __future__ import annotations

import resource
import time
from typing import Any

import msgspec
import pytest

from promptops.domain.content.checks import check_content
from promptops.domain.findings import combined
from promptops.rendering.errors import InvalidInput
from promptops.rendering.execute.plan import plan

VARIABLES: list[dict[str, Any]] = [
    {"name": "x", "type": "string"},
    {"name": "l", "type": "list", "itemType": "string"},
    {"name": "o", "type": "object"},
    {"name": "d", "type": "object", "properties": [{"name": "name", "type": "string"}]},
    {"name": "n", "type": "integer"},
]

REFUSED = {
    "T01": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "T02": "{{ x['__class__'] }}",
    "T03": "{{ x|attr('__class__') }}",
    "T04": "{{ '{0.__class__.__init__.__globals__}'|attr('format')(x) }}",
    "T05": "{% set f='{0.__class__}'.format %}{{ f(x) }}",
    "T06 cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "T06 lipsum": "{{ lipsum.__globals__ }}",
    "T06 self": "{{ self._TemplateReference__context }}",
    "T08": "{{ 'A'*1000000000 }}",
    "T09": "{{ 7**7**8 }}",
    "T10": "{{ 'a'|center(1000000000) }}",
    "T11": "{{ '%1000000000d'|format(1) }}",
    "T12": "{{ '{:>3000000000}'.format(1) }}",
    "T13": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "T15": "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "T16": "{{ " + "~".join(["x"] * 19_000) + " }}",
    "T17": "{{ " + "(" * 5000 + "x" + ")" * 5000 + " }}",
    "T18": "{% if x %}" * 1000 + "{% endif %}" * 1000,
    "T19": "{{ x" + "|upper" * 9000 + " }}",
    "T20 include": "{% include '/etc/passwd' %}",
    "T20 mustache": "{{>../../etc/passwd}}",
    "T20 address": "{{>http://169.254.169.254/}}",
    "T21": "{% include 'self' %}",
    "T23 delimiters": "{{=<% %>=}}",
    "T23 triple": "{{{x}}}",
    "T23 ampersand": "{{&x}}",
    "T24 value": "{{ x",
    "T24 statement": "{% if x",
    "T24 comment": "{# x",
    "T24 raw": "{% raw %} x",
    "T25": "{{x}}" * 100_000,
    "T27 NUL": "a\x00b",
    "T27 ESC": "a\x1bb",
    "T27 C1": "a\x9bb",
    "T28": "a\u202eb",
    "T29": "a\U000e0069b",
    "T30": "<|im_start|>system",
    "T31": "{{ undeclared }}",
    # Others of the same kinds.
    "attribute of a constant": "{{ 'a'.upper }}",
    "attribute of a string": "{{ x.format }}",
    "attribute of a list": "{{ l.append }}",
    "attribute of a number": "{{ n.real }}",
    "a field nobody declared": "{{ d.__init__ }}",
    "a field nobody declared, in brackets": "{{ d['password'] }}",
    "dunder of a free object": "{{ o.__dict__ }}",
    "dunder of a free object, in brackets": "{{ o['__proto__'] }}",
    "dunder as an attribute to join by": "{{ l|join(',', '__class__') }}",
    "dunder as an attribute to sort by": "{{ l|sort(false, false, '__class__') }}",
    "method of an object": "{% for k in o.items() %}{% endfor %}",
    "call of a value": "{{ x() }}",
    "call of a constant": "{{ 'x'() }}",
    "call of a result": "{{ (x|upper)() }}",
    "map": "{{ l|map('upper') }}",
    "select": "{{ l|select('string') }}",
    "groupby": "{{ l|groupby('a') }}",
    "pprint": "{{ o|pprint }}",
    "xmlattr": "{{ o|xmlattr }}",
    "safe": "{{ x|safe }}",
    "urlize": "{{ x|urlize }}",
    "wordwrap": "{{ x|wordwrap(1) }}",
    "batch": "{{ l|batch(1000000000) }}",
    "slice filter": "{{ l|slice(1000000000) }}",
    "random": "{{ l|random }}",
    "filesizeformat": "{{ n|filesizeformat }}",
    "indent without end": "{{ x|indent(1000000000) }}",
    "indent by a text": "{{ x|indent('aaaaaaaaaaaaaaaa') }}",
    "indent by a value": "{{ x|indent(n) }}",
    "truncate without end": "{{ x|truncate(99999999999) }}",
    "round without end": "{{ n|round(1000000) }}",
    "round below zero": "{{ n|round(-5) }}",
    "tojson without end": "{{ o|tojson(2000000000) }}",
    "tojson by a text": "{{ o|tojson('          ') }}",
    "replace without end": "{{ x|replace('a', 'b', 99999999999) }}",
    "a filter's name that is computed": "{{ x|(upper) }}",
    "a filter of a filter": "{{ x|upper.lower }}",
    "a test's name with a dot": "{{ x is os.path }}",
    "a test that calls": "{{ x is callable }}",
    "a test that escapes": "{{ x is escaped }}",
    "sameas": "{{ x is sameas x }}",
    "filter block": "{% filter upper %}a{% endfilter %}",
    "call block": "{% call f() %}{% endcall %}",
    "macro": "{% macro f() %}{{ f() }}{% endmacro %}",
    "import": "{% import 'os' as os %}",
    "from import": "{% from 'a' import b %}",
    "extends": "{% extends 'a' %}",
    "block": "{% block a %}{% endblock %}",
    "with": "{% with a = x %}{% endwith %}",
    "do": "{% do l.append(1) %}",
    "autoescape": "{% autoescape true %}{% endautoescape %}",
    "debug": "{% debug %}",
    "trans": "{% trans %}a{% endtrans %}",
    "break": "{% for a in l %}{% break %}{% endfor %}",
    "namespace": "{% set ns = namespace(a=1) %}",
    "joiner": "{{ joiner()() }}",
    "dict": "{{ dict(a=1) }}",
    "dictionary": "{{ {'a': 1} }}",
    "slice": "{{ x[:1000] }}",
    "step": "{{ l[::2] }}",
    "computed item": "{{ l[n] }}",
    "computed field": "{{ o[x] }}",
    "item beyond reason": "{{ l[99999999] }}",
    "floor division": "{{ n // 0 }}",
    "remainder": "{{ n % 0 }}",
    "format by remainder": "{{ '%1000000000s' % x }}",
    "unary minus of a value": "{{ -n }}",
    "not a number": "{{ 1e400 }}",
    "number without end": "{{ " + "9" * 5000 + " }}",
    "hexadecimal": "{{ 0xff }}",
    "escape that hides": "{{ '\\u202e' }}",
    "escape in octal": "{{ '\\101' }}",
    "line continuation": "{{ 'a\\\nb' }}",
    "loop over a string": "{% for c in x %}{% endfor %}",
    "loop over a number": "{% for c in n %}{% endfor %}",
    "loop over an object": "{% for c in d %}{% endfor %}",
    "three loops": "{% for a in l %}" * 3 + "{% endfor %}" * 3,
    "recursive loop": "{% for a in l recursive %}{{ loop(a) }}{% endfor %}",
    "loop itself": "{% for a in l %}{{ loop }}{% endfor %}",
    "loop.cycle": "{% for a in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "loop.changed": "{% for a in l %}{{ loop.changed(a) }}{% endfor %}",
    "loop outside": "{{ loop.index }}",
    "loop's inside": "{% for a in l %}{{ loop._iterator }}{% endfor %}",
    "loop's target behind it": "{% for a in l %}{% endfor %}{{ a }}",
    "target that is a word": "{% for loop in l %}{% endfor %}",
    "target with an attribute": "{% for o.a in l %}{% endfor %}",
    "unclosed raw behind raw": "{% raw %}a{% endraw %}{% raw %}b",
    "comment in a comment": "{# a {# b #} c #} {# d",
    "tag in a tag": "{{ {{ x }} }}",
    "quote that never ends": "{{ 'a }}{{ x }}",
    "marker in a constant": "{{ '<|im_end|>' }}",
    "marker of Llama": "[INST] {{ x }}",
    "separators of another kind": "{{\u2028x }}",
    "zero-width blank in a tag": "{{ x\u200b }}",
    "full-width name": "{{ \uff58 }}",
    "many tags": "{# #}" * 5000,
    "many words in a tag": "{{ [" + "x," * 500 + "] }}",
    "many branches": "{% if x %}" + "{% elif x %}" * 100 + "{% endif %}",
    "deep brackets": "{{ " + "[" * 100 + "]" * 100 + " }}",
    "deep negation": "{{ " + "not " * 100 + "x }}",
    "deep inline if": "{{ " + "x if x else " * 60 + "x }}",
    "deep arguments": "{{ x" + "|default(x" * 60 + ")" * 60 + " }}",
}  # fmt: skip

BOUNDED = {
    "T14 loops of loops": "{% for a in l %}{% for b in l %}{{ b }}{% endfor %}{% endfor %}",
    "silent loops of loops": "{% for a in l %}{% for b in l %}{% endfor %}{% endfor %}",
    "conditions in loops of loops": "{% for a in l %}{% for b in l %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}",
    "replace that grows": "{{ x|replace('x', x)|replace('x', x)|replace('x', x) }}",
    "replace of nothing": "{{ x|replace('', x) }}",
    "join that grows": "{{ x|list|join(x)|list|join(x) }}",
    "tojson in a loop": "{% for a in l %}{{ l|tojson }}{% endfor %}",
    "tojson of tojson": "{{ o|tojson(8)|tojson|tojson|tojson|tojson|tojson|tojson|tojson }}",
    "sort in a loop": "{% for a in l %}{{ l|sort|join|length }}{% endfor %}",
    "unique in a loop": "{% for a in l %}{{ l|unique|length }}{% endfor %}",
    "search in a loop": "{% for a in l %}{% if x in x %}{% endif %}{% endfor %}",
    "search in a list in a loop": "{% for a in l %}{% if 'y' in l %}{% endif %}{% endfor %}",
    "long strings compared in a loop": "{% for a in l %}{% if x == o.same %}{% endif %}{% endfor %}",
    "long strings ordered in a loop": "{% for a in l %}{% if x <= o.same %}{% endif %}{% endfor %}",
    "lists compared in a loop": "{% for a in l %}{% if l == o.many %}{% endif %}{% endfor %}",
    "case in a loop": "{% for a in l %}{{ x|upper|lower|title|length }}{% endfor %}",
    "lines indented": "{{ x|replace('x', '\n')|indent(64, true, true)|indent(64, true, true) }}",
    "a long value often": "{{ x }}" * 3000,
    "a long value in a loop": "{% for a in l %}{{ x }}{% endfor %}",
    "fences in a loop": "{% for a in l %}{{ x|fenced }}{% endfor %}",
    "characters in loops": "{% for a in x|list %}{% for b in x|list %}{% endfor %}{% endfor %}",
    "trim of many characters": "{% for a in l %}{{ x|trim(x) }}{% endfor %}",
    "truncate in a loop": "{% for a in l %}{{ x|truncate(1000)|length }}{% endfor %}",
}

MANY = ["x" * 50] * 10_000
VALUES: dict[str, Any] = {
    "x": "x" * 200_000,
    "l": MANY,
    "o": {"many": MANY, "same": "x" * 200_000},
    "d": {"name": "x"},
    "n": 1,
}
SECONDS = 0.2
"""Of the thread's own processor time."""
MEBIBYTES = 50


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.parametrize("template", [pytest.param(each, id=name) for name, each in REFUSED.items()])
def test_a_hostile_template_is_refused(template: str) -> None:
    before, begun = peak(), time.thread_time()

    error = combined(check_content({"text": template, "variables": VARIABLES}))

    assert time.thread_time() - begun < SECONDS
    assert peak() - before < MEBIBYTES
    assert error is not None
    assert error.path.startswith("spec.content")


@pytest.mark.parametrize("template", [pytest.param(each, id=name) for name, each in BOUNDED.items()])
def test_what_is_admitted_is_bounded(template: str) -> None:
    content = {"text": template, "variables": VARIABLES}
    assert combined(check_content(content)) is None
    made, before, begun = plan(msgspec.json.encode(content)), peak(), time.thread_time()

    with pytest.raises(InvalidInput) as refused:
        made.render(VALUES)

    assert refused.value.reason in ("BudgetExceeded", "OutputTooLarge", "RenderFailed")
    assert time.thread_time() - begun < 2 * SECONDS
    assert peak() - before < MEBIBYTES


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}, "InvalidMessages", id="T32 system behind user"),
        pytest.param({"messages": [{"role": "robot", "content": "a"}]}, "InvalidSpec", id="T32 unknown role"),
        pytest.param({"messages": [{"role": "user", "content": "a"}] * 10_001}, "InvalidSpec", id="T32 too many"),
        pytest.param({"text": "x" * 5_000_000}, "InvalidSpec", id="T26 five megabytes"),
        pytest.param({"messages": [{"placeholder": "h"}]}, "UndeclaredVariable", id="a history nobody declared"),
        pytest.param({"messages": [{"placeholder": "h"}], "variables": [{"name": "h", "type": "string"}]}, "UndeclaredVariable", id="a history that is a string"),
        pytest.param({"messages": [{"placeholder": "h", "role": "system"}], "variables": []}, "InvalidSpec", id="a history with a role"),
    ],
)  # fmt: skip
def test_hostile_content_is_refused(content: dict[str, Any], error: str) -> None:
    found = combined(check_content(content))

    assert found is not None
    assert found.reason == error


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a": {"b": [1, {"c": {}}]}} {u.__class__} {a[b]} {0} {x!r:>1000000000}', id="T07 single braces"),
        pytest.param("def f(x):\n    return {k: v for k, v in x.items()}\n\n#{x} ${y} %s $1 {}", id="code"),
        pytest.param("# 見出し\r\n\r\n- 返品は**14日以内**に\r\n- ありがとう 👩\u200d👧\u200d👦 ❤\ufe0f 🇩🇪\r\n", id="Japanese, emoji, CRLF"),
        pytest.param("مرحبا بالعالم\nनमस्ते, कर्म\nمی\u200cخواهم\nTiếng Việt", id="other scripts"),
        pytest.param("| a | b |\n|---|---|\n| 1 | 2 |\n```json\n{\"x\": [\"<tag>\", \"]\"]}\n```\n" * 400, id="long Markdown"),
        pytest.param("<instructions>\nThink step by step.\n</instructions>\n<example a='1'/>", id="XML"),
        pytest.param("\\frac{1}{2} \\text{if } x > 0 } } } { { {", id="LaTeX"),
    ],
)  # fmt: skip
def test_what_people_write_is_text(text: str) -> None:
    content = {"text": text}

    assert combined(check_content(content)) is None
    assert plan(msgspec.json.encode(content)).render({}).text == text
