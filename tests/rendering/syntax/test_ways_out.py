"""Whoever writes a prompt as another language has it is told how it is written here; and written so, it passes."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.content.checks import check_content
from promptops.domain.findings import Finding

VARIABLES: list[dict[str, Any]] = [
    {"name": "name", "type": "string"},
    {"name": "first_name", "type": "string"},
    {"name": "x", "type": "string", "optional": True},
    {"name": "items", "type": "list", "itemType": "object", "properties": [{"name": "key", "type": "string"}, {"name": "value", "type": "string"}]},
    {"name": "d", "type": "object"},
]  # fmt: skip


def errors(template: str) -> list[Finding]:
    """What forbids to serve a template, the first one first."""
    found = check_content({"text": template, "variables": VARIABLES})
    return [each for each in found if each.severity == "error"]


@pytest.mark.parametrize(
    ("written", "said", "mended"),
    [
        # Python's formats
        ('Answer {{"thought": "…"}}', "for a brace that is text, as of JSON, write it once", 'Answer {"thought": "…"}'),
        ("{{ answer: string }}", "for a brace that is text, as of JSON, write it once", "{ answer: string }"),
        ("{{ color: 'red' }}", "two of them stand between {% raw %} and {% endraw %}", "{% raw %}{{ color: 'red' }}{% endraw %}"),
        ("{{{{name}}}}", "a brace around a value needs a blank", "{ {{ name }} }"),
        ("{{}}", "to write {{ literally, put it between", "{% raw %}{{}}{% endraw %}"),
        ("{{ f'{name}' }}", "'f' is nothing that can be called", "{{ name }}"),
        ("{{ '%s' % name }}", "arithmetic (%)", "{{ name }}"),
        ("{{ [i.key for i in items] }}", "write {% for item in list %}", "{% for i in items %}{{ i.key }}{% endfor %}"),
        ("{% for i, x in enumerate(items) %}{% endfor %}", "write loop.index0", "{% for x in items %}{{ loop.index0 }}{% endfor %}"),
        ("{% for a, b in zip(items, items) %}{% endfor %}", "declare one list of objects", "{% for i in items %}{{ i.key }}{{ i.value }}{% endfor %}"),
        ("{% for k, v in d.items() %}{% endfor %}", "declare a list of objects with a field for the key", "{% for i in items %}{{ i.key }}{% endfor %}"),
        ("{{ name | format_it }}", "let the caller do, and give the result as a variable", "{{ name }}"),
        # Names
        ("{{First Name}}", "write {{ first_name }}", "{{ first_name }}"),
        ("{{FIRST_NAME}}", "write first_name", "{{ first_name }}"),
        ("{{firstName}}", "write first_name", "{{ first_name }}"),
        ("{{first-name}}", "write first_name", "{{ first_name }}"),
        ("{{$name}}", "leave the $ out", "{{ name }}"),
        ("{{ \u201cname\u201d }}", "a text stands in ' or \"", "{{ 'name' }}"),
        ("{{ n\u0430me }}", "names and numbers are of ASCII letters", "{{ name }}"),
        # Go and its charts
        ("{{ .Name }}", "write a variable's name alone, in lower case", "{{ name }}"),
        ("{{ if .Name }}a{{ end }}", "write {% if name %}", "{% if name %}a{% endif %}"),
        ("{{- range .Items }}a{{- end }}", "{% for item in list %}", "{%- for item in items %}a{%- endfor %}"),
        ("{% if name %}a{{ else }}b{% endif %}", "write {% else %}", "{% if name %}a{% else %}b{% endif %}"),
        ('{{ lookup "v1" }}', "'lookup' is nothing that can be called", "{{ name }}"),
        # Handlebars, Mustache, Dotprompt, Guidance
        ("{{#if name}}a{{/if}}", "write {% if name %}", "{% if name %}a{% endif %}"),
        ("a{{/if}}", "a block ends with {% endif %}", "{% if name %}a{% endif %}"),
        ("{{~name~}}", "write {{- name -}}", "{{- name -}}"),
        ("{{!-- note --}}", "write {# note #}", "{# note #}"),
        ("{{{name}}}", "two braces are enough", "{{ name }}"),
        ("{{gen 'answer'}}", "'gen' is nothing that can be called", "{{ name }}"),
        # Liquid and Twig
        ("{{ name | default: 'y' }}", "write default(…)", "{{ name | default('y') }}"),
        ("{% elsif name %}", "write {% elif … %}", "{% if x %}{% elif name %}{% endif %}"),
        ("{% comment %}a{% endcomment %}", "write {# … #}", "{# a #}"),
        ("{% verbatim %}{{ a }}{% endverbatim %}", "write {% raw %}", "{% raw %}{{ a }}{% endraw %}"),
        ("{% case name %}{% endcase %}", "write {% if … %}", "{% if name == 'a' %}{% elif name == 'b' %}{% endif %}"),
        ("{% if name contains 'a' %}{% endif %}", "write {% if 'part' in name %}", "{% if 'a' in name %}{% endif %}"),
        ("{% if x is empty %}{% endif %}", "write {% if not name %}", "{% if not x %}{% endif %}"),
        ("{% if x is null %}{% endif %}", "write none", "{% if x is none %}{% endif %}"),
        ("{{ items.size }}", "write {{ name | length }}", "{{ items | length }}"),
        ("{{ name.value }}", "declare it with type: object", "{{ d.value }}"),
        ("{% chat role='system' %}{% endchat %}", "a prompt has messages", "{{ name }}"),
        # JavaScript and its kin
        ("{{ name && x }}", "write and", "{{ name and x }}"),
        ("{{ x || name }}", "write or", "{{ x or name }}"),
        ("{% if !x %}{% endif %}", "write not", "{% if not x %}{% endif %}"),
        ("{{ x ? 'a' : 'b' }}", "write {{ a if condition else b }}", "{{ 'a' if x else 'b' }}"),
        ("{{ x ?? 'b' }}", "{{ name | default('…') }}", "{{ x | default('b') }}"),
        ("{% if x === 'b' %}{% endif %}", "to compare, write ==", "{% if x == 'b' %}{% endif %}"),
        ("{% if x <> 'b' %}{% endif %}", "write !=", "{% if x != 'b' %}{% endif %}"),
        ("{{ `name` }}", "a text stands in ' or \"", "{{ 'name' }}"),
        # Numbers, fields of items
        ("{{ d.a == 007 }}", "write 7", "{{ d.a == 7 }}"),
        ("{{ d.a == 0x1f }}", "a number is written with decimal digits", "{{ d.a == 31 }}"),
        ("{{ items | join(', ', 'kay') }}", 'did you mean "key"?', "{{ items | join(', ', 'key') }}"),
        ("{{ items | sort(false, false, 'a.key') | length }}", "without a dot", "{{ items | sort(false, false, 'key') | length }}"),
        ("{{ items | unique(false, 'other') | length }}", "it has key, value", "{{ items | unique(false, 'value') | length }}"),
        # Markers of chats
        ("[INST] {{ name }} [/INST]", "put a blank behind its first character", "[ INST] {{ name }} [ /INST]"),
        ("<|im_start|>user", "put a blank behind its first character", "< |im_start|>user"),
    ],
)  # fmt: skip
def test_what_is_said_of_another_languages_words_makes_it_pass(written: str, said: str, mended: str) -> None:
    refused, passed = errors(written), errors(mended)

    assert said in refused[0].message
    assert refused[0].line == 1
    assert passed == []


@pytest.mark.parametrize(
    "template",
    [
        "Use {name}, ${name}, #{name}, {0}, {}, %s, %(name)s, [[name]], <name>, <<name>>, $name and @name.",
        'Answer as {"thought": "…", "action": {"name": "…"}}.',
        "def f(a={}):\n    return {k: v for k, v in {}.items()}",
        "\\frac{a}{b} and \\textbf{x}",
        "a { b } c {d: e} {{'{'}} f",
        "### Instruction:\n{{ name }}\n\n### Response:",
        "Human: {{ name }}\n\nAssistant:",
        "<context>\n{{name}}\n</context>",
        "Du bist {{ name | default('Ada', true) }}. 回答 {{name}}。",
    ],
)
def test_other_languages_single_braces_and_marks_are_text(template: str) -> None:
    assert errors(template) == []
