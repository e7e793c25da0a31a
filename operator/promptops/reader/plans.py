"""Content made ready to render, once per digest, for as long as the view names it."""

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from promptops.api import reasons
from promptops.api.content import json_of
from promptops.api.feed import VALUES_FEATURE, Entry
from promptops.api.wire import Unreadable, read
from promptops.cache.advance import Understanding
from promptops.cache.index import digest_of
from promptops.cache.view import View
from promptops.rendering.errors import InvalidSpec, Unavailable
from promptops.rendering.execute.plan import Plan, plan


def is_understood(content: bytes) -> bool:
    """Whether this version of the sidecar can render a content."""
    try:
        _plan(content)
    except InvalidSpec:
        return False
    return True


UNDERSTANDING = Understanding(is_understood, frozenset({VALUES_FEATURE}))
"""What an entry may ask for that this version honours."""


def _plan(blob: bytes) -> Plan:
    try:
        return plan(json_of(blob))
    except Unreadable as error:
        raise InvalidSpec(reasons.CONTENT_NOT_UNDERSTOOD, f"the content {error}") from None


class Filled(NamedTuple):
    """What fills variables of a prompt when the caller gives none."""

    digest: str
    values: Mapping[str, Any]

    def of(self, plan: Plan, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what a call needs of it; None when that is nothing."""
        needed = (each.name for each in plan.content.variables if each.from_values and each.name not in given)
        return {name: self.values[name] for name in needed if name in self.values} or None


class Plans:
    """Plans by digest. A digest is its content: what is here never has to be looked at again. Any thread may ask."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan | InvalidSpec] = {}
        self._filled: dict[str, Filled] = {}
        self._view: View | None = None
        self._lock = threading.Lock()

    def of(self, view: View, digest: str) -> Plan:
        """Return the plan of a content that the view holds.

        Raises Unavailable when it is not held, or not understood by this version of the sidecar.
        """
        with self._lock:
            if view is not self._view:
                self._forget(view)
            made = self._plans.get(digest) or self._make(view, digest)
        if isinstance(made, InvalidSpec):
            raise Unavailable(f"the content {digest} is held and not understood here: {made.reason}")
        return made

    def filled(self, entry: Entry) -> Filled:
        """Return the values of an entry that has some. Raises Unavailable when they cannot be read."""
        found = self._filled.get(entry.values)
        if found is None:
            try:
                found = Filled(digest_of(entry.values.encode()), read(entry.values, dict[str, Any]))
            except Unreadable as error:
                raise Unavailable(f"the values of prompt {entry.name} {error}") from None
            self._filled[entry.values] = found
        return found

    def _make(self, view: View, digest: str) -> Plan | InvalidSpec:
        blob = view.blobs.get(digest)
        if blob is None:
            raise Unavailable(f"the content {digest} is not held here")
        try:
            made: Plan | InvalidSpec = _plan(blob)
        except InvalidSpec as error:
            made = error
        self._plans[digest] = made
        return made

    def _forget(self, view: View) -> None:
        self._plans = {digest: made for digest, made in self._plans.items() if digest in view.blobs}
        self._filled = {}
        self._view = view
