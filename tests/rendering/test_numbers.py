"""Numbers are written as JSON.stringify and RFC 8785 write them, wherever they stand."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptops.domain.content.canonical import canonical
from promptops.rendering.execute.plan import plan
from promptops.rendering.values import text_of


@pytest.mark.parametrize(
    ("number", "written"),
    [
        pytest.param(1e20, "100000000000000000000", id="the last without an exponent"),
        pytest.param(1e21, "1e+21", id="the first with one"),
        pytest.param(-1.5e300, "-1.5e+300", id="far beyond"),
        pytest.param(123456789012345680000.0, "123456789012345680000", id="no digits that it does not have"),
        pytest.param(1e16, "10000000000000000", id="where Python begins"),
        pytest.param(1e-5, "0.00001", id="where Python begins to be small"),
        pytest.param(1.5e-6, "0.0000015", id="the smallest without one"),
        pytest.param(1e-7, "1e-7", id="smaller"),
        pytest.param(5e-324, "5e-324", id="the smallest"),
        pytest.param(-0.0, "0", id="minus nothing"),
        pytest.param(2.0, "2", id="whole"),
        pytest.param(0.1, "0.1", id="a fraction"),
    ],
)
def test_a_number_has_one_spelling(number: float, written: str) -> None:
    template = "{{ n }} {{ n | tojson }} {{ [n] }} {{ [n] | join }} {{ [n] | tojson(1) }}"
    made = plan(msgspec.json.encode({"text": template, "variables": [{"name": "n", "type": "number"}]}))

    assert made.render({"n": number}).text == f"{written} {written} [{written}] {written} [\n {written}\n]"


@given(st.floats(-(2.0**53) + 1, 2.0**53 - 1))
def test_it_is_the_spelling_that_is_hashed(number: float) -> None:
    assert canonical({"n": number}).decode().endswith(f'{{"n":{text_of(number)}}}')
