"""Identity, numbers, grades and ownership of versions."""

import hashlib
from typing import Any

import pytest

from promptops.domain.content.canonical import canonical, digest
from promptops.domain.content.grade import grade
from promptops.domain.content.numbers import highest, next_number, next_patch, parse_number
from promptops.domain.ownership import belongs
from promptops.rendering.errors import InvalidSpec


@pytest.mark.parametrize(
    ("content", "written"),
    [
        pytest.param(
            {"text": "a", "parameters": {"seed": 1}}, '{"parameters":{"seed":1},"text":"a"}', id="keys sorted"
        ),
        pytest.param({"text": "é€😀"}, '{"text":"é€😀"}', id="UTF-8 is not escaped"),
        pytest.param({"text": 'a"\\\n\t\u0001/'}, '{"text":"a\\"\\\\\\n\\t\\u0001/"}', id="shortest escapes"),
        pytest.param(
            {"x": [1.0, 0.5, -0.0, 1e-7, 1e15]}, '{"x":[1,0.5,0,1e-7,1000000000000000]}', id="numbers as JavaScript"
        ),
        pytest.param({"\ufb33": 1, "\U0001f600": 2}, '{"😀":2,"\ufb33":1}', id="keys sorted by UTF-16"),
        pytest.param(
            {"x": None, "y": [True, False], "z": {}}, '{"x":null,"y":[true,false],"z":{}}', id="null, booleans, empty"
        ),
        pytest.param({"stop": ["b", "a"]}, '{"stop":["b","a"]}', id="lists keep their order"),
        pytest.param({"seed": 2**53 - 1}, '{"seed":9007199254740991}', id="largest safe integer"),
    ],
)
def test_canonical(content: dict[str, Any], written: str) -> None:
    assert canonical(content).decode() == f"promptops/content/1\n{written}"


@pytest.mark.parametrize(
    ("content", "reason", "path"),
    [
        pytest.param({"parameters": {"seed": 2**53}}, "InvalidNumber", "parameters.seed", id="integer too large"),
        pytest.param({"parameters": {"seed": -(2**53)}}, "InvalidNumber", "parameters.seed", id="integer too small"),
        pytest.param({"x": [0, 1e300]}, "InvalidNumber", "x[1]", id="number too large"),
        pytest.param({"x": float("nan")}, "InvalidNumber", "x", id="not a number"),
        pytest.param({"x": {"y": float("-inf")}}, "InvalidNumber", "x.y", id="infinite"),
        pytest.param(
            {"messages": [{"content": "\ud800"}]}, "InvalidCharacter", "messages[0].content", id="half a surrogate pair"
        ),
        pytest.param({"x": {"\udc00": 1}}, "InvalidCharacter", "x", id="half a surrogate pair in a key"),
    ],
)
def test_content_without_canonical_form_is_refused_with_its_path(
    content: dict[str, Any], reason: str, path: str
) -> None:
    with pytest.raises(InvalidSpec) as refusal:
        canonical(content)

    assert (refusal.value.reason, refusal.value.path) == (reason, path)


def test_free_json_of_any_depth_is_refused_without_recursion() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(InvalidSpec, match="nested deeper than 32 levels"):
        canonical({"parameters": {"extra": deep}})


def test_the_digest_is_the_address_of_the_canonical_bytes() -> None:
    content = {"variables": [], "text": "Hi"}

    assert (
        digest(content) == "sha256:" + hashlib.sha256(b'promptops/content/1\n{"text":"Hi","variables":[]}').hexdigest()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"text": "a"}, {"text": "a", "variables": []}, id="an added empty list"),
        pytest.param({"text": "a"}, {"text": "a\n"}, id="a line end"),
        pytest.param({"parameters": {"stop": ["a", "b"]}}, {"parameters": {"stop": ["b", "a"]}}, id="another order"),
        pytest.param({"parameters": {"extra": {"a": 1}}}, {"parameters": {"extra": {"b": 1}}}, id="a renamed key"),
        pytest.param({"x": 1}, {"x": True}, id="a boolean for a number"),
    ],
)
def test_what_differs_has_another_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(one) != digest(other)


def test_one_number_has_one_digest_however_it_is_spelled() -> None:
    assert digest({"temperature": 1}) == digest({"temperature": 1.0})


