"""Desired versus served: what status says about the instances, how often, and when it may say Converged."""

from dataclasses import replace
from typing import Any

import pytest

from promptops.domain.reconcile import decide_prompt
from promptops.domain.snapshot import ServedObservation


def served(world: Any) -> str:
    return str(world.status["served"])


@pytest.fixture
def active(world: Any) -> Any:
    """A converged prompt with two versions and two instances."""
    world.instances = 2
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    return world.after(60).forget()


def test_a_decision_is_ready_at_once_and_converging_until_instances_serve_it(world: Any) -> None:
    world.instances = 2
    world.add("1.0.0").apply(activeVersion="1.0.0").step()

    assert (world.said("Ready"), world.said("Converged"), world.said("Reconciling")) == (
        "True/Active",
        "False/Converging",
        "True/Converging",
    )
    assert (world.status["phase"], served(world)) == ("Progressing", "none")
    assert world.condition("Converged")["message"] == "no instance has reported revision 1 yet"


def test_it_is_converged_once_all_serve_it(active: Any) -> None:
    assert (active.said("Converged"), active.said("Reconciling"), active.status["phase"]) == (
        "True/Converged",
        "",
        "Healthy",
    )
    assert served(active) == "all"
    assert active.condition("Converged")["message"] == "every instance serves revision 1"


