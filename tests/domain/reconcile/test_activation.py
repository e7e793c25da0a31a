"""Activation and rollback are an edit of one line; a bad version never displaces a good one."""

from typing import Any

import pytest

from promptops.api.v1alpha1.schema import VERSION_NUMBER
from promptops.domain.content.canonical import digest
from tests.support.manifests import owner

OTHER_DIGEST = "sha256:" + "0" * 64


def test_the_active_version_is_served(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "Hello").apply(activeVersion="1.1.0").settle()

    assert world.serving == "1.1.0"
    assert (world.status["phase"], world.said("Ready")) == ("Healthy", "True/Active")
    assert world.condition("Ready")["message"] == "version 1.1.0 is active"
    assert (world.status["versionCount"], world.status["latestVersion"]) == (2, "1.1.0")


def test_the_entry_names_what_is_served_and_what_may_be_asked_for(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "Hello").apply(activeVersion="1.0.0").settle()

    entry, content = world.published, world.versions["greeting-1.0.0"]["spec"]["content"]
    assert (entry.name, entry.uid, entry.state, entry.revision) == ("greeting", "u1", "active", 1)
    assert (entry.stable.version, entry.stable.digest) == ("1.0.0", digest(content))
    assert [pin.version for pin in entry.pins] == ["1.1.0", "1.0.0"]
    assert world.outcome.contents.keys() == entry.digests()


def test_an_activation_moves_serving_and_remembers_what_served(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "Hello").apply(activeVersion="1.0.0").settle()
    world.after(10).apply("argocd", activeVersion="1.1.0").settle()

    assert (world.serving, world.status["serving"]["revision"]) == ("1.1.0", 2)
    assert world.status["previous"]["version"] == "1.0.0"
    newest = world.status["history"][0]
    assert (newest["version"], newest["manager"], newest["reason"]) == ("1.1.0", "argocd", "Activated")
    assert newest["at"] == world.status["serving"]["at"] == "2026-01-01T00:00:10Z"


def test_back_to_an_earlier_version_is_a_rollback(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "Hello").apply(activeVersion="1.0.0").settle()
    world.apply(activeVersion="1.1.0").settle().forget()
    world.apply(activeVersion="1.0.0").settle()

    assert [each["reason"] for each in world.status["history"]] == ["RolledBack", "Activated", "Activated"]
    assert [(each.type, each.reason, each.message) for each in world.events] == [
        ("Normal", "RolledBack", "version 1.0.0 is served instead of 1.1.0")
    ]


def test_history_keeps_the_last_ten_newest_first(world: Any) -> None:
    for minor in range(12):
        world.add(f"1.{minor}.0", f"{minor}").apply(activeVersion=f"1.{minor}.0").settle()

    assert [each["version"] for each in world.status["history"]] == [f"1.{minor}.0" for minor in range(11, 1, -1)]


def test_the_digest_may_be_pinned_too(world: Any) -> None:
    world.add("1.0.0")
    content = world.versions["greeting-1.0.0"]["spec"]["content"]

    world.apply(activeVersion="1.0.0", activeDigest=digest(content)).settle()

    assert world.said("Ready") == "True/Active"


def foreign(world: Any) -> None:
    version = world.make_version("2.0.0")
    version["spec"]["promptRef"]["name"] = "other"
    world.put(version)


def of_an_earlier_prompt(world: Any) -> None:
    world.add("2.0.0", metadata={"ownerReferences": [owner("greeting", "u0")]})


def broken(world: Any) -> None:
    world.add("2.0.0", content={"text": "Hi {{ nmae }}", "variables": [{"name": "name", "type": "string"}]})


def malformed(world: Any) -> None:
    world.add("2.0.0", content={"text": "Hi", "temperature": 1})


def archived(world: Any) -> None:
    world.add("2.0.0", "new", lifecycle="Archived")


def going(world: Any) -> None:
    """Deleted while nobody used it, and kept by a finalizer: it goes as soon as whoever set that takes it away."""
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["mine.example.com/x"]}
    world.add("2.0.0", "new", metadata=gone)