def test_numbers_compare_by_semver_precedence() -> None:
    ascending = [
        "0.9.9",
        "1.0.0-1",
        "1.0.0-2",
        "1.0.0-10",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.2.0",
        "1.10.0",
        "2.0.0-rc.1",
        "2.0.0",
    ]
    numbers = [number for each in reversed(ascending) if (number := parse_number(each))]

    assert [number.text for number in sorted(numbers)] == ascending


@pytest.mark.parametrize("written", ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0+build", "1.0.0-A", "1.0.0 "])
def test_what_is_no_number_is_none(written: str) -> None:
    assert parse_number(written) is None


def test_the_highest_number_ignores_what_is_none() -> None:
    assert highest(["1.9.0", "", "1.10.0-rc.1", "latest"]) == "1.10.0-rc.1"


def test_no_number_is_the_highest_of_none() -> None:
    assert highest([""]) is None


def content(text: str = "Hi", *variables: dict[str, Any]) -> dict[str, Any]:
    return {"text": text, "variables": list(variables)}


def variable(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "type": "string"} | fields


def listed(item_type: str | None = None, **fields: Any) -> dict[str, Any]:
    return variable(type="list", **({"itemType": item_type} if item_type else {}), **fields)


def an_object(*properties: dict[str, Any]) -> dict[str, Any]:
    return variable(type="object", properties=list(properties))


def history(*roles: str) -> dict[str, Any]:
    return {"messages": [{"placeholder": "x", "roles": list(roles)}], "variables": [listed("message")]}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(content("a"), content("b"), "patch", id="text changed"),
        pytest.param(
            content("a"), {"messages": [{"role": "user", "content": "a"}]}, "patch", id="text became messages"
        ),
        pytest.param(content("a"), content("a") | {"parameters": {"seed": 1}}, "patch", id="parameters changed"),
        pytest.param(
            content("a", variable()), content("a", variable(description="d")), "patch", id="description changed"
        ),
        pytest.param(
            content("a", variable(default="a")), content("a", variable(default="b")), "patch", id="default changed"
        ),
        pytest.param(content("a"), content("a", variable(optional=True)), "minor", id="new optional variable"),
        pytest.param(content("a"), content("a", variable(default="x")), "minor", id="new variable with a default"),
        pytest.param(content("a"), content("a", variable()), "major", id="new required variable"),
        pytest.param(content("a", variable()), content("a"), "major", id="variable removed"),
        pytest.param(content("a", variable(optional=True)), content("a"), "major", id="optional variable removed"),
        pytest.param(content("a", variable()), content("a", variable(type="integer")), "major", id="retyped"),
        pytest.param(content("a", variable()), content("a", variable(name="y")), "major", id="renamed"),
        pytest.param(
            content("a", variable(optional=True)), content("a", variable()), "major", id="optional became required"
        ),
        pytest.param(content("a", variable(default="x")), content("a", variable()), "major", id="default taken away"),
        pytest.param(
            content("a", variable()), content("a", variable(optional=True)), "minor", id="required became optional"
        ),
        pytest.param(content("a", variable()), content("a", variable(enum=["a"])), "major", id="enum added"),
        pytest.param(
            content("a", variable(enum=["a", "b"])), content("a", variable(enum=["a"])), "major", id="enum shrank"
        ),
        pytest.param(
            content("a", variable(enum=["a"])), content("a", variable(enum=["b", "a"])), "minor", id="enum grew"
        ),
        pytest.param(
            content("a", variable(enum=["a", "b"])),
            content("a", variable(enum=["b", "a"])),
            "patch",
            id="enum reordered",
        ),
        pytest.param(
            content("a", variable(maxLength=9)), content("a", variable(maxLength=8)), "major", id="maxLength fell"
        ),
        pytest.param(content("a", listed("string")), content("a", listed("integer")), "major", id="items retyped"),
        pytest.param(content("a", listed("string")), content("a", listed()), "minor", id="items of any type"),
        pytest.param(content("a", listed(maxItems=3)), content("a", listed(maxItems=2)), "major", id="maxItems fell"),
        pytest.param(content("a", variable()), content("a", variable(format="email")), "major", id="format added"),
        pytest.param(content("a", variable(format="email")), content("a", variable()), "minor", id="format gone"),
        pytest.param(content("a", variable(unicode="raw")), content("a", variable()), "major", id="raw became text"),
        pytest.param(content("a", variable()), content("a", variable(trust="trusted")), "minor", id="became trusted"),
        pytest.param(content("a", variable()), content("a", variable(sensitive=True)), "patch", id="became sensitive"),
        pytest.param(
            content("a", variable()), content("a", variable(fromValues=True)), "minor", id="filled from values"
        ),
        pytest.param(
            content("a", an_object(variable())),
            content("a", an_object(variable(type="integer"))),
            "major",
            id="field retyped",
        ),
        pytest.param(
            content("a", an_object(variable())),
            content("a", an_object(variable(), variable(name="y"))),
            "major",
            id="new required field",
        ),
        pytest.param(
            content("a", an_object(variable())),
            content("a", an_object(variable(), variable(name="y", optional=True))),
            "minor",
            id="new optional field",
        ),
        pytest.param(
            content("a", an_object(variable())), content("a", variable(type="object")), "minor", id="fields of any kind"
        ),
        pytest.param(history("user", "assistant"), history("user"), "major", id="a role taken from callers"),
        pytest.param(history("user"), history("user", "assistant"), "minor", id="a role given to callers"),
        pytest.param(content("a", variable(maxLength=8)), content("a", variable()), "minor", id="maxLength gone"),
        pytest.param(content("a", variable(minimum=1)), content("a", variable(minimum=2)), "major", id="minimum rose"),
        pytest.param(content("a", variable()), content("a", variable(minLength=1)), "major", id="minLength added"),
        pytest.param(
            content("a", variable(), variable(name="y")),
            content("a", variable(name="y"), variable()),
            "patch",
            id="variables reordered",
        ),
        pytest.param(
            content("a", variable()),
            content("a", variable(name="y", optional=True)),
            "major",
            id="the worst change counts",
        ),
    ],
)
def test_grade(before: dict[str, Any], after: dict[str, Any], expected: str) -> None:
    assert grade(before, after) == expected


