"""What stands in a file is read as the real kubectl reads it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from promptops.dev.plane import Plane
from promptops.workspace.manifest_files import Found, read_file
from promptops.workspace.stream import BrokenDocument, Document, read_stream
from tests.crds.server import installed_on

ByKubectl = Callable[[str | bytes], list[Any] | None]

SCALARS = [
    "012",
    "0o14",
    "0O14",
    "08",
    "09",
    "018",
    "0_7",
    "0_8",
    "00",
    "000",
    "0",
    "-0",
    "+0",
    "+012",
    "-012",
    "0777",
    "07_7",
    "yes",
    "Yes",
    "YES",
    "yES",
    "on",
    "On",
    "ON",
    "off",
    "Off",
    "no",
    "No",
    "NO",
    "y",
    "Y",
    "n",
    "N",
    "true",
    "True",
    "TRUE",
    "tRUE",
    "false",
    "False",
    "yess",
    "on/off",
    "~",
    "null",
    "Null",
    "NULL",
    "nULL",
    "nul",
    "1_000",
    "1__0",
    "1_",
    "_1",
    "1_000.5",
    "1.5_0",
    "1_e3",
    "1e3_0",
    ".1_0",
    "._5",
    "0x1F",
    "0X1f",
    "0x_1F",
    "-0x1F",
    "+0x1F",
    "0x",
    "0x1G",
    "0x+1",
    "0x1.8p3",
    "0b11",
    "0B11",
    "-0b11",
    "+0b11",
    "0b-11",
    "0b+11",
    "-0b-11",
    "0b2",
    "0b",
    "0o8",
    "0o_7",
    "0o-7",
    "-0o14",
    "1e3",
    "1E3",
    "1e+3",
    "1e-3",
    "1.e3",
    "12e03",
    "1e400",
    ".1e400",
    "1e-400",
    "0e0",
    "e3",
    "1p3",
    ".5",
    "-.5",
    "+.5",
    ".5e3",
    "1.0",
    "1.",
    "1.5",
    "-1.5",
    "0.0",
    "-0.0",
    "0.1",
    "0.30000000000000004",
    "1.2.3",
    "1,000",
    ".",
    "..",
    "...x",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e18",
    "1e20",
    "1e21",
    "1e22",
    "123456789012345678",
    "1234567890123456789e0",
    "12345678901234567890123",
    "2001-01-01",
    "2001-1-1",
    "2001-13-01",
    "2001-12-14T21:59:43.10-05:00",
    "2001-12-14t21:59:43Z",
    "20010101",
    "12:30",
    "12:30:45",
    "190:20:30",
    "inf",
    "nan",
    "infinity",
    "-inf",
    "NaN",
    "-",
    "--",
    "+",
    "+-1",
    "=",
    "<<",
    "<<x",
    "~x",
    '"012"',
    "'yes'",
    '"\\u0041"',
    '""',
    "'~'",
    "!!str|012",
    '!!int|"12"',
    "!!float|1",
    "!!bool|yes",
    "!!null|~",
    "!!binary|aGk=",
    "!!timestamp|2001-01-01",
    "!|012",
    "!custom|012",
    "!!merge|x",
]
"""A bar stands for a space."""
KEYS = [
    "012",
    "yes",
    "no",
    "on",
    "y",
    "1.5",
    "1e3",
    "1000000.0",
    "1e21",
    "0.00001",
    "123456.7",
    "16777217.5",
    "1_000",
    "0x1F",
    "2001-01-01",
    '"012"',
    ".inf",
    ".nan",
    "!!str|1",
    "a.b",
]

CONSTRUCTS = {
    "merge": "base: &b {x: 1, y: 2}\nspec: {<<: *b, y: 3}",
    "merge behind": "base: &b {x: 1, y: 2}\nspec: {y: 3, <<: *b}",
    "merge of a list": "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nspec: {<<: [*a, *b], z: 3}",
    "merge of an inline object": "spec: {<<: {x: 1}, y: 2}",
    "merge of a merge": "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nspec: {<<: *b}",
    "merge of a text": "spec: {<<: text}",
    "merge of an alias of a list": "a: &a [{x: 1}]\nspec: {<<: *a}",
    "merge key in quotes": 'spec: {"<<": {x: 1}}',
    "merge tag": "spec: {!!merge <<: {x: 1}}",
    "merge as a value": "spec: [<<]",
    "anchor of a scalar": "spec: {a: &x 012, b: *x}",
    "anchor of a list": "spec: {a: &x [1, yes], b: *x}",
    "anchor again": "spec: {a: &x 1, b: &x 2, c: *x}",
    "alias as a key": "spec: {a: &x k, *x : 1}",
    "alias of nothing": "spec: *x",
    "alias of itself": "spec: &x [*x]",
    "duplicate key": "spec: {a: 1, a: 2}",
    "duplicate key at the top": "spec: {a: 1}\nspec: {b: 2}",
    "norway": "spec: {enum: [se, no, dk]}",
    "null values": "spec: {a: , b: ~, c: null}",
    "null key": "spec: {~: 1}",
    "list as a key": "spec: {? [a] : 1}",
    "object as a key": "spec: {? {a: 1} : 1}",
    "infinity": "spec: {a: .inf}",
    "not a number": "spec: [.nan]",
    "tag of a list": "spec: !custom [1, 2]",
    "python tag": "spec: !!python/object/apply:os.system [id]",
    "set": "spec: !!set {a, b}",
    "wrong tag": "spec: !!int abc",
    "wrong base64": "spec: !!binary '*'",
    "literal block": "spec:\n  a: |\n    one\n     two\n\n    three\n\n",
    "literal block stripped": "spec:\n  a: |-\n    one\n",
    "literal block kept": "spec:\n  a: |+\n    one\n\n",
    "literal block indented": "spec:\n  a: |2\n      one\n",
    "folded block": "spec:\n  a: >\n    one\n    two\n\n    three\n",
    "folded text": "spec:\n  a: one\n    two\n  b: 'one\n    two'\n",
    "separator in a literal block": "spec:\n  a: |\n    one\n    ---\n    two\n",
    "separator at the line's begin in a block": "spec:\n  a: |\n    one\n---\n    # two\n",
    "comments": "# c\nspec: # c\n  a: 1 # c\n  b: x#y\n# c\n",
    "windows lines": "spec:\r\n  a: |\r\n    one\r\n    two\r\n  b: x\r\n",
    "tab before a comment": "spec: {a: 1}\t# c\n",
    "tab as indentation": "spec:\n\ta: 1\n",
    "tab in a flow": "spec: {a:\t1}\n",
    "tab behind a dash": "spec:\n-\ta\n",
    "escapes": r'spec: {a: "\x41\u00e9\U0001F600\n\t\e\_\N"}',
    "line end escaped": 'spec: {a: "a\\\n  b"}',
    "single quotes": "spec: {a: 'it''s'}",
    "colon without a space": "spec: {a:1}",
    "adjacent value": 'spec: {"a":1}',
    "single pair": "spec: [a: b]",
    "explicit key": "spec:\n  ? a\n  : 1\n",
    "compact lists": "spec:\n- - 1\n  - 2\n- a: 1\n  b: 2\n",
    "list at its parent's column": "spec:\n- 1\n- 2\n",
    "unclosed": "spec: [1\n",
    "colon in a text": "spec: a: b\n",
    "emoji and accents": "spec: {a: 'é 😀 日本'}",
    "reserved characters": "spec: @x",
    "percent": "spec: %x",
    "date keys": "spec: {2001-01-01: 1}",
}  # fmt: skip
"""Behind apiVersion, kind and metadata."""

HEAD = "apiVersion: v1\nkind: Probe\nmetadata: {name: %s}\n"
ONE = '{"apiVersion": "v1", "kind": "Probe", "metadata": {"name": "%s"}, "spec": %s}'

FILES: dict[str, str | bytes] = {
    "several documents": f"{HEAD % 'a'}spec: 1\n---\n{HEAD % 'b'}spec: 2\n",
    "separators alone": f"---\n---\n{HEAD % 'a'}---\n---\n",
    "separator with a comment": f"--- # c\n{HEAD % 'a'}--- # d\n{HEAD % 'b'}",
    "separator with a value": f"--- {{a: 1}}\n{HEAD % 'a'}",
    "end of a document": f"{HEAD % 'a'}...\n",
    "a document behind the end": f"{HEAD % 'a'}...\n{HEAD % 'b'}",
    "directive": f"%YAML 1.1\n---\n{HEAD % 'a'}",
    "comment document": f"# nothing\n---\n{HEAD % 'a'}---\n# nothing\n",
    "null document": f"null\n---\n{HEAD % 'a'}",
    "byte order mark": b"\xef\xbb\xbf" + (HEAD % "a").encode(),
    "utf-16": (HEAD % "a").encode("utf-16"),
    "no end of line": HEAD.strip() % "a",
    "json": ONE % ("a", '{"a": [1, 2.0, 1e3, 0.1, null, true, "x"]}'),
    "json of several values": " ".join(ONE % (name, "1") for name in "abc"),
    "json without space": "".join(ONE % (name, "1") for name in "abc"),
    "json and yaml": f"{ONE % ('a', '1')}\n---\n{HEAD % 'b'}",
    "json and broken yaml": f"{ONE % ('a', '1')}\n---\nspec: [",
    "two json values and yaml": f"{ONE % ('a', '1')}{ONE % ('b', '1')}\n---\n{HEAD % 'c'}",
    "json with duplicates": ONE % ("a", '{"a": 1, "a": 2}'),
    "json with half a pair": ONE % ("a", r'{"a": "\ud800x\udc00", "b": "\ud83d\ude00"}'),
    "json with large numbers": ONE % ("a", "[9223372036854775807, 9223372036854775808, 1e22, 1.0, -0.0]"),
    "json with endless numbers": ONE % ("a", "1e400"),
    "json with nan is yaml": ONE % ("a", "NaN"),
    "json with a trailing comma is yaml": ONE % ("a", "[1, 2,]"),
    "json with a comment is yaml": "{\n# c\n" + (ONE % ("a", "yes"))[1:],
    "flow yaml": "{apiVersion: v1, kind: Probe, metadata: {name: a}, spec: yes}",
    "json that is broken": '{"apiVersion": "v1", "kind": [}',
}  # fmt: skip


@pytest.fixture(scope="module")
def by_kubectl(binary: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> ByKubectl:
    """Return the objects that kubectl makes of a file; None when it refuses the file."""
    kubectl, file = binary("kubectl"), tmp_path_factory.mktemp("kubectl") / "file"

    def read(written: str | bytes) -> list[Any] | None:
        file.write_bytes(written.encode() if isinstance(written, str) else written)
        command = [str(kubectl), "label", "--local", "--output=json", f"--filename={file}", "probe=x"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": str(file.parent)})
        return list(values(done.stdout)) if done.returncode == 0 else None

    return read


def values(text: str) -> Iterator[Any]:
    decoder, offset = json.JSONDecoder(), 0
    while (text := text[offset:].lstrip()) != "":
        value, offset = decoder.raw_decode(text)
        value["metadata"].pop("labels", None)
        yield from value["items"] if value["kind"] == "List" else [value]


def ours(written: str | bytes) -> list[Any] | None:
    """Return what we make of the same file."""
    data = written.encode() if isinstance(written, str) else written
    encoding = "utf-16" if data[:2] == b"\xff\xfe" else "utf-8-sig"
    read = list(read_stream(data.decode(encoding)))
    return None if any(isinstance(one, BrokenDocument) for one in read) else [one.value for one in read if isinstance(one, Document)]  # fmt: skip


def same(left: Any, right: Any) -> bool:
    """Compare as JSON does: 1 is not true, and a float is its value."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(each, right[key]) for key, each in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) or isinstance(right, float):
        return isinstance(left, int | float) and isinstance(right, int | float) and float(left) == float(right)
    return type(left) is type(right) and left == right


