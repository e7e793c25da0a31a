"""The documents of a file, told apart as kubectl does: JSON values one after the other, or YAML between lines of `---`.

The name of the file says nothing. Each document is read for itself: one that cannot be read hides none of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from promptops.domain.content.json_values import JSON_SPACE, NoJson, read_json_value
from promptops.domain.content.reading import MAX_CHARACTERS, Slip
from promptops.domain.content.yaml_reader import YamlReader
from promptops.rendering.errors import InvalidDocument

MAX_DOCUMENTS: Final = 10_000
_MAX_AMBIGUOUS: Final = 1
"""After more values than this a file is JSON for good."""


@dataclass(frozen=True)
class Document:
    """A value in a file."""

    line: int
    value: Any
    slips: tuple[Slip, ...] = ()
    """What was passed over, with lines of the file."""
    text: str = ""
    """The document as it is written."""
    first: int = 1
    """The line of the file in which `text` begins."""


@dataclass(frozen=True)
class BrokenDocument:
    """A document that cannot be read."""

    line: int
    column: int
    message: str
    kind: Any = None
    """What stands under `kind` before the place where reading ended."""
    name: Any = None
    """The same of metadata.name."""


def read_stream(text: str) -> Iterator[Document | BrokenDocument]:
    """Return every document of a file; those with nothing in them are left out."""
    documents = _json_values(text) if text.lstrip()[:1] == "{" else _yaml_documents(text, 0)
    for number, document in enumerate(documents):
        if number == MAX_DOCUMENTS:
            yield BrokenDocument(
                document.line, 1, f"the file has more than {MAX_DOCUMENTS} documents: the rest is not read"
            )
            return
        yield document


def _json_values(text: str) -> Iterator[Document | BrokenDocument]:
    offset, after, counted, line, count = 0, 0, 0, 1, 0
    while (offset := _after_space(text, offset)) < len(text):
        line, counted = line + text.count("\n", counted, offset), offset
        try:
            value, end, slips = read_json_value(text, offset)
        except InvalidDocument as error:
            yield from _no_json(text, _after_line(text, after), error, count)
            return
        if end - offset > MAX_CHARACTERS:
            yield BrokenDocument(line, 1, f"has {end - offset} characters, at most {MAX_CHARACTERS} are read")
        elif value is not None:
            moved = tuple(replace(each, line=each.line + line - 1) for each in slips)
            yield Document(line, value, moved, text[offset:end], line)
        offset, after, count = end, end, count + 1


def _no_json(text: str, offset: int, error: InvalidDocument, count: int) -> Iterator[Document | BrokenDocument]:
    """What begins like JSON and is none may be YAML, unless several JSON values came before it."""
    if count > _MAX_AMBIGUOUS or not isinstance(error, NoJson):
        yield _unreadable(error, 0)
        return
    for number, document in enumerate(_yaml_documents(text, offset)):
        if number == 0 and isinstance(document, BrokenDocument) and count == 0:
            # It was most likely meant to be JSON.
            yield BrokenDocument(error.line, error.column, _without_place(error), document.kind, document.name)
        else:
            yield document


def _after_space(text: str, offset: int) -> int:
    while offset < len(text) and text[offset] in JSON_SPACE:
        offset += 1
    return offset


def _after_line(text: str, offset: int) -> int:
    """Return where what is not white begins, or the next line."""
    end = _after_space(text, offset)
    newline = text.find("\n", offset, end)
    return end if newline < 0 else newline + 1


def _yaml_documents(text: str, start: int) -> Iterator[Document | BrokenDocument]:
    line = text.count("\n", 0, start) + 1
    for chunk in _chunks(text, start):
        yield from _yaml_document(chunk, line)
        line += chunk.count("\n")


def _chunks(text: str, start: int) -> Iterator[str]:
    """Split before each line that begins with `---`."""
    while start < len(text):
        found = text.find("\n---", start)
        end = len(text) if found < 0 else found + 1
        yield text[start:end]
        start = end


def _yaml_document(chunk: str, line: int) -> Iterator[Document | BrokenDocument]:
    body = chunk
    if chunk.startswith("---"):
        first, newline, body = chunk.partition("\n")
        rest = first[3:].strip()
        if rest and not rest.startswith("#"):
            yield BrokenDocument(line, 4, "only a comment may stand behind ---: put what follows on a line of its own")
            return
        line += len(newline)
    if not body.strip(" \r\n"):
        return
    reader = YamlReader()
    try:
        reader.read(body.replace("\r\n", "\n"))
    except InvalidDocument as error:
        yield _unreadable(error, line - 1, reader)
        return
    if reader.root is not None:
        slips = (replace(each, line=each.line + line - 1) for each in reader.slips)
        yield Document(line + reader.line - 1, reader.root, tuple(slips), body, line)


def _unreadable(error: InvalidDocument, lines_before: int, reader: YamlReader | None = None) -> BrokenDocument:
    kind, name = (reader.so_far("kind"), reader.so_far("metadata", "name")) if reader else (None, None)
    return BrokenDocument(error.line + lines_before, error.column, _without_place(error), kind, name)


def _without_place(error: InvalidDocument) -> str:
    return error.message.removeprefix(f"line {error.line}, column {error.column}: ")
