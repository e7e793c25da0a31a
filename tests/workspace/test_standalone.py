"""The cluster in memory: identities, owners, generations, and what is decided on them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from promptops.domain.stored import as_stored
from promptops.workspace.manifest_files import Found
from promptops.workspace.standalone import Decided, Standalone
from tests.support.manifests import manifest, sourced, version

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def found(manifests: Iterable[dict[str, Any]]) -> list[Found]:
    return [Found((each["kind"], each["metadata"]["name"]), as_stored(each), "f:1") for each in manifests]


def apply(cluster: Standalone, *manifests: dict[str, Any]) -> Decided:
    assert cluster.apply(found(manifests)) == ()
    return cluster.decide(NOW)


def test_a_recreated_prompt_is_another_one() -> None:
    cluster = Standalone()
    prompt = sourced("a", {"text": "x"})
    (first,) = apply(cluster, prompt).entries
    assert apply(cluster).entries == ()

    (second,) = apply(cluster, prompt).entries

    assert first.uid != second.uid
    assert second.revision == 1


def test_two_processes_decide_the_same() -> None:
    prompts = [sourced("a", {"text": "x"}), sourced("b", {"text": "y"}, promptId="team/b")]

    assert apply(Standalone(), *prompts) == apply(Standalone(), *prompts)


def test_deciding_again_changes_nothing() -> None:
    cluster = Standalone()
    decided = apply(cluster, sourced("a", {"text": "x"}))

    assert cluster.decide(datetime(2027, 1, 1, tzinfo=UTC)) == decided


def test_a_source_edited_there_and_back_reuses_its_versions() -> None:
    cluster = Standalone()

    served = [apply(cluster, sourced("a", {"text": text})).entries[0].stable for text in ("A", "B", "A")]

    assert [reference and reference.version for reference in served] == ["1.0.0", "1.0.1", "1.0.0"]


def test_generated_versions_are_pruned_and_numbers_never_reused() -> None:
    cluster = Standalone()
    for number in range(5):
        decided = apply(cluster, sourced("a", {"text": str(number)}, historyLimit=2))

    (entry,) = decided.entries
    assert entry.stable is not None
    assert entry.stable.version == "1.0.4"
    assert len(entry.pins) <= 3
    assert decided.blobs.keys() == entry.digests()


def test_versions_go_with_the_prompt_that_they_were_made_for() -> None:
    cluster = Standalone()
    apply(cluster, sourced("a", {"text": "x"}))
    apply(cluster)

    (entry,) = apply(cluster, sourced("a", {"text": "other"})).entries

    assert entry.stable is not None
    assert entry.stable.version == "1.0.0"


def test_of_two_prompts_with_one_id_one_has_it() -> None:
    decided = apply(
        Standalone(), sourced("a", {"text": "x"}, promptId="team/x"), sourced("b", {"text": "y"}, promptId="team/x")
    )

    assert sorted(entry.ids for entry in decided.entries if entry.ids) == [("team/x",)]
    assert [problem.reason for problem in decided.problems] == ["IdConflict"]


def test_a_version_of_another_prompt_is_not_served() -> None:
    decided = apply(
        Standalone(),
        manifest("Prompt", "a", activeVersion="1.0.0"),
        manifest("Prompt", "a-b", activeVersion="1.0.0"),
        version("a-b", "1.0.0", {"text": "x"}),
    )

    assert [entry.name for entry in decided.entries] == ["a-b"]


def test_an_id_cannot_be_changed_once_set() -> None:
    cluster = Standalone()
    apply(cluster, sourced("a", {"text": "x"}, promptId="team/a"))

    (flaw,) = cluster.apply(found([sourced("a", {"text": "x"}, promptId="team/b")]))

    assert str(flaw) == "f:1: Prompt a: spec.promptId: it cannot be changed or removed once set: applications ask by it"
