"""What a content says when nobody calls."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from promptops.domain.content.canonical import canonical
from promptops.domain.projections import ProjectedText, projected, projected_at_once

BRAND = {"name": "brand", "type": "string", "fromValues": True}
ITEMS = {"name": "items", "type": "list", "itemType": "string", "fromValues": True}
TONE = {"name": "tone", "type": "string", "default": "kind"}
NAME = {"name": "name", "type": "string"}


@pytest.mark.parametrize(
    ("content", "values", "expected"),
    [
        pytest.param({"text": "Hello.\n"}, {}, "Hello.\n", id="as it is written"),
        pytest.param({"text": "{{ brand }}: {{ tone }}", "variables": [BRAND, TONE]}, {"brand": "{{ a }}"}, "{{ a }}: kind", id="values and defaults, once"),
        pytest.param({"text": "{% for i in items %}{{ i }},{% endfor %}", "variables": [ITEMS]}, {"items": ["a", "b"]}, "a,b,", id="logic"),
        pytest.param({"messages": [{"role": "user", "content": "Hi \"you\""}]}, {}, '[{"role":"user","content":"Hi \\"you\\""}]', id="messages"),
    ],
)  # fmt: skip
def test_what_it_says(content: Any, values: Any, expected: str) -> None:
    assert projected(canonical(content), msgspec.json.encode({"variables": values}).decode()) == ProjectedText(expected)


def test_what_callers_have_to_give_is_named() -> None:
    found = projected(canonical({"text": "{{ name }} {{ brand }}", "variables": [NAME, BRAND]}), "")

    assert "name" in found.objection
    assert "brand" in found.objection


@pytest.mark.parametrize(
    ("content", "at_once"),
    [
        pytest.param({"text": "{{ tone }}", "variables": [TONE]}, True, id="values are put in"),
        pytest.param({"text": "{% if tone %}a{% endif %}", "variables": [TONE]}, False, id="something is decided"),
        pytest.param({"text": "{{ tone | upper }}", "variables": [TONE]}, False, id="something is made of them"),
    ],
)
def test_what_takes_longer_is_done_elsewhere(content: Any, at_once: bool) -> None:
    assert (projected_at_once(canonical(content), "") is not None) is at_once
