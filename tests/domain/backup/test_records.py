"""What a backup keeps: what people wrote and what decisions look back on, and nothing that a server or a dead owner said."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from promptops.codegen import yaml_text
from promptops.domain.backup.records import HalfRestored, is_owned, records, title
from tests.support.manifests import config_map, owner, prompt, stored, tenant, version

SERVER_SET = {
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "managedFields",
    "ownerReferences",
    "selfLink",
    "finalizers",
}
SERVING = {"revision": 3, "at": "2026-01-01T00:00:00Z", "stable": {"version": "1.0.0", "digest": "sha256:a"}}


def everything() -> list[dict[str, Any]]:
    """Objects as an API server returns them, in no order."""
    condition = {"type": "InUse", "status": "True", "reason": "InUse"}
    ready = {"type": "Ready", "status": "True", "reason": "Active"}
    return [
        stored(
            prompt("made", activeVersion="1.0.0"),
            status={"observedGeneration": 4, "served": "48/50", "serving": SERVING, "conditions": [ready]},
            annotations={"team": "shop", "kubectl.kubernetes.io/last-applied-configuration": "{...}"},
            managedFields=[{"manager": "kubectl"}],
            finalizers=["somebody.example/waits"],
        ),
        stored(
            version("made", "1.0.0", "Hello"),
            status={"digest": "sha256:a", "phase": "Active", "conditions": [ready, condition]},
            ownerReferences=[owner("made", "uid-made")],
        ),
        stored(version("made", "1.1.0", "By hand"), labels={"promptops.io/generated": "true"}),
        stored(config_map("texts", "Hello")),
        stored(tenant("shop", "team"), namespace=None, status={"claims": [{"namespace": "team", "state": "Claimed", "instances": 3}]}),
    ]  # fmt: skip


def test_whoever_refers_to_another_comes_after_it() -> None:
    kept = records(everything())

    assert [title(each) for each in kept] == [
        "Tenant shop",
        "ConfigMap team/texts",
        "PromptVersion team/made-1.0.0",
        "PromptVersion team/made-1.1.0",
        "Prompt team/made",
    ]


def test_the_same_objects_are_the_same_bytes() -> None:
    there = everything()

    assert yaml_text.dump_all(records(there)) == yaml_text.dump_all(records(reversed(there)))


def test_nothing_that_the_server_set_is_kept() -> None:
    assert not [each for each in records(everything()) if SERVER_SET & each["metadata"].keys()]


def test_of_statuses_what_decisions_look_back_on() -> None:
    kept = {title(each): each.get("status") for each in records(everything())}

    assert kept == {
        "Tenant shop": {"claims": [{"namespace": "team", "state": "Claimed"}]},
        "ConfigMap team/texts": None,
        "PromptVersion team/made-1.0.0": {
            "digest": "sha256:a",
            "conditions": [{"type": "InUse", "status": "True", "reason": "InUse"}],
        },
        "PromptVersion team/made-1.1.0": None,
        "Prompt team/made": {"serving": SERVING},
    }


def test_annotations_of_people_are_kept_and_no_copy_of_the_spec() -> None:
    assert records(everything())[-1]["metadata"]["annotations"] == {"team": "shop"}


def test_a_version_that_its_prompt_owns_is_marked_and_no_other_whatever_its_labels_say() -> None:
    assert [is_owned(each) for each in records(everything()) if each["kind"] == "PromptVersion"] == [True, False]


@pytest.mark.parametrize(
    "going",
    [
        pytest.param(stored(prompt("gone"), deletionTimestamp="2026-01-01T00:00:00Z"), id="what is being deleted"),
        pytest.param(
            stored(version("made", "2.0.0", "x"), ownerReferences=[owner("made", "uid-before")]),
            id="a version whose owner is gone",
        ),
    ],
)
def test_what_is_going_is_left_out(going: dict[str, Any]) -> None:
    assert records([*everything(), going]) == records(everything())


def test_a_prompt_that_a_restore_left_half_done_is_not_taken_for_what_it_was() -> None:
    half = stored(prompt("half"), annotations={"promptops.io/restoring": "true"})

    with pytest.raises(HalfRestored, match="Prompt team/half is half restored: run that restore to its end first"):
        records([half])


def test_what_is_written_is_read_as_the_same() -> None:
    kept = records(everything())

    assert tuple(yaml.safe_load_all(yaml_text.dump_all(kept))) == kept
