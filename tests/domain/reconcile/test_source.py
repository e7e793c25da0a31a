"""A source becomes immutable, numbered versions; what it is refused for is said, and the last good one keeps serving."""

from typing import Any

import pytest

from promptops.domain.content.canonical import digest
from tests.support.manifests import owner

NAMED = [{"name": "name", "type": "string"}]


def test_the_first_content_becomes_version_one(world: Any) -> None:
    world.follow("Hi {{ name }}").settle()

    assert (world.serving, world.said("Ready")) == ("1.0.0", "True/Active")
    assert world.status["history"][0]["reason"] == "SourceChanged"


def test_a_generated_version_accepts_what_its_prompt_does(world: Any) -> None:
    world.follow("Hi {{ name }}").prompt["metadata"]["annotations"] = {"promptops.io/accept": "EmptyText"}

    (manifest,) = world.decide().create

    assert manifest["metadata"]["annotations"] == {"promptops.io/accept": "EmptyText"}


def test_a_generated_version_goes_with_its_prompt_and_says_whose_it_is(world: Any) -> None:
    world.follow("Hi {{ name }}")

    (manifest,) = world.decide().create

    assert manifest == {
        "apiVersion": "promptops.io/v1alpha1",
        "kind": "PromptVersion",
        "metadata": {
            "name": "greeting-1.0.0",
            "namespace": "team-a",
            "labels": {"promptops.io/generated": "true", "promptops.io/prompt": "greeting"},
            "ownerReferences": [
                {
                    "apiVersion": "promptops.io/v1alpha1",
                    "kind": "Prompt",
                    "name": "greeting",
                    "uid": "u1",
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
        },
        "spec": {
            "promptRef": {"name": "greeting"},
            "version": "1.0.0",
            "content": {"text": "Hi {{ name }}", "variables": NAMED},
        },
    }


def test_while_a_version_is_to_be_created_nothing_else_is_done(world: Any) -> None:
    outcome = world.follow("Hi {{ name }}").decide()

    assert (outcome.status, outcome.entry, outcome.prune, outcome.transitions) == (None, None, (), ())


@pytest.mark.parametrize(
    ("change", "number"),
    [
        pytest.param({"text": "Hello {{ name }}", "variables": NAMED}, "1.0.1", id="text changed"),
        pytest.param(
            {"text": "Hi {{ name }}", "variables": [*NAMED, {"name": "tone", "type": "string", "default": "kind"}]},
            "1.1.0",
            id="new variable with a default",
        ),
        pytest.param(
            {"text": "Hi {{ name }}", "variables": [*NAMED, {"name": "tone", "type": "string"}]},
            "2.0.0",
            id="new required variable",
        ),
    ],
)
def test_a_change_is_numbered_by_what_it_means_to_callers(world: Any, change: dict[str, Any], number: str) -> None:
    world.follow("Hi {{ name }}").settle()
    world.apply(source={"content": change}).settle()

    assert world.status["source"]["version"] == number


def test_a_b_a_returns_to_the_first_version_without_a_new_number(world: Any) -> None:
    world.follow("A").settle()
    world.follow("B").settle()
    world.follow("A").settle()

    assert world.serving == "1.0.0"
    assert sorted(world.versions) == ["greeting-1.0.0", "greeting-1.0.1"]
    assert [(each["version"], each["reason"]) for each in world.status["history"]] == [
        ("1.0.0", "SourceChanged"),
        ("1.0.1", "SourceChanged"),
        ("1.0.0", "SourceChanged"),
    ]


def test_content_that_a_version_by_hand_has_reuses_it(world: Any) -> None:
    world.add("3.1.4", content={"text": "A", "variables": NAMED}).follow("A").settle()

    assert (world.serving, list(world.versions)) == ("3.1.4", ["greeting-3.1.4"])


def test_of_several_versions_with_the_content_the_newest_available_one_is_taken(world: Any) -> None:
    content = {"text": "A", "variables": NAMED}
    world.add("1.0.0", content=content).add("1.1.0", content=content)
    world.add("1.2.0", content=content, lifecycle="Archived").follow("A").settle()

    assert world.serving == "1.1.0"


def test_the_one_that_serves_stays_when_another_gets_the_same_content(world: Any) -> None:
    content = {"text": "A", "variables": NAMED}
    world.add("1.0.0", content=content).follow("A").settle()
    world.add("1.1.0", content=content).settle()

    assert world.serving == "1.0.0"


def test_numbers_go_above_what_exists(world: Any) -> None:
    world.follow("A").settle()
    world.add("1.5.0", content={"text": "by hand", "variables": NAMED}).follow("B").settle()

    assert world.serving == "1.5.1"


def test_numbers_are_never_used_again(world: Any) -> None:
    world.follow("A").settle()
    world.follow("B").settle()
    world.drop("1.0.1").follow("C").settle()

    assert (world.serving, world.status["latestVersion"]) == ("1.0.2", "1.0.2")


def test_when_nothing_is_left_to_compare_with_the_change_counts_as_major(world: Any) -> None:
    world.follow("A").settle()
    world.drop("1.0.0").follow("B").settle()

    assert world.serving == "2.0.0"


def test_a_name_that_another_object_holds_is_numbered_around(world: Any) -> None:
    world.add("1.0.0", "old", metadata={"ownerReferences": [owner("greeting", "u0")]})
    world.follow("A").settle()

    assert world.serving == "1.0.1"
    assert [pin.version for pin in world.published.pins] == ["1.0.1"]


def test_a_version_found_in_place_of_the_created_one_is_adopted_when_equal(world: Any) -> None:
    (manifest,) = world.follow("A").decide().create
    found = {**manifest, "spec": {**manifest["spec"], "lifecycle": "Available"}, "status": {}}
    world.put(found).settle()

    assert (world.serving, list(world.versions)) == ("1.0.0", ["greeting-1.0.0"])


def test_a_version_found_in_place_of_the_created_one_is_numbered_above_when_not(world: Any) -> None:
    world.follow("A").decide()
    world.add("1.0.0", content={"text": "something else", "variables": NAMED}).settle()

    assert world.serving == "1.0.1"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            {"content": {"text": "Hi {{ nmae }}", "variables": NAMED}},
            'spec.source.content.text: line 1, column 7: variable "nmae" is not declared: write "name", or declare it under variables',
            id="undeclared variable",
        ),
        pytest.param(
            {"content": {"text": "a\n{% if x %}"}},
            "spec.source.content.text: line 2, column 1: {% if %} is never closed: write {% endif %} where it ends",
            id="statement",
        ),
        pytest.param(
            {"content": {"text": "A", "parameters": {"extra": {"n": 2**60}}}},
            "spec.source.content.parameters.extra.n: must be a finite number between -9007199254740991 and 9007199254740991: write it as a string",
            id="unsafe number",
        ),
        pytest.param(
            {"content": {"text": "A", "variables": [{"name": "x", "type": "string", "default": 1}]}},
            "spec.source.content.variables[0].default: the default must be a string, not an integer",
            id="default of the wrong type",
        ),
    ],
)
def test_refused_content_makes_no_version_and_the_last_good_keeps_serving(
    world: Any, source: dict[str, Any], message: str
) -> None:
    world.follow("A").settle()
    before = world.published
    world.apply(source=source).settle()

    assert (world.said("Ready"), world.said("Stalled")) == ("False/SourceInvalid", "True/SourceInvalid")
    assert world.condition("Ready")["message"] == f"{message}; version 1.0.0 is served"
    assert (world.published, list(world.versions)) == (before, ["greeting-1.0.0"])
    assert world.status["phase"] == "Degraded"


