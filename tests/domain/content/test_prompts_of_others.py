"""Prompts as people write them are taken without an error, and say what Jinja lets them say."""

from __future__ import annotations

from typing import Any

import jinja2
import msgspec
import pytest

from promptops.domain.content.checks import check_content
from promptops.rendering.execute.plan import plan

DOCUMENTS = [
    {"title": "A & B", "text": "Körper <b>x</b>", "score": 0.914},
    {"title": "T2", "text": "zwei", "score": 0.5},
]


def declared(name: str, value: Any) -> dict[str, Any]:
    """The declaration of a variable that takes a value such as this one."""
    if isinstance(value, list):
        items = value[0]
        properties = {"properties": [declared(*each) for each in items.items()]} if isinstance(items, dict) else {}
        return {"name": name, "type": "list", "itemType": "object" if properties else "string", **properties}
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object"}
    return {"name": name, "type": kinds[type(value)]}


@pytest.mark.parametrize(
    ("template", "values"),
    [
        pytest.param("Use the context.\n\n{% for d in documents %}\n[{{ loop.index }}] {{ d.title }} ({{ d.score | round(2) }})\n{{ d.text | truncate(200) }}\n{% endfor %}\nQuestion: {{ question }}\n", {"documents": DOCUMENTS, "question": "Warum?"}, id="retrieved documents"),
        pytest.param('<documents>\n{%- for d in documents %}\n  <document index="{{ loop.index }}">\n    <source>{{ d.title }}</source>\n  </document>\n{%- endfor %}\n</documents>', {"documents": DOCUMENTS}, id="documents as XML"),
        pytest.param("Thought: …\nAction: one of [{{ tools | join(', ', 'name') }}]\n{% for tool in tools %}### {{ tool.name }}\n{{ tool.about }}\n{% endfor %}", {"tools": [{"name": "search", "about": "Finds {x}."}, {"name": "sum", "about": "Adds."}]}, id="an agent's tools"),
        pytest.param('Return JSON: {"name": "…", "tags": ["a"], "at": {"x": {"y": 0}}}\nText: {{ text }}', {"text": "{{ t }}"}, id="JSON as an example"),
        pytest.param('{% raw %}{"a": {{"b": 1}}}{% endraw %} {{ text }}', {"text": "t"}, id="two braces as text"),
        pytest.param("Solve $\\frac{a}{b} = {{ value }}$, $\\sum_{i=1}^{n} x_{i}^{2}$, {n>0}", {"value": "2"}, id="LaTeX"),
        pytest.param("```python\ndef f(x: dict) -> str:\n    return f\"{x['a']!r:>{10}}\"\n```\n{{ code }}", {"code": "x = {}"}, id="a block of code"),
        pytest.param("| Input | Label |\n|---|---|\n{% for e in examples -%}\n| {{ e.q | replace('|', '\\\\|') }} | {{ e.a | upper }} |\n{% endfor %}", {"examples": [{"q": "a|b", "a": "pos"}, {"q": "c", "a": "neg"}]}, id="a table of examples"),
        pytest.param("{% for e in examples %}Q: {{ e.q }}\nA: {{ e.a }}{% if not loop.last %}\n---\n{% endif %}{% endfor %}", {"examples": [{"q": "1", "a": "2"}, {"q": "3", "a": "4"}]}, id="examples with a line between them"),
        pytest.param("👩‍👩‍👧 You're a 🎉 assistant! {{ n }} ⭐️⭐️", {"n": 3}, id="emoji"),
        pytest.param("أنت مساعد مفيد. السؤال: {{ q }}", {"q": "ما هذا؟"}, id="Arabic"),
        pytest.param("می‌خواهم {{ q }}، आप {{ q }} คุณ", {"q": "می‌روم"}, id="joiners"),
        pytest.param("あなたは{{ role }}です。「{{ q }}」に答えてください。", {"role": "教師", "q": "なぜ?"}, id="Japanese"),
        pytest.param("{% if 'refund' in topics %}Refunds.{% elif vip and not blocked %}VIP{% else %}All{% endif %}", {"topics": ["refund"], "vip": True, "blocked": False}, id="policies by topic"),
        pytest.param("{%- if a -%}\n  A\n{%- endif %}\nB {{- c -}} \n{#- TODO -#} !", {"a": True, "c": "x"}, id="blanks taken away"),
        pytest.param("## {{ s }}\n# no comment\n{{s}}{{ s}}{{\ns\n}}\n\t- {{ s }}\n", {"s": "x"}, id="blanks of all kinds"),
        pytest.param("{{ schema | tojson(2) }}\n{{ 'yes' if flag else 'no' }}", {"schema": {"b": 1, "a": [1, 2]}, "flag": True}, id="a schema"),
        pytest.param("Human: {{ q }}\n\nAssistant: <thinking>", {"q": "</thinking>"}, id="turns in a text"),
    ],
)  # fmt: skip
def test_a_prompt_of_others_is_taken_as_it_is(template: str, values: dict[str, Any]) -> None:
    content = {"text": template, "variables": [declared(*each) for each in values.items()]}
    theirs = jinja2.Environment(keep_trailing_newline=True).from_string(template)  # noqa: S701

    errors = [each.sentence for each in check_content(content) if each.severity == "error"]
    ours = plan(msgspec.json.encode(content)).render(values)

    assert (errors, ours.text, ours.warnings) == ([], theirs.render(values), ())