@pytest.mark.parametrize(
    ("after", "previous", "latest", "expected"),
    [
        pytest.param(content("a"), None, None, "1.0.0", id="the first"),
        pytest.param(content("b"), content("a"), "1.2.3", "1.2.4", id="patch"),
        pytest.param(content("a", variable(optional=True)), content("a"), "1.2.3", "1.3.0", id="minor"),
        pytest.param(content("a", variable()), content("a"), "1.2.3", "2.0.0", id="major"),
        pytest.param(content("b"), content("a"), "2.0.0-rc.1", "2.0.1", id="above a pre-release"),
        pytest.param(content("b"), None, "1.4.0", "2.0.0", id="nothing to compare with counts as major"),
        pytest.param(content("b"), content("a"), "", "1.0.0", id="no latest"),
    ],
)
def test_next_number(after: dict[str, Any], previous: dict[str, Any] | None, latest: str | None, expected: str) -> None:
    assert next_number(after, previous, latest) == expected


@pytest.mark.parametrize(("number", "expected"), [("1.2.3", "1.2.4"), ("1.2.3-rc.1", "1.2.4")])
def test_next_patch(number: str, expected: str) -> None:
    assert next_patch(number) == expected


def owned(uid: str, kind: str = "Prompt", group: str = "promptops.io/v1alpha1") -> dict[str, str]:
    return {"apiVersion": group, "kind": kind, "name": "greeting", "uid": uid}


@pytest.mark.parametrize(
    ("prompt", "owners", "expected"),
    [
        pytest.param("greeting", [], True, id="ownerless belongs by name"),
        pytest.param("greeting", [owned("u1")], True, id="owned by this prompt"),
        pytest.param("greeting", [owned("u0")], False, id="owned by an earlier prompt of the name"),
        pytest.param("greeting", [owned("u0"), owned("u1")], True, id="owned by both"),
        pytest.param(
            "greeting", [owned("x", kind="Deployment", group="apps/v1")], True, id="owners of other kinds do not count"
        ),
        pytest.param(
            "greeting", [owned("x", group="example.com/v1")], True, id="a Prompt of another group does not count"
        ),
        pytest.param("other", [owned("u1")], False, id="refers to another prompt"),
    ],
)
def test_belongs(prompt: str, owners: list[dict[str, str]], expected: bool) -> None:
    version = {"metadata": {"ownerReferences": owners}, "spec": {"promptRef": {"name": prompt}}}

    assert belongs(version, "greeting", "u1") is expected