def test_free_json_of_any_depth_in_a_source_is_refused(world: Any) -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    world.apply(source={"content": {"text": "A", "parameters": {"extra": deep}}}).settle()

    assert world.said("Ready") == "False/SourceInvalid"
    assert "is nested deeper than 32 levels: flatten it" in world.condition("Ready")["message"]


def test_a_corrected_source_is_served(world: Any) -> None:
    world.follow("A").settle()
    world.follow("{{ oops").settle()
    world.follow("B").settle()

    assert (world.serving, world.said("Ready"), world.said("Stalled")) == ("1.0.1", "True/Active", "")


def test_pinned_the_source_still_becomes_versions_and_the_pin_decides(world: Any) -> None:
    world.follow("A").settle()
    world.apply(activeVersion="1.0.0").settle()
    world.follow("B").settle()

    assert (world.serving, world.said("Ready")) == ("1.0.0", "True/Active")
    assert sorted(world.versions) == ["greeting-1.0.0", "greeting-1.0.1"]
    assert [pin.version for pin in world.published.pins] == ["1.0.1", "1.0.0"]


def test_a_rollback_of_a_followed_source_is_a_pin_and_taking_it_away_follows_again(world: Any) -> None:
    world.follow("A").settle()
    world.follow("B").settle()
    world.apply(activeVersion="1.0.0").settle()
    rolled_back = (world.serving, world.status["history"][0]["reason"])
    world.apply(activeVersion=None).settle()

    assert rolled_back == ("1.0.0", "RolledBack")
    assert (world.serving, world.status["history"][0]["reason"]) == ("1.0.1", "SourceChanged")


