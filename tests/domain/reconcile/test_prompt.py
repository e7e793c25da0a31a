"""Ids, the kill switch, tenants, deletion and recreation, Events and who decided."""

from typing import Any

import pytest

from promptops.api.feed import Entry
from promptops.domain.reconcile import as_written
from promptops.domain.reconcile.history import latest_manager


@pytest.fixture
def active(world: Any) -> Any:
    """A converged prompt with two versions and two instances."""
    world.instances = 2
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    return world.after(60).forget()


def events(world: Any) -> list[str]:
    return [f"{each.type} {each.reason}: {each.message}" for each in world.events]


def serving(prompt: dict[str, Any]) -> dict[str, Any]:
    """Return the Prompt as one that serves a version."""
    return {**prompt, "status": {"serving": {"stable": {"version": "1.0.0", "digest": "sha256:0"}}}}


class TestIds:
    """The id that applications use, and who yields when two want the same."""

    def test_an_id_is_answered_to_beside_the_name(self, active: Any) -> None:
        active.apply(promptId="team/greeting.v1").settle()

        assert (active.published.ids, active.published.revision) == (("team/greeting.v1",), 2)
        assert active.status["serving"]["ids"] == ["team/greeting.v1"]
        assert active.said("Converged") == "True/Converged"

    def test_an_id_that_is_the_name_adds_nothing(self, active: Any) -> None:
        active.apply(promptId="greeting").settle()

        assert (active.published.ids, active.published.revision) == ((), 1)

    @pytest.mark.parametrize(
        ("created", "uid", "keeps"),
        [
            pytest.param("2025-12-31T00:00:00Z", "u9", False, id="an older one has it"),
            pytest.param("2026-01-02T00:00:00Z", "u0", True, id="a younger one wants it"),
            pytest.param("2026-01-01T00:00:00Z", "u0", False, id="of the same second, the lower uid keeps it"),
            pytest.param("2026-01-01T00:00:00Z", "u2", True, id="of the same second, the higher uid yields"),
        ],
    )
    def test_the_younger_one_yields(self, active: Any, created: str, uid: str, keeps: bool) -> None:
        active.rivals = [serving(active.make_prompt("greeter", uid, created, promptId="hello"))]
        active.apply(promptId="hello").settle()

        assert active.published.ids == (("hello",) if keeps else ())
        assert active.said("Ready") == ("True/Active" if keeps else "False/IdConflict")

    def test_a_conflict_says_with_whom_and_what_to_do(self, active: Any) -> None:
        active.rivals = [serving(active.make_prompt("greeter", "u0", "2025-12-31T00:00:00Z", promptId="hello"))]
        active.apply(promptId="hello").settle()

        assert active.condition("Ready")["message"] == (
            'promptId "hello" is already used by prompt "greeter", which is older: delete that prompt, or create this one '
            "again with another promptId; version 1.0.0 is served"
        )
        assert (active.said("Stalled"), active.status["phase"]) == ("True/IdConflict", "Degraded")

    def test_a_spec_that_cannot_be_read_loses_no_id(self, active: Any) -> None:
        active.apply(promptId="hello").settle()
        active.apply(promptId=3).settle()

        assert (active.published.ids, active.said("Ready")) == (("hello",), "False/InvalidSpec")

    def test_a_name_always_wins_however_young(self, active: Any) -> None:
        active.rivals = [serving(active.make_prompt("hello", "u9", "2026-12-31T00:00:00Z"))]
        active.apply(promptId="hello").settle()

        assert active.published.ids == ()
        assert active.condition("Ready")["message"] == (
            'promptId "hello" is the name of another prompt, and a name always wins: delete that prompt, or create this '
            "one again with another promptId; version 1.0.0 is served"
        )

    @pytest.mark.parametrize("rival", ["hello", "greeter"])
    def test_who_has_nothing_to_serve_takes_no_id_away(self, active: Any, rival: str) -> None:
        active.rivals = [active.make_prompt(rival, "u0", "2025-12-31T00:00:00Z", promptId="hello")]
        active.apply(promptId="hello").settle()

        assert (active.published.ids, active.said("Ready")) == (("hello",), "True/Active")

    def test_another_s_id_that_is_this_name_changes_nothing(self, active: Any) -> None:
        active.rivals = [active.make_prompt("hello", "u0", "2025-12-31T00:00:00Z", promptId="greeting")]

        assert not active.step()

    def test_an_activation_goes_on_during_a_conflict(self, active: Any) -> None:
        active.rivals = [serving(active.make_prompt("greeter", "u0", "2025-12-31T00:00:00Z", promptId="hello"))]
        active.apply(promptId="hello", activeVersion="1.1.0").settle()

        assert (active.serving, active.published.stable.version) == ("1.1.0", "1.1.0")

    def test_the_id_is_taken_once_it_is_free(self, active: Any) -> None:
        active.rivals = [serving(active.make_prompt("greeter", "u0", "2025-12-31T00:00:00Z", promptId="hello"))]
        active.apply(promptId="hello").settle()
        active.rivals = []
        active.settle()

        assert (active.published.ids, active.said("Ready")) == (("hello",), "True/Active")