def test_scalars_and_keys_mean_what_they_mean_to_kubectl(by_kubectl: ByKubectl) -> None:
    lines = [f"- {each.replace('|', ' ')}" for each in SCALARS]
    lines += [f"- {{{each.replace('|', ' ')}: 1}}" for each in KEYS]
    written = f"{HEAD % 'a'}spec:\n" + "\n".join(lines)

    expected, read = by_kubectl(written), ours(written)

    assert expected is not None
    assert read is not None
    pairs = zip(lines, read[0]["spec"], expected[0]["spec"], strict=True)
    assert [(line, mine, theirs) for line, mine, theirs in pairs if not same(mine, theirs)] == []
    assert len(lines) > 150


@pytest.mark.parametrize("construct", [pytest.param(text, id=name) for name, text in CONSTRUCTS.items()])
def test_constructs_are_read_as_by_kubectl(by_kubectl: ByKubectl, construct: str) -> None:
    written = f"{HEAD % 'a'}{construct}\n"

    read = ours(written)

    assert same(read, by_kubectl(written)), read


@pytest.mark.parametrize("written", [pytest.param(text, id=name) for name, text in FILES.items()])
def test_files_are_taken_apart_as_by_kubectl(by_kubectl: ByKubectl, written: str | bytes) -> None:
    read = ours(written)

    assert same(read, by_kubectl(written)), read