def test_a_broken_source_is_told_of_also_while_a_pin_serves(world: Any) -> None:
    world.follow("A").settle()
    world.apply(activeVersion="1.0.0").follow("{{ oops").settle()

    assert (world.serving, world.said("Ready"), world.said("Stalled")) == (
        "1.0.0",
        "False/SourceInvalid",
        "True/SourceInvalid",
    )


def test_what_only_the_author_can_mend_is_said_before_what_may_still_arrive(world: Any) -> None:
    world.follow("A").settle()
    world.apply(activeVersion="9.0.0").follow("{{ oops").settle()

    assert world.said("Ready") == "False/SourceInvalid"


def test_a_followed_digest_may_be_pinned(world: Any) -> None:
    world.follow("A").settle()
    first = digest({"text": "A", "variables": NAMED})
    world.apply(activeDigest=first).follow("B").settle()

    assert (world.serving, world.said("Ready")) == ("1.0.0", "False/DigestMismatch")


def test_an_archived_version_is_not_followed_anew(world: Any) -> None:
    world.follow("A").settle()
    world.follow("B").settle()
    world.change("1.0.0", lifecycle="Archived").follow("A").settle()

    assert (world.serving, world.said("Ready")) == ("1.0.1", "False/VersionArchived")


def test_a_deleted_version_that_is_followed_comes_back_as_itself(world: Any) -> None:
    world.follow("A").settle()
    before = world.published
    world.drop("1.0.0").settle()

    assert (world.serving, world.published.stable.digest) == ("1.0.0", before.stable.digest)


YAML = "text: Hi {{ name }}\nvariables:\n- name: name\n  type: string\n"
JSON = '{"text": "Hi {{ name }}", "variables": [{"name": "name", "type": "string"}]}'


@pytest.mark.parametrize(
    ("data", "reference", "content"),
    [
        pytest.param(
            "Hi {{ name }}\n",
            {"variables": NAMED},
            {"text": "Hi {{ name }}\n", "variables": NAMED},
            id="text with the rest beside it",
        ),
        pytest.param("Hi", {}, {"text": "Hi"}, id="text alone"),
        pytest.param(YAML, {"format": "yaml"}, {"text": "Hi {{ name }}", "variables": NAMED}, id="yaml"),
        pytest.param(JSON, {"format": "json"}, {"text": "Hi {{ name }}", "variables": NAMED}, id="json"),
        pytest.param(
            "text: A\nparameters:\n  temperature: 1.0\n  seed:\n",
            {"format": "yaml"},
            {"text": "A", "parameters": {"temperature": 1}},
            id="as the API server would store it",
        ),
    ],
)
def test_a_config_map_is_a_source(world: Any, data: str, reference: dict[str, Any], content: dict[str, Any]) -> None:
    world.configure({"prompt": data}).refer(**reference).settle()

    assert (world.said("Ready"), world.serving) == ("True/Active", "1.0.0")
    assert world.versions["greeting-1.0.0"]["spec"]["content"] == content
    assert world.published.stable.digest == digest(content)


def test_an_edit_of_the_config_map_is_served_and_says_by_whom(world: Any) -> None:
    world.configure({"prompt": "A"}).refer().settle()
    world.configure({"prompt": "B"}, manager="kustomize-controller").settle()

    newest = world.status["history"][0]
    assert (newest["version"], newest["manager"], newest["reason"]) == (
        "1.0.1",
        "kustomize-controller",
        "SourceChanged",
    )


ABSENT = 'ConfigMap "settings" is not there, or lacks the label promptops.io/watch: "true" without which it is not read: create it or label it'