def asked_for_another_digest(world: Any) -> None:
    world.add("2.0.0", "new").apply(activeDigest=OTHER_DIGEST)


def absent(world: Any) -> None:
    """Nothing to do."""


PROBLEMS = [
    pytest.param(
        absent,
        "VersionNotFound",
        'version 2.0.0 of prompt "greeting" does not exist yet: apply PromptVersion greeting-2.0.0 or set spec.activeVersion to one of 1.0.0, 1.1.0',
        "Reconciling",
        id="not there yet",
    ),
    pytest.param(
        of_an_earlier_prompt,
        "VersionNotFound",
        "PromptVersion greeting-2.0.0 is owned by another object (uid u0, this prompt is u1) and goes with it: apply it again without ownerReferences once it is gone or set spec.activeVersion to one of 1.0.0, 1.1.0",
        "Reconciling",
        id="owned by an earlier prompt of the name",
    ),
    pytest.param(
        foreign,
        "VersionOfOtherPrompt",
        'PromptVersion greeting-2.0.0 is a version of prompt "other", not of "greeting": set spec.activeVersion to one of 1.0.0, 1.1.0',
        "Stalled",
        id="of another prompt",
    ),
    pytest.param(
        broken,
        "VersionInvalid",
        'version 2.0.0 cannot be served: spec.content.text: line 1, column 7: variable "nmae" is not declared: write "name", or declare it under variables; versions never change: correct it in a new one',
        "Stalled",
        id="with a broken template",
    ),
    pytest.param(
        malformed,
        "VersionInvalid",
        "version 2.0.0 cannot be served: spec.content.temperature: is not a field of this kind; versions never change: correct it in a new one",
        "Stalled",
        id="with an unknown field",
    ),
    pytest.param(
        archived,
        "VersionArchived",
        "version 2.0.0 is archived and cannot be activated: activate another one, or set its spec.lifecycle to Available",
        "Stalled",
        id="archived",
    ),
    pytest.param(
        going,
        "VersionNotFound",
        "PromptVersion greeting-2.0.0 is being deleted and cannot be activated: activate another one, or apply it again once it is gone",
        "Reconciling",
        id="on its way out",
    ),
    pytest.param(
        asked_for_another_digest,
        "DigestMismatch",
        f"version 2.0.0 has the digest {digest({'text': 'new', 'variables': []})}, spec.activeDigest asks for {OTHER_DIGEST}: correct spec.activeDigest, or activate the version that has it",
        "Stalled",
        id="with another digest than asked for",
    ),
]


@pytest.mark.parametrize(("arrange", "reason", "message", "mark"), PROBLEMS)
def test_the_last_good_version_keeps_serving_and_ready_says_why(
    world: Any, arrange: Any, reason: str, message: str, mark: str
) -> None:
    world.add("1.0.0").add("1.1.0", "Hello").apply(activeVersion="1.0.0").settle()
    before = world.published
    arrange(world)
    world.apply(activeVersion="2.0.0").settle()

    assert world.said("Ready") == f"False/{reason}"
    assert world.condition("Ready")["message"] == f"{message}; version 1.0.0 is served"
    assert world.said(mark) == f"True/{reason}"
    assert world.said("Stalled" if mark == "Reconciling" else "Reconciling") == ""
    assert (world.status["phase"], world.serving) == ("Degraded", "1.0.0")
    assert (world.published.stable, world.published.revision) == (before.stable, before.revision)


@pytest.mark.parametrize(("arrange", "reason", "message", "mark"), PROBLEMS)
def test_without_a_good_version_nothing_is_served(
    world: Any, arrange: Any, reason: str, message: str, mark: str
) -> None:
    arrange(world)
    world.apply(activeVersion="2.0.0").settle()

    assert world.said("Ready") == f"False/{reason}"
    assert world.said("Converged") == "False/NothingServed"
    assert world.status["phase"] == "Pending"
    assert "serving" not in world.status
    assert world.published is None


