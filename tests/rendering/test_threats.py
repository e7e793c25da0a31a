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
from tests.threats.listed import BOUNDED, REFUSED, VALUES, VARIABLES

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