class TestKillSwitch:
    """Disabled is a decision like any other: counted, converged, taken back."""

    def test_renders_are_refused(self, active: Any) -> None:
        active.apply(disabled=True).settle()

        assert (active.published.state, active.published.revision) == ("disabled", 2)
        assert active.said("Ready") == "True/Disabled"
        assert active.condition("Ready")["message"] == (
            "renders answer 409 PromptDisabled until spec.disabled is removed; version 1.0.0 is active"
        )

    def test_it_is_converged_only_when_every_instance_refuses(self, active: Any) -> None:
        active.behind = 1
        active.apply(disabled=True).settle()
        before = active.said("Converged")
        active.behind = 0
        active.settle()

        assert (before, active.said("Converged")) == ("False/Converging", "True/Converged")

    def test_taken_back_the_same_version_is_served(self, active: Any) -> None:
        active.apply(disabled=True).settle()
        active.apply(disabled=None).settle()

        assert (active.published.state, active.published.revision, active.serving) == ("active", 3, "1.0.0")
        assert len(active.status["history"]) == 1

    def test_activations_go_on_behind_it(self, active: Any) -> None:
        active.apply(disabled=True, activeVersion="1.1.0").settle()

        assert (active.published.state, active.published.stable.version) == ("disabled", "1.1.0")

    def test_ready_stays_truthful_about_the_rest(self, active: Any) -> None:
        active.apply(disabled=True, activeVersion="9.0.0").settle()

        assert (active.published.state, active.said("Ready")) == ("disabled", "False/VersionNotFound")

    def test_it_works_when_nothing_else_of_the_spec_can_be_read(self, active: Any) -> None:
        active.apply(disabled=True, activeVersion=1).settle()

        assert (active.published.state, active.said("Ready")) == ("disabled", "False/InvalidSpec")

    def test_it_does_not_wait_for_content_that_is_gone(self, active: Any) -> None:
        active.drop("1.0.0").apply(disabled=True).settle()

        assert (active.published.state, active.published.stable) == ("disabled", None)
        assert active.serving == "1.0.0"

    def test_only_true_disables(self, active: Any) -> None:
        active.apply(disabled=False).settle()

        assert active.published.state == "active"