def test_without_versions_the_message_offers_none(world: Any) -> None:
    world.apply(activeVersion="1.2.0").settle()

    assert world.condition("Ready")["message"] == (
        'version 1.2.0 of prompt "greeting" does not exist yet: apply PromptVersion greeting-1.2.0'
    )


def test_the_message_offers_the_newest_five(world: Any) -> None:
    for minor in range(7):
        world.add(f"1.{minor}.0", str(minor))
    world.apply(activeVersion="9.0.0").settle()

    assert world.condition("Ready")["message"].endswith(
        "set spec.activeVersion to one of 1.2.0, 1.3.0, 1.4.0, 1.5.0, 1.6.0 (the newest 5 of 7)"
    )


def test_a_version_that_arrives_late_is_activated_then(world: Any) -> None:
    world.apply(activeVersion="1.0.0").settle()
    world.add("1.0.0").settle()

    assert (world.serving, world.said("Ready"), world.said("Reconciling")) == ("1.0.0", "True/Active", "")


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        pytest.param(
            [],
            "nothing is asked for yet and nothing is served: apply a PromptVersion and name it in spec.activeVersion, or set spec.source",
            id="no version",
        ),
        pytest.param(
            ["1.0.0", "1.1.0"],
            "nothing is asked for yet and nothing is served: set spec.activeVersion to one of 1.0.0, 1.1.0",
            id="versions to choose from",
        ),
    ],
)
def test_a_prompt_that_asks_for_nothing_has_what_it_asks_for(world: Any, versions: list[str], message: str) -> None:
    for number in versions:
        world.add(number, number)
    world.settle()

    assert (world.said("Ready"), world.said("Converged")) == ("True/NothingAsked", "False/NothingServed")
    assert world.condition("Ready")["message"] == message
    assert (world.said("Reconciling"), world.said("Stalled"), world.status["phase"]) == ("", "", "Pending")


