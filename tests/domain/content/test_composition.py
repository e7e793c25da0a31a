"""What a content comes to with what it includes: one content, one digest; and what cannot be included, said where and why."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from promptops.api.content import json_of
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.canonical import digest
from promptops.domain.content.resolving import MAX_DEPTH, MAX_INCLUDED, Resolver
from promptops.domain.content.sourcing import SourceText, judge
from promptops.rendering.execute.plan import plan
from tests.support.growth import Work, assert_linear
from tests.support.manifests import including, version

NAME = {"name": "name", "type": "string"}
TONE = {"name": "tone", "type": "string", "enum": ["warm", "cold"]}


class Namespace:
    """PromptVersions by name."""

    def __init__(self, *versions: dict[str, Any]) -> None:
        self.versions = {each["metadata"]["name"]: each for each in versions}

    def assess(self, name: str) -> Assessment:
        """What a version comes to."""
        return Resolver(self.versions.get).assess(self.versions[name])

    def said(self, name: str) -> list[str]:
        """What is wrong with it, as reason and sentence."""
        return [f"{each.reason}: {each.sentence}" for each in self.assess(name).findings]


def resolved(assessment: Assessment) -> dict[str, Any]:
    """The content that is served."""
    assert assessment.canonical is not None, assessment.findings
    content: dict[str, Any] = msgspec.json.decode(json_of(assessment.canonical))
    return content


def rules(text: str = "Be {{ tone }}.", *variables: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A version to include."""
    return version("rules", "1.0.0", {"text": text, "variables": list(variables or (TONE,)), **more})


def greeting(text: str = 'Hi {{ name }}. {% include "rules" %}', **more: Any) -> dict[str, Any]:
    """A version that includes it."""
    return version("greeting", "1.0.0", including({"text": text, "variables": [NAME], **more}, rules="rules-1.0.0"))


def test_the_whole_is_one_content_with_the_variables_of_both() -> None:
    assessment = Namespace(greeting(), rules()).assess("greeting-1.0.0")

    whole = {"text": "Hi {{ name }}. Be {{ tone }}.", "variables": [NAME, TONE]}
    assert (resolved(assessment), assessment.findings) == (whole, ())
    assert assessment.digest == digest(whole)


def test_what_comes_in_is_rendered_once_and_so_is_a_value() -> None:
    content = resolved(Namespace(greeting(), rules("{{ tone }} {% raw %}{{ name }}{% endraw %}", NAME | {"name": "tone"})).assess("greeting-1.0.0"))  # fmt: skip

    rendered = plan(msgspec.json.encode(content)).render({"name": '{% include "rules" %}', "tone": "{{ name }}"})

    assert rendered.text == 'Hi {% include "rules" %}. {{ name }} {{ name }}'


def test_every_template_can_include() -> None:
    say = '{% include "rules" %}'
    messages = [{"role": "system", "content": say}, {"role": "user", "content": "{{ name }}"}]
    models = [{"match": "a/*", "text": f"A: {say}"}, {"match": "b/*", "messages": [{"role": "user", "content": say}]}]
    content = including({"messages": messages, "models": models, "variables": [NAME]}, rules="rules-1.0.0")

    whole = resolved(Namespace(version("greeting", "1.0.0", content), rules()).assess("greeting-1.0.0"))

    assert whole["messages"] == [{"role": "system", "content": "Be {{ tone }}."}, messages[1]]
    assert [whole["models"][0]["text"], whole["models"][1]["messages"][0]["content"]] == ["A: Be {{ tone }}.", "Be {{ tone }}."]  # fmt: skip


def test_includes_include() -> None:
    middle = version("rules", "1.0.0", including({"text": '[{% include "x" %}]'}, x="core-2.0.0"))
    core = version("core", "2.0.0", {"text": "{{ tone }}", "variables": [TONE]})

    assert (
        resolved(Namespace(greeting(), middle, core).assess("greeting-1.0.0"))["text"] == "Hi {{ name }}. [{{ tone }}]"
    )


