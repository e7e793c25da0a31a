"""Files are taken apart at a cost in proportion to their length, whatever is in them, and each document for itself."""

from __future__ import annotations

import pytest

from promptops.workspace.manifest_files import read_file
from promptops.workspace.stream import MAX_DOCUMENTS, BrokenDocument, Document, read_stream
from tests.support.growth import Work, assert_linear

LABELS = "    team.example.com/a: x\n"
HALF = "apiVersion: promptops.io/v1alpha1\nkind: Prompt\nmetadata:\n  labels:\n%s  name: 'greeting'\nspec: {a: [\n"


@pytest.mark.parametrize(
    ("begin", "sample", "end", "size"),
    [
        pytest.param("", "---\n", "", 400_000, id="separators"),
        pytest.param("", "---\r\n", "", 400_000, id="separators with Windows line ends"),
        pytest.param("", "--- # c\n", "", 400_000, id="separators with comments"),
        pytest.param("", "--- x\n", "", 50_000, id="separators with something behind them"),
        pytest.param("", "a\n---\n", "", 20_000, id="small documents"),
        pytest.param("", "[\n---\n", "", 20_000, id="small documents that cannot be read"),
        pytest.param("kind: Prompt\nmetadata:\n", "  labels: x\n", "  name: [\n", 50_000, id="one key again and again"),
        pytest.param("kind: Prompt\nmetadata:\n  name: x\n", " \n", "a: [", 400_000, id="white lines, saved half"),
        pytest.param("metadata:\n", " - \n", "[", 50_000, id="dashes, saved half"),
        pytest.param("", "{}", "", 20_000, id="JSON values"),
        pytest.param("", '{"a":"\\u0041"}\n', "", 50_000, id="JSON values with escapes"),
        pytest.param("{", '"a":1,', '"b":1}', 200_000, id="one JSON key again and again"),
        pytest.param("", '{"a":1,"a":2} ', "", 50_000, id="JSON values with a key that stands twice"),
        pytest.param('{"a": "', "\\", '"}', 100_000, id="JSON backslashes"),
        pytest.param("{", "{", "", 200_000, id="braces"),
        pytest.param("a: ", "[", "", 200_000, id="brackets"),
        pytest.param("", "  ", "", 400_000, id="spaces"),
        pytest.param("a: ", "1", "", 200_000, id="an endless number"),
        pytest.param("a: .", "1_", "x", 200_000, id="an endless fraction"),
        pytest.param("a: ", "&a *a ", "", 50_000, id="anchors"),
        pytest.param("a: &a x\nb: [", "*a,", "]", 50_000, id="aliases"),
        pytest.param("a: &a {x: 1}\nb: {", "<<: *a,", "}", 20_000, id="merge keys"),
        pytest.param("- !!binary '", "aGk=", "'", 200_000, id="base64"),
        pytest.param("# ", "#", "", 400_000, id="a comment"),
    ],
)
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_reading_is_linear(begin: str, sample: str, end: str, size: int, suffix: str) -> None:
    def reading(length: int) -> Work:
        data = (begin + sample * (length // len(sample)) + end).encode()
        return lambda: read_file(f"a.{suffix}", data)

    assert_linear(reading, size)


@pytest.mark.parametrize("labels", [12, 16, 1000])
def test_what_was_saved_half_is_told_by_kind_and_name(labels: int) -> None:
    written = HALF % "".join(f"    team.example.com/a{number}: x\n" for number in range(labels))

    (flaw,) = read_file("a.yaml", written.encode()).flaws

    assert flaw.identity == ("Prompt", "greeting")


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("kind: Prompt\nmetadata: {name: x}\nspec: [", id="flow"),
        pytest.param("metadata:\n  name: x\n  labels: [\nkind: Prompt\n", id="broken before the kind"),
        pytest.param("kind: Prompt\nmetadata:\n  name: x\n  labels: {a: [", id="broken within metadata"),
        pytest.param('{"kind": "Prompt", "metadata": {"name": "x"}, "spec": [', id="JSON"),
        pytest.param('{"kind": "Prompt", "metadata": {"name": "x", "labels": {"a"', id="JSON within metadata"),
        pytest.param("kind: Prompt\nmetadata: {name: x}\n\ttab: 1\n", id="tab"),
    ],
)
def test_the_object_is_told_as_far_as_it_was_read(written: str) -> None:
    (read,) = read_stream(written)

    assert isinstance(read, BrokenDocument)
    assert (read.kind, read.name) in [("Prompt", "x"), (None, "x")]


def test_places_are_lines_of_the_file() -> None:
    written = "# c\n---\n\n# c\na: 1\nb: 1\nb: 2\n---\n\n[\n---\nc: 1\n"

    read = list(read_stream(written))

    places = [(one.line, [slip.line for slip in one.slips] if isinstance(one, Document) else None) for one in read]
    assert places == [(5, [7]), (11, None), (12, [])]


def test_so_many_documents_are_read_and_no_more() -> None:
    read = list(read_stream("a: 1\n---\n" * (MAX_DOCUMENTS + 5)))

    assert len(read) == MAX_DOCUMENTS + 1
    assert isinstance(read[-1], BrokenDocument)
    assert read[-1].message == f"the file has more than {MAX_DOCUMENTS} documents: the rest is not read"


def test_many_flaws_are_counted_and_not_listed() -> None:
    reading = read_file("a.yaml", b"a: [\n---\n" * 5000)

    assert len(reading.flaws) == 101
    assert reading.flaws[-1].message == "4900 more documents are wrong"
    assert reading.flaws[-1].identity is None


def test_a_key_that_stands_twice_is_told_and_the_last_one_counts() -> None:
    written = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: a, x: b}\n"

    reading = read_file("a.yaml", written.encode())

    assert [one.manifest["data"] for one in reading.found] == [{"x": "b"}]
    (slip,) = reading.flaws
    assert (slip.place, slip.is_slip) == ("a.yaml:4", True)
    assert slip.message.startswith("the key 'x' stands here twice; kubectl passes over it")