class TestTenant:
    """Nothing is served from a namespace that belongs to nobody."""

    MESSAGE = "no Tenant claims the namespace: ask the platform team to add it to a Tenant's spec.namespaces"

    def test_nothing_is_served(self, world: Any) -> None:
        world.tenant = None
        world.add("1.0.0").apply(activeVersion="1.0.0").settle()

        assert (world.published, world.status["phase"]) == (None, "Pending")
        assert (world.said("Ready"), world.condition("Ready")["message"]) == ("False/TenantUnknown", self.MESSAGE)

    def test_no_version_is_made(self, world: Any) -> None:
        world.tenant = None
        world.follow("A").settle()

        assert world.versions == {}

    def test_it_is_not_announced_while_objects_keep_arriving(self, world: Any) -> None:
        world.tenant, world.settled = None, False

        assert (world.decide().status, world.outcome.look_again_seconds) == (None, 1.0)

    def test_a_claim_that_ends_withdraws_at_once(self, active: Any) -> None:
        active.tenant, active.settled = None, False
        active.step()

        assert active.published is None
        assert (active.said("Ready"), active.said("Converged")) == ("False/TenantUnknown", "False/NothingServed")
        assert active.condition("Ready")["message"] == self.MESSAGE
        assert "served" not in active.status

    def test_a_claim_that_returns_takes_up_what_was_decided(self, active: Any) -> None:
        stable, history = active.published.stable, active.status["history"]
        active.tenant = None
        active.settle()
        active.tenant = "team"
        active.settle()

        assert (active.published.stable, active.published.revision) == (stable, 2)
        assert (active.said("Ready"), active.said("Converged")) == ("True/Active", "True/Converged")
        assert active.status["history"] == history


