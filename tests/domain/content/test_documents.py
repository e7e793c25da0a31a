"""JSON and YAML are read strictly, and what is refused is refused at a line and column."""

from typing import Any

import pytest

from promptops.domain.content.documents import read_json, read_yaml
from promptops.domain.content.reading import MAX_CHARACTERS
from promptops.rendering.errors import InvalidDocument


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("a: 1\nb: [x, 2.5, true, null]\n", {"a": 1, "b": ["x", 2.5, True, None]}, id="values"),
        pytest.param(
            "a: yes\nb: no\nc: on\n", {"a": True, "b": False, "c": True}, id="Norway is false, as for kubectl"
        ),
        pytest.param("a: 2026-01-01\nb: 12:30\n", {"a": "2026-01-01", "b": "12:30"}, id="dates and times are strings"),
        pytest.param("a: '1'\nb: \"true\"\n", {"a": "1", "b": "true"}, id="quoted is a string"),
        pytest.param("a: !!str 1\n", {"a": "1"}, id="tagged as a string"),
        pytest.param(
            "a: |\n  line {{ x }}\n  two\n", {"a": "line {{ x }}\ntwo\n"}, id="block scalar keeps its line end"
        ),
        pytest.param("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}, id="alias"),
        pytest.param("<<: {a: 1}\nb: 2\n", {"a": 1, "b": 2}, id="merge keys"),
        pytest.param("1: a\nyes: b\n", {"1": "a", "true": "b"}, id="keys become strings"),
        pytest.param("a: !!binary aGk=\n", {"a": "hi"}, id="binary"),
        pytest.param(
            "a: -5\nb: 1e3\nc: 012\nd: 0o7\n",
            {"a": -5, "b": 1000, "c": 10, "d": 7},
            id="numbers as Go knows them",
        ),
        pytest.param("a:\nb: ~\n", {"a": None, "b": None}, id="nothing is null"),
        pytest.param("", None, id="empty"),
        pytest.param("--- \na: 1\n...\n", {"a": 1}, id="explicit document"),
        pytest.param("[]", [], id="a list"),
    ],
)
def test_yaml(text: str, value: Any) -> None:
    assert read_yaml(text) == value


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "a: 1\nb: 2\na: 3\n",
            "line 3, column 1: the key 'a' stands here twice",
            id="duplicate key",
        ),
        pytest.param(
            "a:\n  b: 1\n  b: 2\n",
            "line 3, column 3: the key 'b' stands here twice",
            id="duplicate key below",
        ),
        pytest.param("~: a\n", "line 1, column 1: a key must be a string: put it in quotes", id="null as key"),
        pytest.param(
            "1: a\n'1': b\n",
            "line 2, column 1: the key '1' stands here twice, in quotes and without: keep one",
            id="a number and its text",
        ),
        pytest.param("a: .inf\n", "line 1, column 4: .inf is not a JSON number", id="infinity"),
        pytest.param("a: !!int x\n", "line 1, column 4: 'x' is no int, as its tag says", id="wrong tag"),
        pytest.param("<<: 1\n", "line 1, column 5: << takes an object, or a list of objects", id="merge of a number"),
        pytest.param("? [a]\n: b\n", "line 1, column 3: a key must be a string", id="list as key"),
        pytest.param(
            "a: 1\n---\nb: 2\n",
            "line 2, column 1: a second document begins: keep one",
            id="two documents",
        ),
        pytest.param("a: *x\n", "line 1, column 4: the alias *x refers to nothing before it", id="unknown alias"),
        pytest.param(
            "a: &a [*a]\n", "line 1, column 8: the alias *a refers to nothing before it", id="alias of itself"
        ),
        pytest.param("[" * 65, "line 1, column 65: nested too deeply", id="too deep"),
        pytest.param("a: [1\n", "line 2, column 1: not YAML: did not find expected ',' or ']'", id="unclosed list"),
        pytest.param(
            "a: b: c\n",
            "line 1, column 5: not YAML: mapping values are not allowed in this context",
            id="colon in a value",
        ),
        pytest.param(
            "a: \x00\n", "line 1, column 1: not YAML: control characters are not allowed", id="control character"
        ),
        pytest.param(
            "a" * (MAX_CHARACTERS + 1),
            f"line 1, column 1: has {MAX_CHARACTERS + 1} characters, at most {MAX_CHARACTERS} are read",
            id="too long",
        ),
        pytest.param(LAUGHS, "line 5, column 23: aliases stand for more than 131072 characters", id="billion laughs"),
        pytest.param(
            f"a: &a {'x' * 1000}\nb: [{','.join(['*a'] * 200)}]\n",
            "line 2, column 395: aliases stand for more than 131072 characters",
            id="aliases of a long text",
        ),
    ],
)
def test_yaml_is_refused_at_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        read_yaml(text)

    assert refusal.value.message == message


def test_json() -> None:
    assert read_json('{"a": [1, 2.5, true, null, "x"]}') == {"a": [1, 2.5, True, None, "x"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{"a": 1,\n "b": }', "line 2, column 7: not JSON: expecting value", id="syntax"),
        pytest.param(
            '{"a": 1,\n "a": 2}',
            "line 2, column 2: the key 'a' stands here twice",
            id="duplicate key",
        ),
        pytest.param('{"a": NaN}', "line 1, column 7: NaN is not a JSON number", id="NaN"),
        pytest.param("[" * 100_000, "line 1, column 1: nested too deeply", id="deeper than Python can go"),
        pytest.param("[" * 65 + "]" * 65, "line 1, column 1: nested too deeply", id="too deep"),
        pytest.param("1" * 5000, "line 1, column 1: a number has too many digits", id="endless number"),
        pytest.param(
            '{"a": 1e400}', "line 1, column 1: a number is not a JSON number", id="a number beyond every float"
        ),
        pytest.param("", "line 1, column 1: not JSON: expecting value", id="empty"),
        pytest.param("{} {}", "line 1, column 4: not JSON: extra data", id="two values"),
    ],
)
def test_json_is_refused_at_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidDocument) as refusal:
        read_json(text)

    assert refusal.value.message == message
