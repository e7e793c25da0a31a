"""What our own source says with the texts it is given, whatever these say themselves."""

from __future__ import annotations

import pytest

from promptops.rendering.execute.functions import function

TEXTS = {"b1": "{v}", "b2": "'\\\n\"", "c0_1": "§b1", "b3": 7, "b4": ("a", "b"), "b5": ""}


@pytest.mark.parametrize(
    ("expression", "made"),
    [
        pytest.param('f"{b1}{v}{b2}"', "{v}!'\\\n\"", id="texts around a value"),
        pytest.param('f"{b1}{c0_1}{v}{b2}{b1}"', "{v}§b1!'\\\n\"{v}", id="texts side by side"),
        pytest.param('f"{(b1 if v else b2)}{v}"', "{v}!", id="a text of two"),
        pytest.param(
            "{'role': b1, 'number': b3, 'both': b4}",
            {"role": "{v}", "number": 7, "both": ("a", "b")},
            id="other places",
        ),
        pytest.param("[b2 for each in v]", ["'\\\n\""], id="a text in a function within"),
        pytest.param("(lambda: (lambda: b2)())()", "'\\\n\"", id="a text in a function within one"),
        pytest.param("(b1, c0_1)", ("{v}", "§b1"), id="texts that the compiler puts together"),
    ],
)
def test_a_text_stands_where_its_name_stood(expression: str, made: object) -> None:
    said = function(f"def said(v): return {expression}", "said", TEXTS)

    assert said("!") == made
