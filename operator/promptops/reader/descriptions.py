"""What there is to be rendered: lists of prompts and versions, and what each of them says."""

from __future__ import annotations

from typing import Any

from promptops.api import reasons
from promptops.api.content import json_of
from promptops.api.feed import Entry
from promptops.api.http import PromptDetail, PromptList, PromptSummary, VersionDetail, VersionList, VersionSummary
from promptops.api.wire import Unreadable, read
from promptops.cache.view import View
from promptops.rendering import selection
from promptops.rendering.errors import InvalidSpec, Unavailable


def prompts_of(view: View) -> PromptList:
    """Answer GET /v1/prompts. May be called in any thread."""
    return PromptList(tuple(_summary(view.entries[name]) for name in sorted(view.entries)))


def _summary(entry: Entry) -> PromptSummary:
    return PromptSummary(
        prompt_id=entry.ids[0] if entry.ids else entry.name,
        name=entry.name,
        state=entry.state,
        version=entry.stable.version if entry.stable else None,
        digest=entry.stable.digest if entry.stable else None,
        revision=entry.revision,
    )


def prompt_of(view: View, prompt_id: str, age_seconds: float, stale: bool) -> PromptDetail:
    """Return one prompt and the content that it serves, as old as that is. Raises PromptError."""
    entry = selection.find(view, prompt_id)
    blob = view.blobs.get(entry.stable.digest) if entry.stable else None
    return PromptDetail(
        prompt_id=prompt_id,
        name=entry.name,
        ids=entry.ids,
        state=entry.state,
        version=entry.stable.version if entry.stable else None,
        digest=entry.stable.digest if entry.stable else None,
        revision=entry.revision,
        content=_content(blob) if blob is not None else None,
        source=view.source,
        age_seconds=round(age_seconds, 3),
        stale=stale,
    )


def versions_of(view: View, prompt_id: str) -> VersionList:
    """Return the versions of one prompt that can be asked for. Raises PromptError."""
    entry = selection.find(view, prompt_id)
    return VersionList(
        prompt_id,
        tuple(
            VersionSummary(reference.version, reference.digest, reference == entry.stable)
            for reference in selection.versions(entry)
        ),
    )


def version_of(view: View, prompt_id: str, version: str) -> VersionDetail:
    """Return one version and its content. Raises PromptError."""
    entry = selection.find(view, prompt_id)
    reference = selection.by_number(entry, version)
    blob = view.blobs.get(reference.digest)
    if blob is None:
        raise Unavailable(f"the content {reference.digest} is not held here")
    return VersionDetail(prompt_id, reference.version, reference.digest, reference == entry.stable, _content(blob))


def _content(blob: bytes) -> dict[str, Any]:
    try:
        return read(json_of(blob), dict[str, Any])
    except Unreadable as error:
        raise InvalidSpec(reasons.MALFORMED, f"the content {error}") from None
