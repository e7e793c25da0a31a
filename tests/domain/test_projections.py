"""ConfigMaps that say what is served: whose they are, and what is ours in them."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.projections import Holder, config_map, holder_of, is_shared, says
from promptops.domain.snapshot import Projecting
from tests.support.manifests import owner, prompt, stored

PROMPT = stored(prompt("greeting"))
WANTED = Projecting((("greeting", "again"), ("greeting", "text"), ("greeting-b", "text")), "sha256:1", "1.0.0")
LABEL = {"promptops.io/projection": "greeting"}


def found(labels: dict[str, str] | None = None, owners: tuple[str, ...] = (), data: Any = None, ours: Any = ()) -> Any:
    """A ConfigMap as it is read."""
    managed = {"manager": "promptops-projection", "fieldsV1": {"f:data": {f"f:{key}": {} for key in ours}}}
    metadata = {
        "name": "greeting",
        "namespace": "team",
        "uid": "u",
        "resourceVersion": "7",
        "labels": labels or {},
        "annotations": {"promptops.io/version": "1.0.0", "promptops.io/digest": "sha256:1"},
        "ownerReferences": [owner("greeting", uid) for uid in owners],
        "managedFields": [managed],
    }
    return {"metadata": metadata, "data": data or {}}


@pytest.mark.parametrize(
    ("manifest", "holder"),
    [
        pytest.param(None, "nobody", id="not there"),
        pytest.param(found(LABEL, ("uid-greeting",)), "us", id="labelled and owned"),
        pytest.param(found(LABEL, ("old",)), "before", id="of the prompt that had the name"),
        pytest.param(found(LABEL), "others", id="labelled by somebody"),
        pytest.param(found({}, ("uid-greeting",)), "others", id="owned without the label"),
        pytest.param(found({"promptops.io/projection": "other"}, ("uid-greeting",)), "others", id="another prompt's"),
    ],
)
def test_whose_it_is(manifest: Any, holder: Holder) -> None:
    assert holder_of(manifest, PROMPT) == holder


def test_each_says_what_is_to_be_in_it_and_for_which_state_that_was_decided() -> None:
    made = config_map("greeting", PROMPT, WANTED, "Hello.", found(LABEL))

    assert made["data"] == {"again": "Hello.", "text": "Hello."}
    assert made["metadata"]["resourceVersion"] == "7"
    assert made["metadata"]["ownerReferences"] == [{**owner("greeting", "uid-greeting"), "controller": True}]


def test_one_that_is_new_is_new() -> None:
    assert "resourceVersion" not in config_map("greeting-b", PROMPT, WANTED, "Hello.", None)["metadata"]


@pytest.mark.parametrize(
    ("data", "ours", "expected"),
    [
        pytest.param({"again": "Hello.", "text": "Hello."}, ("again", "text"), True, id="all of it"),
        pytest.param({"again": "Hello.", "text": "Hello.", "b": ""}, ("again", "text"), True, id="and others' beside"),
        pytest.param({"again": "Hello.", "text": "Bye."}, ("again", "text"), False, id="another text"),
        pytest.param({"again": "Hello.", "text": "Hello."}, ("again",), False, id="one by another hand"),
        pytest.param({"again": "Hello.", "text": "Hello.", "b": ""}, ("again", "text", "b"), False, id="one too many of ours"),
    ],
)  # fmt: skip
def test_what_it_says(data: Any, ours: Any, expected: bool) -> None:
    wanted = config_map("greeting", PROMPT, WANTED, "Hello.", None)

    assert says(found(LABEL, data=data, ours=ours), wanted) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [pytest.param(("text",), False, id="ours"), pytest.param(("text", "b"), True, id="and others'")],
)
def test_who_is_in_it(data: Any, expected: bool) -> None:
    assert is_shared(found(LABEL, data=dict.fromkeys(data, ""), ours=("text",))) is expected