@pytest.mark.parametrize(
    ("data", "labelled", "reason", "message"),
    [
        pytest.param(None, True, "ConfigMapNotFound", ABSENT, id="absent"),
        pytest.param(
            {"prompt": "A"},
            False,
            "ConfigMapNotLabelled",
            'ConfigMap "settings" lacks the label promptops.io/watch: "true" without which it is not read: label it',
            id="not labelled",
        ),
        pytest.param(
            {"b": "B", "a": "A"},
            True,
            "ConfigMapKeyNotFound",
            'ConfigMap "settings" has no key "prompt": add it under data or set spec.source.configMapKeyRef.key to one of a, b',
            id="without the key",
        ),
        pytest.param(
            {},
            True,
            "ConfigMapKeyNotFound",
            'ConfigMap "settings" has no key "prompt": add it under data',
            id="without any key",
        ),
    ],
)
def test_a_missing_config_map_is_waited_for(
    world: Any, data: dict[str, str] | None, labelled: bool, reason: str, message: str
) -> None:
    if data is not None:
        world.configure(data, labelled=labelled)
    world.refer().settle()

    assert (world.said("Ready"), world.condition("Ready")["message"]) == (f"False/{reason}", message)
    assert (world.said("Reconciling"), world.said("Stalled")) == (f"True/{reason}", "")
    assert world.status["phase"] == "Pending"


def test_a_binary_key_is_named_as_such(world: Any) -> None:
    world.configure({})
    world.config_map["binaryData"] = {"prompt": "AAAA"}
    world.refer().settle()

    assert world.condition("Ready")["message"] == (
        'key "prompt" of ConfigMap "settings" is binary: put text under data'
    )


def test_a_config_map_may_vanish_and_return(world: Any) -> None:
    world.configure({"prompt": "A"}).refer().settle()
    before = world.published
    world.config_map = None
    world.settle()
    vanished = (world.said("Ready"), world.condition("Ready")["message"], world.published)
    world.configure({"prompt": "A"}).settle()

    assert vanished == ("False/ConfigMapNotFound", f"{ABSENT}; version 1.0.0 is served", before)
    assert (world.said("Ready"), world.published) == ("True/Active", before)


@pytest.mark.parametrize(
    ("format", "data", "message"),
    [
        pytest.param(
            "text",
            "a\n{{ x }}",
            'ConfigMap "settings" key "prompt": line 2, column 4: variable "x" is not declared: declare it under variables',
            id="template in a text key",
        ),
        pytest.param(
            "yaml",
            "text: a\ntext: b\n",
            'ConfigMap "settings" key "prompt": line 2, column 1: the key \'text\' stands here twice',
            id="duplicate key",
        ),
        pytest.param(
            "yaml",
            "text: {\n",
            'ConfigMap "settings" key "prompt": line 2, column 1: not YAML: did not find expected node content',
            id="no YAML",
        ),
        pytest.param(
            "yaml",
            "text: !!python/name:os.system\n",
            'ConfigMap "settings" key "prompt": line 1, column 7: the tag tag:yaml.org,2002:python/name:os.system is not allowed',
            id="unsafe YAML",
        ),
        pytest.param(
            "json",
            '{"text": }',
            'ConfigMap "settings" key "prompt": line 1, column 10: not JSON: expecting value',
            id="no JSON",
        ),
        pytest.param("json", "[]", 'ConfigMap "settings" key "prompt": must be an object, not a list', id="a list"),
        pytest.param(
            "json",
            '{"txt": "a"}',
            'ConfigMap "settings" key "prompt": txt: is not a field of this kind',
            id="unknown field",
        ),
        pytest.param(
            "yaml",
            "text: a\nvariables:\n- name: x\n  type: string\n  max_length: 1\n",
            'ConfigMap "settings" key "prompt": variables[0].max_length: is not a field of this kind',
            id="a field in the wrong spelling",
        ),
        pytest.param("yaml", "", 'ConfigMap "settings" key "prompt": must be an object, not null', id="empty"),
        pytest.param(
            "yaml",
            "messages:\n- role: user\n  content: a {{ y }}\n",
            'ConfigMap "settings" key "prompt": messages[0].content: line 1, column 6: variable "y" is not declared: declare it under variables',
            id="template in a message",
        ),
        pytest.param(
            "yaml",
            "messages:\n- role: user\n  content: a {{ y }}\n- role: system\n  content: b\n",
            'ConfigMap "settings" key "prompt": messages[1].role: a message of the role system must stand before those of '
            'user, assistant and tool: move it up; ConfigMap "settings" key "prompt": messages[0].content: line 1, '
            'column 6: variable "y" is not declared: declare it under variables',
            id="two errors in one message",
        ),
    ],
)
def test_a_bad_key_is_refused_at_its_place(world: Any, format: str, data: str, message: str) -> None:
    world.configure({"prompt": data}).refer(format=format).settle()

    assert (world.said("Ready"), world.condition("Ready")["message"]) == ("False/SourceInvalid", message)
    assert world.versions == {}