SAME = """
apiVersion: promptops.io/v1alpha1
kind: Prompt
metadata: {name: octal}
spec: {source: {content: {text: "room {{ room }}", variables: [{name: room, type: integer, default: 012}]}}}
---
apiVersion: promptops.io/v1alpha1
kind: Prompt
metadata: {name: polite}
spec: {source: {content: {text: "{{ polite }}", variables: [{name: polite, type: boolean, default: yes}]}}, historyLimit: 0x5}
---
apiVersion: promptops.io/v1alpha1
kind: Prompt
metadata: {name: merge}
spec:
  source:
    content:
      text: "{{ first }} {{ last }}"
      parameters: {temperature: 1e0, maxTokens: 1_000}
      variables:
      - &person {name: first, type: string, maxLength: 40, default: Ada}
      - {<<: *person, name: last, default: Lovelace}
---
apiVersion: v1
kind: List
items:
- apiVersion: promptops.io/v1alpha1
  kind: Prompt
  metadata: {name: listed}
  spec: {source: {content: {text: x}}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: texts}, data: {a: "1", b: "yes"}}
"""


def test_the_same_file_is_the_same_objects_in_a_cluster(plane: Plane, namespace: str) -> None:
    installed_on(plane)
    answer = plane.kubectl("create", "--dry-run=server", "-n", namespace, "-o", "json", "-f", "-", input=SAME)

    reading = read_file("a.yaml", SAME.encode())

    sent = list(values(answer.stdout))
    assert reading.flaws == ()
    assert [part(one) for one in reading.found] == [part(each) for each in sent]


def part(one: Found | dict[str, Any]) -> tuple[Any, ...]:
    manifest = one.manifest if isinstance(one, Found) else one
    return manifest["kind"], manifest["metadata"]["name"], manifest.get("spec"), manifest.get("data")
