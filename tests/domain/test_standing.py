"""What thousands of prompts are asked at once is read from their statuses as they are, whatever stands there."""

from typing import Any

import pytest

from promptops.api import reasons
from promptops.domain.standing import Standing

NOTHING_SAID = Standing("uid", 0, "", False, "", False)


def condition(type_: str, status: str, reason: str = "Because") -> dict[str, str]:
    return {"type": type_, "status": status, "reason": reason}


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        pytest.param({}, NOTHING_SAID, id="nothing"),
        pytest.param(
            {"serving": {"revision": 7}, "served": "48/50", "phase": "Progressing"},
            Standing("uid", 7, "48/50", False, "Progressing", False),
            id="on its way",
        ),
        pytest.param(
            {"conditions": [condition("Ready", "True"), condition("Converged", "True")]},
            Standing("uid", 0, "", True, "", False),
            id="nobody lags",
        ),
        pytest.param(
            {"conditions": [condition("Converged", "False", reasons.NOT_IN_FORCE)]},
            Standing("uid", 0, "", True, "", False),
            id="nobody lags, and something else is asked for",
        ),
        pytest.param(
            {"conditions": [condition("Stalled", "True")]}, Standing("uid", 0, "", False, "", True), id="stalled"
        ),
        pytest.param({"conditions": [condition("Stalled", "False")]}, NOTHING_SAID, id="stalled no more"),
        pytest.param(
            {"serving": "seven", "served": ["all"], "phase": 4, "conditions": {"Stalled": True}},
            NOTHING_SAID,
            id="malformed",
        ),
        pytest.param({"conditions": [None, "x", {"type": "Stalled"}]}, NOTHING_SAID, id="malformed conditions"),
    ],
)
def test_what_a_status_says_in_short(status: dict[str, Any], standing: Standing) -> None:
    assert Standing.of("uid", status) == standing