def test_what_stands_beside_a_text_key_is_refused_in_the_prompt(world: Any) -> None:
    world.configure({"prompt": "A"}).refer(variables=[{"name": "x", "type": "string", "default": 1}]).settle()

    assert world.condition("Ready")["message"] == (
        "spec.source.content.variables[0].default: the default must be a string, not an integer"
    )


def test_two_edits_in_a_row_the_second_invalid_serve_neither_half(world: Any) -> None:
    world.configure({"prompt": "A"}).refer().settle()
    world.configure({"prompt": "B"}).configure({"prompt": "{{ oops"}).settle()

    assert (world.serving, world.said("Ready"), list(world.versions)) == (
        "1.0.0",
        "False/SourceInvalid",
        ["greeting-1.0.0"],
    )


class TestPruning:
    """Generated versions above the limit go, the oldest first."""

    def edit(self, world: Any, times: int) -> None:
        for edit in range(times):
            world.follow(f"edit {edit}").settle()

    def test_the_oldest_go(self, world: Any) -> None:
        world.apply(historyLimit=3)
        self.edit(world, 6)

        assert sorted(world.versions) == ["greeting-1.0.3", "greeting-1.0.4", "greeting-1.0.5"]
        assert world.status["versionCount"] == 3
        assert [pin.version for pin in world.published.pins] == ["1.0.5", "1.0.4", "1.0.3"]

    def test_what_serves_and_what_served_before_stay(self, world: Any) -> None:
        world.apply(historyLimit=1)
        self.edit(world, 3)

        assert sorted(world.versions) == ["greeting-1.0.1", "greeting-1.0.2"]

    def test_a_pinned_version_stays(self, world: Any) -> None:
        self.edit(world, 2)
        world.apply(activeVersion="1.0.0", historyLimit=1)
        self.edit(world, 6)

        assert "greeting-1.0.0" in world.versions
        assert world.serving == "1.0.0"

    def test_a_version_that_is_asked_for_and_cannot_serve_stays(self, world: Any) -> None:
        self.edit(world, 3)
        world.change("1.0.0", lifecycle="Archived").apply(activeVersion="1.0.0", historyLimit=1).settle()

        assert (world.serving, world.said("Ready")) == ("1.0.2", "False/VersionArchived")
        assert "greeting-1.0.0" in world.versions

    def test_what_is_labelled_to_be_kept_stays_and_does_not_count(self, world: Any) -> None:
        self.edit(world, 1)
        world.versions["greeting-1.0.0"]["metadata"]["labels"]["promptops.io/keep"] = "true"
        world.apply(historyLimit=2)
        self.edit(world, 5)

        assert sorted(world.versions) == ["greeting-1.0.0", "greeting-1.0.3", "greeting-1.0.4"]

    def test_versions_by_hand_stay_and_do_not_count(self, world: Any) -> None:
        world.add("0.9.0", "by hand").apply(historyLimit=2)
        self.edit(world, 4)

        assert sorted(world.versions) == ["greeting-0.9.0", "greeting-1.0.2", "greeting-1.0.3"]

    def test_versions_of_another_owner_stay(self, world: Any) -> None:
        labels = {"promptops.io/generated": "true"}
        world.add("0.1.0", "old", metadata={"ownerReferences": [owner("greeting", "u0")], "labels": labels}).apply(
            historyLimit=1
        )
        self.edit(world, 3)

        assert "greeting-0.1.0" in world.versions

    def test_what_is_being_deleted_already_is_not_deleted_again(self, world: Any) -> None:
        world.apply(historyLimit=2)
        self.edit(world, 2)
        world.versions["greeting-1.0.0"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        world.follow("edit 9")
        world.step()

        outcome = world.decide()

        assert (outcome.prune, outcome.status["versionCount"]) == ((), 2)

    def test_a_spec_that_cannot_be_read_prunes_nothing(self, world: Any) -> None:
        self.edit(world, 5)
        world.apply(historyLimit="few").settle()

        assert len(world.versions) == 5
