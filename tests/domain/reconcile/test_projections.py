"""What ConfigMaps should say of a Prompt, and what its status says of them."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.api import reasons
from promptops.domain.snapshot import NOT_PROJECTED, ProjectionReport

INTO = [{"configMap": "greeting", "key": "text"}]


@pytest.fixture
def projecting(world: Any) -> Any:
    """A prompt in a ConfigMap that has not been written yet."""
    world.add("1.0.0").add("2.0.0", content={"text": "Bye."})
    return world.apply(activeVersion="1.0.0", acceptBreaking="2.0.0", projections=INTO).settle()


def reported(world: Any, reason: str = "", *, final: bool = True) -> Any:
    """What came of it."""
    message = f"{reason} it is" if reason else ""
    return world.having(projected=ProjectionReport(world.decide().projecting, reason, message, final)).settle()


def said(world: Any) -> tuple[str, ...]:
    """All that is said."""
    return tuple(world.said(each) for each in ("Ready", "Projected", "Reconciling", "Stalled"))


def test_until_it_is_written_it_is_under_way(projecting: Any) -> None:
    assert said(projecting) == ("True/Active", "False/Projecting", "True/Projecting", "")
    assert projecting.status["phase"] == "Progressing"
    assert projecting.outcome.projecting.places == (("greeting", "text"),)
    assert projecting.outcome.projecting.version == "1.0.0"


def test_then_it_is_said(projecting: Any) -> None:
    reported(projecting)

    assert said(projecting) == ("True/Active", "True/Projected", "", "")
    assert projecting.status["phase"] == "Healthy"


def test_an_activation_has_it_written_anew(projecting: Any) -> None:
    reported(projecting).apply(activeVersion="2.0.0").settle()

    assert said(projecting) == ("True/Active", "False/Projecting", "True/Projecting", "")
    assert projecting.outcome.projecting.version == "2.0.0"


@pytest.mark.parametrize(
    ("final", "waits"), [pytest.param(True, ("", "True"), id="an edit"), pytest.param(False, ("True", ""), id="time")]
)
def test_what_keeps_it_from_being_written_keeps_the_prompt_from_being_ready(
    projecting: Any, final: bool, waits: tuple[str, str]
) -> None:
    reported(projecting, reasons.PROJECTION_REFUSED, final=final)

    ready, projected, reconciling, stalled = said(projecting)
    assert (ready, projected) == ("False/ProjectionRefused", "False/ProjectionRefused")
    assert (reconciling.partition("/")[0], stalled.partition("/")[0]) == waits
    assert projecting.serving == "1.0.0"


@pytest.mark.parametrize(
    "reason",
    [pytest.param("", id="written"), pytest.param(reasons.PROJECTION_TAKEN, id="taken")],
)
@pytest.mark.parametrize("final", [pytest.param(True, id="for good"), pytest.param(False, id="for a while")])
def test_a_new_leader_says_what_was_said_until_it_has_looked(projecting: Any, reason: str, final: bool) -> None:
    reported(projecting, reason, final=final)
    before = projecting.status
    projecting.forget().restart().settle()

    assert projecting.status == before
    assert projecting.outcome.projecting is not None


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"projections": None}, id="nothing asks for it"),
        pytest.param({"projections": []}, id="an empty list"),
        pytest.param({"disabled": True}, id="switched off"),
    ],
)
def test_nothing_is_said_where_nothing_is_to_be(projecting: Any, edit: dict[str, Any]) -> None:
    reported(projecting).apply(**edit).settle()

    assert projecting.said("Projected") == ""
    assert projecting.outcome.projecting == NOT_PROJECTED


def test_what_cannot_be_compiled_any_more_stays(projecting: Any) -> None:
    reported(projecting)
    del projecting.versions["greeting-1.0.0"]
    projecting.settle()

    assert projecting.outcome.projecting is None
    assert projecting.said("Projected") == "True/Projected"


def test_nor_does_a_spec_that_cannot_be_read_change_anything(projecting: Any) -> None:
    reported(projecting).apply(historyLimit="many").settle()

    assert projecting.outcome.projecting is None
    assert projecting.said("Projected") == "True/Projected"