class TestDeletion:
    """A Prompt serves until it is gone; one that comes anew under its name starts from nothing."""

    def test_a_prompt_being_deleted_serves_on_and_nothing_is_made_or_said(self, active: Any) -> None:
        before = active.published
        active.apply(activeVersion="1.1.0", source={"content": {"text": "new"}}, historyLimit=1)
        active.prompt["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z"
        active.settle()

        assert (active.published, active.log) == (before, [])

    def test_its_versions_may_go_first(self, active: Any) -> None:
        active.prompt["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z"
        active.drop("1.0.0").drop("1.1.0").step()

        assert (active.published.state, active.published.stable.version) == ("held", "1.0.0")

    def test_a_recreated_prompt_starts_from_nothing(self, world: Any) -> None:
        world.follow("old").settle()
        old = world.published
        world.prompt = world.make_prompt("greeting", "u2", "2026-01-02T00:00:00Z")
        world.published = None
        world.follow("new").settle()

        assert isinstance(world.published, Entry)
        assert (world.published.uid, world.published.revision) == ("u2", 1)
        assert old.stable.digest not in world.published.digests()
        assert (len(world.status["history"]), "previous" in world.status) == (1, False)

    def test_a_recreated_prompt_never_serves_what_its_predecessor_owned(self, world: Any) -> None:
        world.follow("old").settle()
        world.prompt = world.make_prompt("greeting", "u2", "2026-01-02T00:00:00Z", activeVersion="1.0.0")
        world.published = None
        world.settle()

        assert (world.published, world.said("Ready")) == (None, "False/VersionNotFound")

    def test_versions_without_an_owner_belong_by_name_after_a_restore(self, world: Any) -> None:
        world.add("1.0.0")
        world.prompt = world.make_prompt("greeting", "u2", "2026-01-02T00:00:00Z", activeVersion="1.0.0")
        world.settle()

        assert world.serving == "1.0.0"


class TestEvents:
    """Only what became the case, and nothing on a restart."""

    def test_the_first_activation(self, world: Any) -> None:
        world.add("1.0.0").apply(activeVersion="1.0.0").settle()

        assert events(world) == ["Normal Activated: version 1.0.0 is served"]

    def test_a_new_problem_and_its_end(self, active: Any) -> None:
        active.apply(activeVersion="1.2.0").settle().apply(activeVersion="1.0.0").settle()

        assert events(active) == [
            'Warning VersionNotFound: version 1.2.0 of prompt "greeting" does not exist yet: apply PromptVersion '
            "greeting-1.2.0 or set spec.activeVersion to one of 1.0.0, 1.1.0; version 1.0.0 is served",
            "Normal Active: version 1.0.0 is active",
        ]

    def test_one_problem_after_another(self, active: Any) -> None:
        active.apply(activeVersion="1.2.0").settle().add("1.2.0", "{{ oops").settle()

        assert [each.reason for each in active.events] == ["VersionNotFound", "VersionInvalid"]

    def test_a_problem_that_ends_in_an_activation_is_one_event(self, active: Any) -> None:
        active.apply(activeVersion="1.2.0").settle().forget().add("1.2.0", "c").settle()

        assert events(active) == ["Normal Activated: version 1.2.0 is served instead of 1.0.0"]

    def test_the_kill_switch_and_back(self, active: Any) -> None:
        active.apply(disabled=True).settle().apply(disabled=None).settle()

        assert [each.reason for each in active.events] == ["Disabled", "Active"]

    def test_an_activation_of_a_deprecated_version_warns(self, active: Any) -> None:
        active.add("1.2.0", "c", lifecycle="Deprecated").apply(activeVersion="1.2.0").settle()

        assert events(active) == [
            "Normal Activated: version 1.2.0 is served instead of 1.0.0",
            "Normal VersionDeprecated: version 1.2.0 is active although it is deprecated: activate a newer one",
        ]

    def test_another_generation_alone_is_none(self, active: Any) -> None:
        active.apply(historyLimit=9).settle()

        assert (events(active), active.status["observedGeneration"]) == ([], 3)


class TestManager:
    """Who decided is the field manager of the deciding field, as the API server recorded it."""

    def test_the_last_to_write_the_field(self) -> None:
        fields: dict[str, Any] = {"f:spec": {"f:activeVersion": {}}}
        managed = [
            {"manager": "helm", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields},
            {"manager": "argocd", "time": "2026-01-02T00:00:00Z", "fieldsV1": fields},
            {"manager": "kubectl", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:spec": {"f:disabled": {}}}},
            {"manager": "promptops", "time": "2026-01-04T00:00:00Z", "subresource": "status", "fieldsV1": fields},
        ]

        assert latest_manager({"metadata": {"managedFields": managed}}, ("f:spec", "f:activeVersion")) == "argocd"

    @pytest.mark.parametrize(
        "managed", [None, [], "x", [{"manager": "x"}], [{"manager": "x", "fieldsV1": {"f:spec": 1}}]]
    )
    def test_without_a_record_it_is_unknown(self, managed: Any) -> None:
        manifest = {"metadata": {"managedFields": managed}}

        assert latest_manager(manifest, ("f:spec", "f:activeVersion")) == "unknown"

    def test_an_inline_source_is_decided_by_who_wrote_it(self, world: Any) -> None:
        world.apply("flux", source={"content": {"text": "A"}}).settle()
        world.apply("kubectl-label", historyLimit=9).settle()

        assert world.status["history"][0]["manager"] == "flux"

    def test_a_name_is_cut_to_what_status_can_hold(self, world: Any) -> None:
        world.add("1.0.0").apply("m" * 200, activeVersion="1.0.0").settle()

        assert world.status["history"][0]["manager"] == "m" * 127 + "…"


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"serving": "1.0.0", "history": {}, "conditions": [1], "previous": []}, id="other types"),
        pytest.param({"serving": {"revision": "x", "stable": {"version": 1}}}, id="other types within"),
        pytest.param({"served": 3, "latestVersion": "latest", "versionCount": "many"}, id="no numbers"),
        pytest.param(None, id="none"),
    ],
)
def test_a_status_of_another_shape_is_as_good_as_none(world: Any, status: Any) -> None:
    world.prompt["status"] = status
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()

    assert (world.serving, world.status["serving"]["revision"]) == ("1.0.0", 1)


def test_a_decision_that_cannot_be_written_leaves_what_status_says_in_service(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    decided = world.decide().entry
    world.apply(activeVersion="1.1.0")

    outcome = as_written(world.snapshot())

    assert outcome.entry == decided
    assert outcome.status is None
    assert outcome.contents.keys() == decided.digests()