def test_taking_the_choice_back_withdraws_nothing(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    world.apply(activeVersion=None).settle()

    assert (world.serving, world.said("Ready"), world.status["phase"]) == ("1.0.0", "False/NoActiveVersion", "Degraded")
    assert (world.said("Reconciling"), world.said("Stalled")) == ("", "True/NoActiveVersion")


def test_a_deprecated_version_is_served_with_a_word(world: Any) -> None:
    world.add("1.0.0", lifecycle="Deprecated").apply(activeVersion="1.0.0").settle()

    assert (world.serving, world.said("Ready")) == ("1.0.0", "True/VersionDeprecated")
    assert (
        world.condition("Ready")["message"] == "version 1.0.0 is active although it is deprecated: activate a newer one"
    )


def test_archiving_what_serves_withdraws_nothing(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    before = world.published
    world.change("1.0.0", lifecycle="Archived").settle()

    assert world.published == before
    assert world.said("Ready") == "False/VersionArchived"
    assert world.condition("Ready")["message"] == (
        "version 1.0.0 is archived: activate another one, or set its spec.lifecycle to Available; version 1.0.0 is served"
    )


def test_a_version_that_comes_back_with_other_content_is_never_served_silently(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    stable = world.published.stable
    world.drop("1.0.0").add("1.0.0", "Something else").settle()

    now = digest({"text": "Something else", "variables": []})
    assert world.said("Ready") == "False/DigestChanged"
    assert world.condition("Ready")["message"] == (
        f"version 1.0.0 was served with the digest {stable.digest} and came back with {now}: give the new content a new "
        f"number, or set spec.activeDigest to {now} to accept it; whoever holds version 1.0.0 goes on serving it"
    )
    assert (world.published.stable, world.published.state, world.published.pins) == (stable, "held", ())


def test_it_is_served_once_its_digest_is_asked_for(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    now = digest({"text": "Something else", "variables": []})
    world.drop("1.0.0").add("1.0.0", "Something else").apply(activeDigest=now).settle()

    assert (world.said("Ready"), world.published.stable.digest, world.published.state) == ("True/Active", now, "active")


def test_a_number_from_history_with_other_content_is_refused_too(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    world.apply(activeVersion="1.1.0").settle()
    world.drop("1.0.0").add("1.0.0", "Something else").apply(activeVersion="1.0.0").settle()

    assert (world.serving, world.said("Ready")) == ("1.1.0", "False/DigestChanged")
    assert [pin.version for pin in world.published.pins] == ["1.1.0"]


def test_content_that_changed_under_its_uid_is_refused(world: Any) -> None:
    world.add("1.0.0").settle()
    world.change("1.0.0", content={"text": "tampered"}).apply(activeVersion="1.0.0").settle()

    assert (world.said("Ready"), world.published) == ("False/DigestChanged", None)


def test_a_deleted_version_is_held_by_those_who_have_it(world: Any) -> None:
    world.add("1.0.0").add("1.1.0", "b").apply(activeVersion="1.0.0").settle()
    before = world.published
    world.drop("1.0.0").settle()

    assert (world.published.state, world.published.stable, world.published.revision) == ("held", before.stable, 1)
    assert before.stable.digest not in world.outcome.contents
    assert (world.said("Ready"), world.status["phase"]) == ("False/VersionNotFound", "Degraded")
    assert world.condition("Ready")["message"] == (
        'version 1.0.0 of prompt "greeting" is gone: apply PromptVersion greeting-1.0.0 again or set spec.activeVersion '
        "to one of 1.1.0; whoever holds version 1.0.0 goes on serving it"
    )


def test_the_same_content_under_another_number_keeps_it_served(world: Any) -> None:
    world.add("1.0.0").add("1.1.0").apply(activeVersion="1.0.0").settle()
    world.drop("1.0.0").settle()

    assert (world.published.state, world.published.stable.version) == ("active", "1.0.0")
    assert world.said("Ready") == "False/VersionNotFound"


def test_a_version_that_returns_unchanged_is_served_as_before(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    before = world.published
    world.drop("1.0.0").settle()
    world.add("1.0.0").settle()

    assert world.published == before
    assert world.said("Ready") == "True/Active"


def test_at_most_fifty_versions_may_be_asked_for_and_what_serves_is_one(world: Any) -> None:
    for minor in range(60):
        world.add(f"1.{minor}.0", str(minor))
    world.apply(activeVersion="1.3.0").settle()
    world.apply(activeVersion="1.2.0").settle()

    pins = [pin.version for pin in world.published.pins]
    assert pins == [f"1.{minor}.0" for minor in range(59, 11, -1)] + ["1.3.0", "1.2.0"]


def test_a_broken_version_cannot_be_asked_for(world: Any) -> None:
    broken(world)
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()

    assert [pin.version for pin in world.published.pins] == ["1.0.0"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param({"activeVersion": 1}, "spec.activeVersion: must be a string, not a number", id="wrong type"),
        pytest.param(
            {"activeVersion": "one"},
            f"spec.activeVersion: {VERSION_NUMBER.message}",
            id="no number",
        ),
        pytest.param({"active": "1.0.0"}, "spec.active: is not a field of this kind", id="unknown field"),
        pytest.param({"source": {}}, "spec.source: source needs content or configMapKeyRef", id="empty source"),
        pytest.param({"historyLimit": 0}, "spec.historyLimit: must be at least 1", id="out of bounds"),
    ],
)
def test_a_spec_that_cannot_be_read_changes_nothing(world: Any, spec: dict[str, Any], message: str) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0", promptId="team/greeting").settle()
    before = world.published
    world.apply(**spec).settle()

    assert world.published == before
    assert (world.said("Ready"), world.said("Stalled")) == ("False/InvalidSpec", "True/InvalidSpec")
    assert world.condition("Ready")["message"] == f"{message}; version 1.0.0 is served"


def test_accepted_content_can_be_asked_for_from_the_first_decision_on(world: Any) -> None:
    world.add("1.0.0").apply(activeVersion="1.0.0").settle()
    now = digest({"text": "Something else", "variables": []})
    world.drop("1.0.0").add("1.0.0", "Something else").apply(activeDigest=now).step()
    first = world.published
    world.settle()

    assert [pin.digest for pin in first.pins] == [now]
    assert world.published == first