def test_without_instances_the_first_write_says_so(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").step()

    assert (world.said("Converged"), world.said("Reconciling"), world.status["phase"]) == (
        "True/NoConsumers",
        "",
        "Healthy",
    )
    assert served(world) == "none"
    assert world.condition("Converged")["message"] == "no instance is connected; the first one gets revision 1"


def test_what_is_not_published_is_never_called_converged(active: Any) -> None:
    active.apply(activeVersion="1.1.0").step()
    active.published = None

    active.decide()

    assert active.outcome.status == active.status
    assert (active.said("Converged"), served(active)) == ("False/Converging", "none")


def test_reports_about_the_revision_before_do_not_count_for_the_new_one(active: Any) -> None:
    before = active.snapshot().served

    active.apply(activeVersion="1.1.0").step()

    assert (before.ready, served(active)) == (2, "none")


def test_what_is_observed_counts_only_once_the_revision_is_published(active: Any) -> None:
    active.apply(activeVersion="1.1.0").step()
    snapshot = replace(active.snapshot(), served=ServedObservation(2, 2), published_revision=1)

    outcome = decide_prompt(snapshot, active.now)

    assert outcome.status == active.status


def test_while_nothing_can_be_said_status_keeps_what_it_says(active: Any) -> None:
    said = active.status

    active.restart().after(3600)

    assert active.decide().status == said


def test_a_decision_before_anything_is_heard_is_not_converged(active: Any) -> None:
    active.restart().apply(activeVersion="1.1.0").step()

    assert (served(active), active.said("Converged")) == ("none", "False/Converging")


def test_a_first_decision_before_anything_is_heard_counts_nobody(world: Any) -> None:
    world.heard = False
    world.add("1.0.0").apply(activeVersion="1.0.0").step()

    assert served(world) == "none"
    assert world.condition("Converged")["message"] == "no instance has reported revision 1 yet"


def test_after_sixty_seconds_it_lags(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle()
    almost = active.after(59).settle().said("Converged")
    active.after(1).settle()

    assert almost == "False/Converging"
    assert (active.said("Converged"), active.said("Reconciling"), active.status["phase"]) == (
        "False/Lagging",
        "",
        "Degraded",
    )
    assert active.condition("Converged")["message"] == "1 of 2 instances serve revision 2 after 60 s"


@pytest.mark.parametrize(
    ("uninjected", "unheard", "said"),
    [
        pytest.param(
            1, 0, "1 pod asks for a sidecar and has none: make them anew (kubectl rollout restart)", id="one lacks it"
        ),
        pytest.param(
            2, 0, "2 pods ask for a sidecar and have none: make them anew (kubectl rollout restart)", id="two lack it"
        ),
        pytest.param(
            0,
            1,
            "the sidecar of 1 pod has never reported: its log says why (kubectl logs --container promptops)",
            id="one never reported",
        ),
        pytest.param(
            1,
            2,
            "1 pod asks for a sidecar and has none: make them anew (kubectl rollout restart); "
            "the sidecars of 2 pods have never reported: its log says why (kubectl logs --container promptops)",
            id="both",
        ),
    ],
)
def test_pods_that_should_serve_and_cannot_are_said(active: Any, uninjected: int, unheard: int, said: str) -> None:
    active.uninjected, active.unheard = uninjected, unheard

    active.apply(activeVersion="1.1.0").settle()

    total = 2 + uninjected + unheard
    assert served(active) == f"2/{total}"
    assert active.said("Converged") == "False/Converging"
    assert active.condition("Converged")["message"] == f"2 of {total} instances serve revision 2; {said}"


def test_time_alone_is_looked_at_again(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle()

    active.after(20).settle()

    assert active.decide().look_again_seconds == pytest.approx(40)


def test_a_new_decision_has_its_own_sixty_seconds(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle()
    active.after(50).apply(activeVersion="1.0.0").settle()
    active.after(50).settle()

    assert active.said("Converged") == "False/Converging"


def test_lagging_ends_when_the_last_one_follows(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle().after(61).settle()
    active.behind = 0
    active.settle()

    assert (active.said("Converged"), active.status["phase"]) == ("True/Converged", "Healthy")


def test_a_clock_set_back_does_not_end_lagging(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle().after(61).settle()

    active.after(-3600).settle()

    assert active.said("Converged") == "False/Lagging"


def test_an_instance_that_falls_behind_later_is_no_progress_of_the_decision(active: Any) -> None:
    active.behind = 1
    active.settle()

    assert (active.said("Converged"), active.said("Reconciling"), active.status["phase"]) == (
        "False/Converging",
        "",
        "Healthy",
    )


def test_one_that_stays_behind_is_lagging_sixty_seconds_later(active: Any) -> None:
    active.behind = 1
    active.settle()
    almost = active.after(59).settle().said("Converged")
    active.after(1).settle()

    assert (almost, active.said("Converged")) == ("False/Converging", "False/Lagging")


def test_how_many_lag_is_said_while_some_do(active: Any) -> None:
    active.instances, active.behind = 50, 2
    active.apply(activeVersion="1.1.0").settle()

    assert (served(active), active.condition("Converged")["message"]) == (
        "48/50",
        "48 of 50 instances serve revision 2",
    )


@pytest.mark.parametrize("instances", [3, 50, 1, 0], ids=["one joins", "many join", "one leaves", "all leave"])
def test_instances_that_come_and_go_with_what_is_published_write_nothing(active: Any, instances: int) -> None:
    active.instances = instances
    active.settle()
    active.instances = 2
    active.settle()

    assert active.writes == []


def test_the_first_consumer_is_noticed(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    world.instances = 1
    world.after(60).settle()

    assert (world.said("Converged"), served(world)) == ("True/Converged", "all")


def test_who_lags_and_leaves_is_waited_for_no_longer(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle()
    lagging = served(active)
    active.instances, active.behind = 1, 0
    active.settle()

    assert (lagging, served(active), active.said("Converged")) == ("1/2", "all", "True/Converged")


def test_when_everybody_who_lagged_has_left_there_are_no_consumers(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle()
    active.instances, active.behind = 0, 0
    active.settle()

    assert (served(active), active.said("Converged")) == ("none", "True/NoConsumers")


def test_figures_and_words_always_agree(active: Any) -> None:
    active.instances = 50
    active.apply(activeVersion="1.1.0").step()
    for behind in range(50, -1, -1):
        active.behind = behind
        active.after(0.7).step()
        said = {0: "all", 50: "none"}.get(behind, f"{50 - behind}/50")

        assert served(active) == said
        assert (active.said("Converged") == "True/Converged") == (said == "all")


def test_lagging_is_an_event_once(active: Any) -> None:
    active.behind = 1
    active.apply(activeVersion="1.1.0").settle().after(61).settle().after(61).settle()

    assert [(each.type, each.reason) for each in active.events] == [("Normal", "Activated"), ("Warning", "Lagging")]
