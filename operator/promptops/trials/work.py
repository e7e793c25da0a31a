"""What the worker process can be asked: what a version, or a source, comes to, with its tests or without them, and what one says."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from promptops.api.wire import read_value
from promptops.domain.content.assessment import Assessment, assess_spec, look_at_spec
from promptops.domain.content.composition import Ingredient, Mixture, mix
from promptops.domain.content.sourcing import SourceText, judge
from promptops.domain.projections import ProjectedText, projected


class VersionWork(msgspec.Struct, frozen=True, tag=True):
    """Look at the spec of a PromptVersion."""

    spec: bytes
    """Its JSON."""
    with_tests: bool = True


class SourceWork(msgspec.Struct, frozen=True, tag=True):
    """Look at what a source says."""

    format: str
    value: str
    inline: Any
    tests: Any = None


class MixWork(msgspec.Struct, frozen=True, tag=True):
    """Look at a content with what it includes."""

    written: bytes
    ingredients: tuple[tuple[str, str, bytes], ...]
    """Alias, name and canonical bytes of each."""
    tests: bytes = b""
    """As JSON."""


class ProjectionWork(msgspec.Struct, frozen=True, tag=True):
    """Render a content for ConfigMaps."""

    content: bytes
    values: str


Work: TypeAlias = VersionWork | SourceWork | MixWork
"""Asks what something comes to."""

_requests = msgspec.msgpack.Decoder(Work | ProjectionWork)
_answers = msgspec.msgpack.Decoder(Assessment)
_texts = msgspec.msgpack.Decoder(ProjectedText)


def request(work: Work | ProjectionWork) -> bytes:
    """Return a request as it is sent."""
    return msgspec.msgpack.encode(work)


def answer_of(sent: bytes) -> Assessment:
    """Read an answer."""
    return _answers.decode(sent)


def text_of(sent: bytes) -> ProjectedText:
    """Read the answer to a ProjectionWork."""
    return _texts.decode(sent)


def carry_out(sent: bytes) -> bytes:
    """Do what a request asks for; return the answer as it is sent."""
    work = _requests.decode(sent)
    if isinstance(work, ProjectionWork):
        return msgspec.msgpack.encode(projected(work.content, work.values))
    if isinstance(work, MixWork):
        found = mix(Mixture(work.written, tuple(Ingredient(*each) for each in work.ingredients), work.tests))
    elif isinstance(work, VersionWork):
        spec = read_value(work.spec)
        found = assess_spec(spec) if work.with_tests else look_at_spec(spec)
    else:
        found = judge(SourceText(work.format, work.value, work.inline, work.tests))
    return msgspec.msgpack.encode(found)
