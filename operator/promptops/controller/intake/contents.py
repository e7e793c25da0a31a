"""The contents of PromptVersions: bytes beside the objects, looked at once per object, gone with it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from promptops.api.wire import read_value
from promptops.domain.content.assessment import MAX_JSON_BYTES, Assessment, look_at_spec, too_large
from promptops.domain.manifests import Manifest, generation_of, mapping, spec_of, uid_of

AT_ONCE_BYTES = 4096
"""Content up to this size is looked at where it is asked for, in a few milliseconds; larger content elsewhere."""


_LARGE = frozenset({"content", "tests"})
"""The fields of a spec that are kept here alone."""


class NotAssessed(Exception):
    """The content has to be looked at elsewhere first."""

    def __init__(self, uid: str) -> None:
        super().__init__(f"the content of {uid} was not looked at yet")
        self.uid = uid


@dataclass(slots=True)
class _Content:
    generation: int
    spec: bytes | None
    """The whole spec as JSON, until it was looked at."""
    assessment: Assessment | None
    has_tests: bool = False

    @property
    def is_at_once(self) -> bool:
        """Whether looking at it takes so little that it is done where somebody asks."""
        return self.spec is not None and len(self.spec) <= AT_ONCE_BYTES and not self.has_tests


class Contents:
    """What is known of contents, by uid of their PromptVersion."""

    def __init__(self) -> None:
        self._known: dict[str, _Content] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, version: Manifest) -> dict[str, Any]:
        """Keep the content, and return the object without it, but for what it includes."""
        uid, spec = uid_of(version), spec_of(version)
        known = self._known.get(uid)
        if known is None or known.generation != generation_of(version):
            self._known[uid] = _taken(generation_of(version), spec)
        kept = {key: value for key, value in spec.items() if key not in _LARGE}
        if includes := mapping(spec.get("content")).get("includes"):
            kept["content"] = {"includes": includes}  # who depends on whom has to be known before anything is looked at
        return {**version, "spec": kept}

    def drop(self, uid: str) -> None:
        """Forget a content whose object is gone."""
        self._known.pop(uid, None)

    def assess(self, version: Manifest) -> Assessment:
        """Return what a PromptVersion's content comes to by itself. Raises NotAssessed when that takes too long here."""
        uid = uid_of(version)
        known = self._known.get(uid)
        if known is None:
            return look_at_spec(spec_of(version))
        if known.assessment is None:
            if known.spec is None or not known.is_at_once:
                raise NotAssessed(uid)
            known.assessment, known.spec = look_at_spec(read_value(known.spec)), None
        return known.assessment

    def is_to_be_assessed(self, uid: str) -> bool:
        """Tell whether a content has to be looked at elsewhere."""
        known = self._known.get(uid)
        return known is not None and known.spec is not None and not known.is_at_once

    def has_tests(self, uid: str) -> bool:
        """Tell whether an object has tests."""
        known = self._known.get(uid)
        return known is not None and known.has_tests

    def spec_of(self, uid: str) -> bytes | None:
        """Return the JSON of a spec that was not looked at yet; None when there is nothing to do."""
        known = self._known.get(uid)
        return known.spec if known is not None else None

    def settle(self, uid: str, spec: bytes, assessment: Assessment) -> None:
        """Take in what looking at a spec came to, unless the object has another one by now."""
        known = self._known.get(uid)
        if known is not None and known.spec is spec:
            known.assessment, known.spec = assessment, None


def _taken(generation: int, spec: Manifest) -> _Content:
    try:
        written = msgspec.json.encode(spec)
    except (TypeError, ValueError, RecursionError):
        # No JSON that nests so deep or counts so high is ever canonical: the look at it is short and says where.
        return _Content(generation, None, look_at_spec(spec))
    if len(written) > MAX_JSON_BYTES + AT_ONCE_BYTES:
        size = len(msgspec.json.encode(mapping(spec.get("content"))))
        if size > MAX_JSON_BYTES:
            return _Content(generation, None, Assessment(None, (too_large(size),)))
    return _Content(generation, written, None, spec.get("tests") is not None)
