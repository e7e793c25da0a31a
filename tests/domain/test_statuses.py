"""A status is read as it is declared and as it was written; what is malformed was never said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.api.v1alpha1.prompt_version import PromptVersionStatus
from promptops.api.v1alpha1.tenant import TenantStatus
from promptops.domain.statuses import said, written

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
REFERENCE = {"version": "1.0.0", "digest": "sha256:0"}
CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Active",
    "message": "fine",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 3,
}
FULL: dict[type[BaseModel], dict[str, Any]] = {
    PromptStatus: {
        "observedGeneration": 3,
        "phase": "Healthy",
        "desired": "1.0.0",
        "source": {"digest": "sha256:0", "version": "1.0.0", "keyDigest": "sha256:1"},
        "serving": {
            "revision": 2,
            "at": "2026-01-01T00:00:00Z",
            "stable": REFERENCE,
            "ids": ["team/greeting"],
            "disabled": True,
        },
        "values": {"digest": REFERENCE["digest"], "json": '{"tone":"warm"}'},
        "previous": REFERENCE,
        "served": "1/2",
        "versionCount": 2,
        "latestVersion": "1.0.0",
        "history": [REFERENCE | {"at": "2026-01-01T00:00:00Z", "manager": "kubectl", "reason": "Activated"}],
        "conditions": [CONDITION],
    },
    PromptVersionStatus: {
        "observedGeneration": 1,
        "digest": "sha256:0",
        "phase": "Active",
        "grade": "minor",
        "gradedAgainst": "0.9.0",
        "tests": {"passed": 1, "failed": 1, "failures": [{"name": "polite", "message": "it is not"}]},
        "conditions": [CONDITION],
    },
    TenantStatus: {
        "observedGeneration": 1,
        "claims": [
            {
                "namespace": "a",
                "state": "Claimed",
                "instances": 3,
                "lost": 1,
                "missing": 0,
                "uninjected": 1,
                "prompts": 2,
            },
            {"namespace": "c", "state": "Claimed", "prompts": 1, "versions": 7},
            {"namespace": "b", "state": "Conflict", "holder": "blue"},
        ],
        "usage": {"prompts": 3, "versions": 7, "mostPrompts": 2, "mostVersions": 6},
        "conditions": [CONDITION],
    },
}


@pytest.mark.parametrize("model", FULL)
def test_what_was_written_is_read_and_nothing_is_lost(model: type[BaseModel]) -> None:
    assert written(said(model, FULL[model])) == FULL[model]


@pytest.mark.parametrize("model", FULL)
def test_every_field_that_is_declared_is_tried_here(model: type[BaseModel]) -> None:
    assert set(FULL[model]) == {field.alias for field in model.model_fields.values()}


@pytest.mark.parametrize("model", FULL)
def test_what_is_read_is_what_the_api_server_would_take(model: type[BaseModel]) -> None:
    assert said(model, FULL[model]) == model.model_validate(FULL[model])


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(None, {"observedGeneration": -1}, id="none"),
        pytest.param({"phase": 1, "served": ["all"], "serving": "x"}, {"observedGeneration": -1}, id="other types"),
        pytest.param({"observedGeneration": True, "versionCount": "2"}, {"observedGeneration": -1}, id="other numbers"),
        pytest.param(
            {"serving": {"revision": 2}},
            {
                "observedGeneration": -1,
                "serving": {"revision": 2, "at": "", "stable": {"version": "", "digest": ""}},
            },
            id="a part of what belongs together",
        ),
        pytest.param({"history": [1], "conditions": [None]}, {"observedGeneration": -1}, id="items of another type"),
    ],
)
def test_what_is_malformed_was_never_said(status: object, expected: dict[str, Any]) -> None:
    assert written(said(PromptStatus, status)) == expected


@given(field=st.sampled_from(sorted(FULL[PromptStatus])), value=JSON)
def test_whatever_stands_there_is_read(field: str, value: object) -> None:
    others = {key: each for key, each in FULL[PromptStatus].items() if key != field}

    read = written(said(PromptStatus, others | {field: value}))

    assert {key: each for key, each in read.items() if key != field} == others
