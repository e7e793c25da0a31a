"""Who holds which namespace, and how tenants hear of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from promptops.domain.snapshot import Amount, TenancyOutcome, TenancySnapshot
from promptops.domain.tenancy import decide_tenancy
from tests.support import manifests
from tests.support.manifests import stored

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROTECTED = frozenset({"platform"})


def tenant(
    name: str, *namespaces: str, created: str = "2026-01-01T00:00:00Z", held: tuple[str, ...] = ()
) -> dict[str, Any]:
    rows = [{"namespace": namespace, "state": "Claimed"} for namespace in held]
    status = {"observedGeneration": 2, "claims": rows}
    made = manifests.tenant(name, *namespaces)
    return stored(made, namespace=None, generation=3, creationTimestamp=created, status=status)


def namespaces(*names: str) -> tuple[dict[str, Any], ...]:
    return tuple({"metadata": {"name": name, "uid": f"ns-{name}"}} for name in names)


def decide(*tenants: dict[str, Any], there: tuple[str, ...] = ("a", "b"), mode: Any = "Strict") -> TenancyOutcome:
    return decide_tenancy(TenancySnapshot(tenants, namespaces(*there), mode, PROTECTED), NOW)


def said(outcome: TenancyOutcome, name: str) -> dict[str, str]:
    return {
        each["type"]: f"{each['status']}/{each['reason']}: {each['message']}"
        for each in outcome.statuses[name]["conditions"]
    }


OLD, YOUNG = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("tenants", "holder"),
    [
        pytest.param([tenant("red", "a")], "red", id="the only one"),
        pytest.param([tenant("blue", "a", created=YOUNG), tenant("red", "a", created=OLD)], "red", id="the older one"),
        pytest.param([tenant("red", "a"), tenant("blue", "a")], "blue", id="of one age, the first by name"),
        pytest.param(
            [tenant("red", "a", created=OLD), tenant("blue", "a", created=YOUNG, held=("a",))],
            "blue",
            id="the holder, however young",
        ),
        pytest.param(
            [tenant("red", "a", created=YOUNG, held=("a",)), tenant("blue", "a", created=OLD, held=("a",))],
            "blue",
            id="of two who claim to hold it, the older one",
        ),
        pytest.param(
            [tenant("red", "b", created=OLD, held=("a",)), tenant("blue", "a", created=YOUNG)],
            "blue",
            id="whoever no longer claims it holds it no more",
        ),
        pytest.param([], None, id="nobody"),
    ],
)
def test_who_holds_a_namespace(tenants: list[dict[str, Any]], holder: str | None) -> None:
    assert decide(*tenants).holders.get("a") == holder
    assert decide(*reversed(tenants)).holders.get("a") == holder


@pytest.mark.parametrize(
    ("mode", "holders"),
    [
        pytest.param("Implicit", {"a": "red", "b": "b"}, id="Implicit: an unclaimed namespace is its own tenant"),
        pytest.param("Strict", {"a": "red"}, id="Strict: an unclaimed namespace is refused"),
    ],
)
def test_unclaimed_namespaces(mode: str, holders: dict[str, str]) -> None:
    assert decide(tenant("red", "a"), mode=mode).holders == holders


def test_the_winner_is_ready_and_the_loser_hears_of_whom() -> None:
    outcome = decide(tenant("red", "a", "b", created=OLD), tenant("blue", "a", created=YOUNG))

    assert outcome.statuses["red"]["claims"] == [
        {"namespace": "a", "state": "Claimed"},
        {"namespace": "b", "state": "Claimed"},
    ]
    assert said(outcome, "red") == {"Ready": "True/Claimed: 2 of 2 namespaces claimed"}
    assert outcome.statuses["blue"]["claims"] == [{"namespace": "a", "state": "Conflict", "holder": "red"}]
    message = 'namespace "a" is held by tenant "red": remove it from the spec.namespaces of one of the two'
    assert said(outcome, "blue") == {
        "Ready": f"False/NamespaceConflict: {message}",
        "Stalled": f"True/NamespaceConflict: {message}",
    }


def test_a_namespace_that_is_not_there_yet_is_kept_for_the_winner() -> None:
    outcome = decide(tenant("red", "a", "later", created=OLD), tenant("blue", "later", created=YOUNG))

    assert outcome.holders == {"a": "red"}
    assert said(outcome, "red") == {"Ready": "True/Claimed: 1 of 2 namespaces claimed; not in the cluster yet: later"}
    assert outcome.statuses["red"]["claims"][1] == {"namespace": "later", "state": "Absent"}
    assert outcome.statuses["blue"]["claims"] == [{"namespace": "later", "state": "Conflict", "holder": "red"}]


@pytest.mark.parametrize(("mode", "holder"), [("Strict", None), ("Implicit", "platform")])
def test_a_protected_namespace_cannot_be_claimed(mode: str, holder: str | None) -> None:
    outcome = decide(tenant("red", "platform", held=("platform",)), there=("platform",), mode=mode)

    assert outcome.holders.get("platform") == holder
    assert outcome.statuses["red"]["claims"] == [{"namespace": "platform", "state": "Conflict"}]
    assert said(outcome, "red")["Ready"] == (
        'False/NamespaceConflict: namespace "platform" is protected and cannot be claimed: remove it from '
        "spec.namespaces"
    )


def test_the_cluster_s_own_namespaces_are_refused_with_the_spec() -> None:
    outcome = decide_tenancy(TenancySnapshot((tenant("red", "kube-system"),), namespaces("kube-system"), "Strict"), NOW)

    assert (outcome.holders, outcome.statuses["red"]["claims"]) == ({}, [])
    assert said(outcome, "red")["Stalled"].startswith("True/InvalidSpec: spec: kube-system, ")


def test_all_conflicts_are_named() -> None:
    outcome = decide(tenant("red", "a", "b", held=("a", "b")), tenant("blue", "a", "b", "platform"))

    assert said(outcome, "blue")["Ready"].count("namespace ") == 3


def test_a_spec_that_cannot_be_read_loses_nothing_and_gets_nothing() -> None:
    broken = tenant("red", "a", "b", created=OLD, held=("a",))
    broken["spec"]["owner"] = "x"

    outcome = decide(broken, tenant("blue", "a", "b", created=YOUNG))

    assert outcome.holders == {"a": "red", "b": "blue"}
    assert said(outcome, "red") == {
        "Ready": "False/InvalidSpec: spec.owner: is not a field of this kind",
        "Stalled": "True/InvalidSpec: spec.owner: is not a field of this kind",
    }


def test_a_label_claims_nothing() -> None:
    labelled = {"metadata": {"name": "a", "uid": "ns-a", "labels": {"promptops.io/tenant": "red"}}}

    outcome = decide_tenancy(TenancySnapshot((tenant("red", "b"),), (labelled,), "Strict"), NOW)

    assert outcome.holders == {}


def test_deciding_again_on_what_was_written_changes_nothing() -> None:
    tenants = [
        tenant("red", "a", "later", created=YOUNG),
        tenant("blue", "a", "b", created=OLD),
        tenant("green", "platform"),
    ]
    first = decide(*tenants)
    written = [{**each, "status": first.statuses[each["metadata"]["name"]]} for each in tenants]

    second = decide_tenancy(
        TenancySnapshot(tuple(written), namespaces("a", "b"), "Strict", PROTECTED), NOW.replace(year=2027)
    )

    assert second == first


def test_the_status_speaks_of_the_generation_it_saw() -> None:
    status = decide(tenant("red", "a")).statuses["red"]

    assert (status["observedGeneration"], status["conditions"][0]["observedGeneration"]) == (3, 3)


@pytest.mark.parametrize(
    ("before", "counted", "figure"),
    [
        pytest.param({}, {"a": 2}, 2, id="pods lack it"),
        pytest.param({"uninjected": 2}, {"a": 3}, 3, id="more of them"),
        pytest.param({"uninjected": 2}, {"b": 1}, None, id="none any more"),
        pytest.param({"uninjected": 2}, None, 2, id="not looked yet: as it was said"),
        pytest.param({}, None, None, id="not looked yet, and nothing said"),
    ],
)
@pytest.mark.parametrize("instances", [{}, {"a": {"instances": 4, "lost": 1, "missing": 0}}])
def test_pods_without_a_sidecar_are_said(
    before: dict[str, int],
    counted: dict[str, int] | None,
    figure: int | None,
    instances: dict[str, dict[str, int]],
) -> None:
    red = tenant("red", "a", held=("a",))
    red["status"]["claims"][0] |= before
    outcome = decide_tenancy(
        TenancySnapshot((red,), namespaces("a", "b"), "Strict", instances=instances, uninjected=counted), NOW
    )
    row = outcome.statuses["red"]["claims"][0]

    assert row.get("uninjected") == figure
    assert row.get("instances") == instances.get("a", {}).get("instances")
    assert ("InjectionMissed" in said(outcome, "red")) == (figure is not None)
    assert f'{figure} in namespace "a"' in said(outcome, "red").get("InjectionMissed", f'{figure} in namespace "a"')


@pytest.mark.parametrize(
    ("alerts", "thresholds"),
    [
        pytest.param({"errorRatePercent": 25, "p95Milliseconds": 500, "cacheHitPercent": 0}, {"high_error_rate": 25, "slow_response": 500, "low_cache_hit_rate": 0}, id="all of them"),
        pytest.param({"p95Milliseconds": 500}, {"slow_response": 500}, id="one of them"),
        pytest.param({"errorRatePercent": "25", "p95Milliseconds": True, "cacheHitPercent": -1}, None, id="nothing that can be read"),
        pytest.param({}, None, id="nothing"),
    ],
)  # fmt: skip
def test_a_tenant_says_from_where_on_alerts_fire(alerts: dict[str, Any], thresholds: dict[str, int] | None) -> None:
    says = tenant("red", "a", "b")
    says["spec"]["alerts"] = alerts
    outcome = decide_tenancy(TenancySnapshot((says, tenant("blue", "c")), namespaces("a", "c")), NOW)

    assert outcome.thresholds.get("a") == thresholds
    assert "c" not in outcome.thresholds


def used(*held: str, **amounts: Amount) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """What a tenant that claims a, b and c says of them when it gets those held."""
    rival = tenant("zebra", *{"a", "b", "c"} - set(held), held=tuple({"a", "b", "c"} - set(held)))
    snapshot = TenancySnapshot((tenant("red", "a", "b", "c"), rival), namespaces("a", "b", "c"), amounts=amounts)
    status = decide_tenancy(snapshot, NOW).statuses["red"]
    usage: dict[str, Any] | None = status.get("usage")
    return usage, status["claims"]


@pytest.mark.parametrize(
    ("held", "amounts", "usage"),
    [
        pytest.param("ab", {"a": Amount(2, 9, 5), "b": Amount(3, 4, 2)}, (5, 13, 3, 5), id="the most may be elsewhere"),
        pytest.param("ab", {"a": Amount(2, 9, 5)}, (2, 9, 2, 5), id="nothing in one of them"),
        pytest.param("ab", {"a": Amount(2, 9, 5), "c": Amount(70, 70, 1)}, (2, 9, 2, 5), id="what others hold is theirs"),
        pytest.param("ab", {"z": Amount(1, 1, 1)}, (0, 0, 0, 0), id="nothing in any of them"),
        pytest.param("", {"a": Amount(2, 9, 5)}, None, id="none of them is held"),
    ],
)  # fmt: skip
def test_a_tenant_says_how_much_there_is(held: str, amounts: dict[str, Amount], usage: Any) -> None:
    said_used, _ = used(*held, **amounts)

    assert said_used == (
        usage and dict(zip(("prompts", "versions", "mostPrompts", "mostVersions"), usage, strict=True))
    )


def test_a_row_says_how_much_there_is_in_its_namespace() -> None:
    _, rows = used("a", "b", a=Amount(2, 9, 5), c=Amount(7, 7, 7))

    assert rows == [
        {"namespace": "a", "state": "Claimed", "prompts": 2, "versions": 9},
        {"namespace": "b", "state": "Claimed"},
        {"namespace": "c", "state": "Conflict", "holder": "zebra"},
    ]
