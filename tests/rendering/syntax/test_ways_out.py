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
        # Workflows, environments, what serves a model
        ("${{ secrets.KEY }}", "no secret belongs in a prompt", "${{ name }}"),
        ("${{ github.event.issue.title }}", "nothing of a workflow is filled in", "{{ name }}"),
        ("{{workflow.parameters.x}}", "nothing of a workflow is filled in", "{{ name }}"),
        ("${{ env.HOME }}", "no environment is read", "{{ name }}"),
        ("{{ env 'HOME' }}", "let the caller give it as a variable", "{{ name }}"),
        ("{{ params.x }}", "with type: object", "{{ d.x }}"),
        ("${{ fromJSON(name).c }}", "fromJSON cannot be called", "{{ d.c }}"),
        ("{{ var('x') }}", "var cannot be called", "{{ x }}"),
        ("{{ bos_token }}{{ name }}", "whoever serves the model writes its marks", "{{ name }}"),
        ("{{ chat_history }}", "write a message with a placeholder", "{{ name }}"),
        # More of Go and its charts
        ('{{ include "x" . | nindent 4 }}', "write {% include \"alias\" %}", "{{ name }}"),
        ('{{ template "x" . }}', "write {% include \"alias\" %}", "{{ name }}"),
        ("{{ toYaml .Values.x }}", "write {{ name | tojson }}", "{{ d | tojson }}"),
        ('{{ name | default "a" }}', "write default(…)", "{{ name | default('a') }}"),
        ("{{ name | indent 4 }}", "write indent(…)", "{{ name | indent(4) }}"),
        ("{{ name | quote }}", "write the quotes around it", "'{{ name }}'"),
        ("{{ range $i, $e := .Items }}a{{ end }}", "range is none", "{% for i in items %}a{% endfor %}"),
        ("{{ or .x .name }}", "or stands between two values", "{% if x or name %}{% endif %}"),
        ("{{ end }}", "a block ends with {% endif %}", "{% if x %}{% endif %}"),
        ("{{/* note */}}", "write {# note #}", "{# note #}"),
        # More of Handlebars, Liquid, Twig, Dify, Laravel
        ("{{#context#}}", "is how Dify writes a value: write {{ name }}", "{{ name }}"),
        ("{{uppercase name}}", "write upper", "{{ name | upper }}"),
        ("{{upper name}}", "write {{ name | upper }}", "{{ name | upper }}"),
        ("{{json d}}", "write tojson", "{{ d | tojson }}"),
        ("{{items.0}}", "read as in {{ items[0] }}", "{{ items[0].key }}"),
        ("{{items.[0]}}", "read as in {{ items[0] }}", "{{ items[0].key }}"),
        ("{% for i in items %}{{this}}{% endfor %}", "the name that the loop gives its item", "{% for i in items %}{{ i.key }}{% endfor %}"),
        ("{% for i in items %}{{ forloop.index }}{% endfor %}", "write loop", "{% for i in items %}{{ loop.index }}{% endfor %}"),
        ("{% for i in items %}{{ loop.counter }}{% endfor %}", "write loop.index", "{% for i in items %}{{ loop.index }}{% endfor %}"),
        ("{% for i in items %}a{% empty %}b{% endfor %}", "write {% else %}", "{% for i in items %}a{% else %}b{% endfor %}"),
        ("{% for i in items limit:2 %}{% endfor %}", "let the caller cut and order it", "{% for i in items %}{% endfor %}"),
        ("{% for i in (1..3) %}{% endfor %}", "declare a list, and loop over that", "{% for i in items %}{% endfor %}"),
        ("{% for (k, v) in d %}{% endfor %}", "one item at a time", "{% for i in items %}{{ i.key }}{% endfor %}"),
        ("{% for i in d %}{% endfor %}", "declare a list of objects", "{% for i in items %}{% endfor %}"),
        ("{% for i in name %}{% endfor %}", "declare it with type: list", "{% for i in items %}{% endfor %}"),
        ("{{ name | upcase }}", "write upper", "{{ name | upper }}"),
        ('{{ name | append: "a" }}', "standing side by side", "{{ name }}a"),
        ("{{ items | where: 'a' }}", "write a loop, with an if", "{% for i in items %}{% if i.key == 'a' %}{% endif %}{% endfor %}"),
        ("{% echo name %}", "write {{ name }}", "{{ name }}"),
        ("{%~ if x ~%}{% endif %}", "write {%- … -%}", "{%- if x -%}{% endif %}"),
        ("{{-- note --}}", "write {# note #}", "{# note #}"),
        # Conditions
        ("{% if x: %}{% endif %}", "no statement has a colon", "{% if x %}{% endif %}"),
        ("{% if x then %}{% endif %}", "leave it out", "{% if x %}{% endif %}"),
        ("{% if x eq 'a' %}{% endif %}", "write ==", "{% if x == 'a' %}{% endif %}"),
        ("{% if x is 'a' %}{% endif %}", "to compare, write ==", "{% if x == 'a' %}{% endif %}"),
        ("{% if defined x %}{% endif %}", "write x is defined", "{% if x is defined %}{% endif %}"),
        ("{% if x exists %}{% endif %}", "write {% if name is defined %}", "{% if x is defined %}{% endif %}"),
        ("{% If x %}{% EndIf %}", "write {% if %}", "{% if x %}{% endif %}"),
        ("{% if x \u2260 'a' %}{% endif %}", "write !=", "{% if x != 'a' %}{% endif %}"),
        # Python, JavaScript
        ("{{ name!r:>10 }}", "it is of Python's formats", "{{ name }}"),
        ("{{ name:.2f }}", "a colon means nothing here", "{{ name }}"),
        ('{{ f"{name}" }}', "no letter stands before the quotes", "{{ name }}"),
        ("{{ 'a' 'b' }}", "write one of them", "{{ 'ab' }}"),
        ("{{ '\\u00e9' }}", "write the character itself", "{{ '\u00e9' }}"),
        ("{{ str(name) }}", "str cannot be called", "{{ name }}"),
        ("{{ await name }}", "leave it out", "{{ name }}"),
        ("{{ d?.value }}", "write {{ user.name }}", "{{ d.value }}"),
        ("{{ d->value }}", "a field is read as in {{ user.name }}", "{{ d.value }}"),
        ("{{ d::value }}", "a field is read as in {{ user.name }}", "{{ d.value }}"),
        ("{{ x as name }}", "a value has no second name", "{{ x }}"),
        ("{{ x, name }}", "write two tags", "{{ x }}{{ name }}"),
        ("{{ {'a': 1} }}", "declare an object as a variable", "{{ d }}"),
        ("{{ | upper }}", "a filter stands behind a value", "{{ name | upper }}"),
        ("{{ name | }}", "write one, as in {{ name | upper }}", "{{ name | upper }}"),
        ("{{ let y = 1 }}", "let is none: values come from variables alone", "{{ x }}"),
        ("{{ name unless x }}", "write {{ a if condition else b }}", "{{ name if not x }}"),
        ("{{ name else x }}", "write {{ a if condition else b }}", "{{ name if x else x }}"),
        ("{% if x isnt none %}{% endif %}", "write is not", "{% if x is not none %}{% endif %}"),
        ("{% if x is a string %}{% endif %}", "leave the article out", "{% if x is string %}{% endif %}"),
        ("{% if isset(x) %}{% endif %}", "write {% if name is defined %}", "{% if x is defined %}{% endif %}"),
        ("{% if in x %}{% endif %}", "in stands between two values", "{% if 'a' in x %}{% endif %}"),
        ("{{ items | first.key }}", "as in {{ (list | first).name }}", "{{ (items | first).key }}"),
        ("{{ (name }}", "write ) where it ends", "{{ (name) }}"),
        ("{{ 1st_name }}", "a name begins with a letter", "{{ first_name }}"),
        # What was typed, pasted or escaped amiss
        ("{{ name }", "here stands a } alone: write }}", "{{ name }}"),
        ("{% if x }}{% endif %}", "here stands a } alone: write %}", "{% if x %}{% endif %}"),
        ("{{ name &gt; x }}", "write the character itself", "{{ name > x }}"),
        ("{{ name \uff5c upper }}", "write | as it is in ASCII", "{{ name | upper }}"),
        ("{{ name }\uff5d", "here stands a } alone", "{{ name }}"),
        ("{{ na\u200bme }}", "type it anew", "{{ name }}"),
        ("{{ name, how are you?", "{{ is never closed with }}", "{{ name }}, how are you?"),
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
    ("template", "column"),
    [
        ("a ${{ secrets.KEY }}", 7),
        ("a {{ name | default 'a' }}", 21),
        ("a {{ range $i, $e := .Items }}", 6),
        ("a {{ name:.2f }}", 10),
        ("a {{ name }", 11),
        ("a {{ name how are you?", 3),
        ("a {{ name \uff5c upper }}", 11),
        ("a {{ 'it's' }}", 11),
        ("a {{ name | \uff55pper }}", 13),
    ],
)
def test_the_first_thing_amiss_is_told_with_its_place(template: str, column: int) -> None:
    refused = errors(template)

    assert (refused[0].line, refused[0].column) == (1, column)


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