def test_a_source_includes_like_a_version() -> None:
    namespace = Namespace(rules())
    source = SourceText("", "", including({"text": '{% include "rules" %}'}, rules="rules-1.0.0"))

    assessment = Resolver(namespace.versions.get).judging(judge)(source)

    assert resolved(assessment) == {"text": "Be {{ tone }}.", "variables": [TONE]}
    assert assessment.as_written.canonical is not None
    assert b"includes" in assessment.as_written.canonical


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        pytest.param([greeting()], ['IncludeNotFound: spec.content.includes[0]: PromptVersion "rules-1.0.0" is not there: apply it'], id="missing"),
        pytest.param(
            [greeting(), version("rules", "1.0.0", including({"text": '{% include "x" %}'}, x="core-1.0.0"))],
            ['IncludeNotFound: spec.content.includes[0]: rules-1.0.0 cannot be included: spec.content.includes[0]: PromptVersion "core-1.0.0" is not there: apply it'],
            id="missing further away",
        ),
        pytest.param(
            [greeting(), version("rules", "1.0.0", including({"text": '{% include "x" %}'}, x="greeting-1.0.0"))],
            ["IncludeCycle: spec.content.includes[0]: rules-1.0.0 cannot be included: spec.content.includes[0]: the includes go in a circle: greeting-1.0.0 → rules-1.0.0 → greeting-1.0.0: take one of them out"],
            id="T21 a circle",
        ),
        pytest.param(
            [version("greeting", "1.0.0", including({"text": '{% include "x" %}'}, x="greeting-1.0.0"))],
            ["IncludeCycle: spec.content.includes[0]: greeting-1.0.0 includes itself: include another version"],
            id="itself",
        ),
        pytest.param(
            [greeting(), rules("{{ missing }}", TONE)],
            ['InvalidInclude: spec.content.includes[0]: rules-1.0.0 cannot be included: spec.content.text: line 1, column 4: variable "missing" is not declared: declare it under variables'],
            id="wrong itself",
        ),
        pytest.param(
            [greeting(), version("rules", "1.0.0", {"messages": [{"role": "user", "content": "Hi"}]})],
            ["InvalidInclude: spec.content.includes[0]: rules-1.0.0 has messages, and only a text can be included: include a version with a text"],
            id="messages",
        ),
        pytest.param(
            [greeting(), rules("{{ name }}", {"name": "name", "type": "integer"})],
            ['InvalidInclude: spec.content.includes[0]: variable "name" has another type in rules-1.0.0: declare it alike, or rename it'],
            id="a variable of another type",
        ),
        pytest.param(
            [greeting("{% for tone in words %}{% include 'rules' %}{% endfor %}", variables=[{"name": "words", "type": "list", "itemType": "string"}]), rules()],
            ['InvalidInclude: spec.content.text: line 1, column 24: rules-1.0.0 reads a variable "tone", and here tone is the item of a loop: give the item another name'],
            id="a loop's item of the same name",
        ),
        pytest.param([greeting(), rules("x" * 65_530)], ["ContentTooLarge: spec.content: has 65566 characters with what it includes, at most 65536 are allowed"], id="too long together"),
        pytest.param(
            [greeting("Hi {{ name }}"), rules()],
            ['InvalidInclude: spec.content.includes[0]: include "rules" is named and never taken in: write {% include "rules" %} where it belongs'],
            id="never taken in",
        ),
        pytest.param(
            [greeting('{{ name }}{% include "rulse" %}'), rules()],
            ['TemplateSyntax: spec.content.text: line 1, column 11: there is no include \'rulse\'; did you mean "rules"?: name its prompt and version under includes'],
            id="another alias",
        ),
        pytest.param(
            [greeting(), rules(parameters={"seed": 1}, tools=[{"name": "f"}])],
            ["InvalidInclude: spec.content.includes[0]: of rules-1.0.0 the text and its variables are taken in, and not its parameters, tools"],
            id="what is not taken in",
        ),
        pytest.param(
            [greeting("<|im_{% include 'rules' %} {{ name }}"), rules("start|> {{ tone }}", TONE)],
            ["RoleMarker: spec.content.text: the chat marker <|im_start|> can end this message and begin another: use messages and roles; in prose, put a blank behind its first character"],
            id="a marker across the seam",
        ),
        pytest.param(
            [greeting(variables=[NAME, {"name": "extra", "type": "string"}]), rules()],
            ['UnusedVariable: spec.content.variables[1]: variable "extra" is declared and never used: did you mean {{ extra }}?'],
            id="a variable that neither reads",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_and_why(versions: list[dict[str, Any]], said: list[str]) -> None:
    found = Namespace(*versions).said("greeting-1.0.0")

    assert found == said


def test_what_two_include_differently_is_decided_where_both_come_in() -> None:
    other = version("other", "1.0.0", {"text": "{{ tone }}", "variables": [TONE | {"enum": ["dry"]}]})
    text = '{% include "a" %}{% include "b" %}'
    undecided = version("greeting", "1.0.0", including({"text": text}, a="rules-1.0.0", b="other-1.0.0"))
    decided = version("greeting", "1.1.0", including({"text": text, "variables": [TONE | {"default": "warm"}]}, a="rules-1.0.0", b="other-1.0.0"))  # fmt: skip

    namespace = Namespace(rules(), other, undecided, decided)

    assert namespace.said("greeting-1.0.0") == [
        'InvalidInclude: spec.content.includes[1]: variable "tone" is declared differently in rules-1.0.0 and in other-1.0.0: declare it under variables here, as it is to be'
    ]
    assert resolved(namespace.assess("greeting-1.1.0"))["variables"] == [TONE | {"default": "warm"}]


def chain(length: int, text: str = '{% include "x" %}') -> Namespace:
    """Versions n0 … of which each includes the next."""
    links = [version("n" + str(at), "1.0.0", including({"text": text}, x=f"n{at + 1}-1.0.0")) for at in range(length)]
    return Namespace(*links, version(f"n{length}", "1.0.0", "end"))


def test_includes_stand_inside_one_another_to_a_depth() -> None:
    assert resolved(chain(MAX_DEPTH).assess("n0-1.0.0")) == {"text": "end"}
    assert "more than 8 deep" in chain(MAX_DEPTH + 1).said("n0-1.0.0")[0]
    assert "more than 8 deep" in chain(3000).said("n0-1.0.0")[0]


def test_whoever_asks_first_the_depth_is_the_same() -> None:
    namespace = chain(MAX_DEPTH + 1)
    resolver = Resolver(namespace.versions.get)

    sound = [resolver.assess(namespace.versions[f"n{at}-1.0.0"]).is_sound for at in (5, 1, 0)]

    assert sound == [True, True, False]


def test_t22_doubling_is_stopped_before_it_is_put_together() -> None:
    began = time.thread_time()
    said = chain(MAX_DEPTH, '{% include "x" %}' * 16).said("n0-1.0.0")

    assert "characters with what it includes" in said[0]
    assert time.thread_time() - began < 2


def test_a_wide_tree_of_includes_is_walked_once() -> None:
    wide = {f"a{at}": f"n{at}-1.0.0" for at in range(16)}
    layers = [version(f"n{at}", "1.0.0", including({"text": "x"}, **{f"a{n}": f"m{(at * 16 + n) % 80}-1.0.0" for n in range(16)})) for at in range(16)]  # fmt: skip
    leaves = [version(f"m{at}", "1.0.0", "y") for at in range(80)]
    top = version("top", "1.0.0", including({"text": "x"}, **wide))

    said = Namespace(top, *layers, *leaves).said("top-1.0.0")

    assert any(f"more than {MAX_INCLUDED} versions" in each for each in said)


def test_the_cost_grows_with_the_text() -> None:
    def work(size: int) -> Work:
        namespace = Namespace(rules("Be {{ tone }}. " * size), greeting('{{ name }}{% include "rules" %}' * 2))
        return lambda: namespace.assess("greeting-1.0.0")

    assert_linear(work, 200)


def test_its_tests_are_run_on_the_whole() -> None:
    tests = [
        {"name": "brief", "variables": {"name": "Ada", "tone": "warm"}, "expect": [{"equals": "Hi Ada. Be cold."}]}
    ]
    tested = greeting()
    tested["spec"]["tests"] = tests

    assessment = Namespace(tested, rules()).assess("greeting-1.0.0")

    assert assessment.trial is not None
    assert (assessment.tests, len(assessment.trial.failures)) == (1, 1)
    assert assessment.is_sound
