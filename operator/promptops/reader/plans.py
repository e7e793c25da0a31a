"""Content made ready to render, once per digest, for as long as the view names it."""

import threading
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from promptops.api import reasons
from promptops.api.content import CANONICAL_FORM, json_of
from promptops.api.feed import STALENESS_FEATURE, VALUES_FEATURE, Entry, Fallback, Supplement, VersionReference
from promptops.api.wire import Unreadable, read
from promptops.cache.advance import Understanding
from promptops.cache.index import digest_of
from promptops.cache.view import View
from promptops.reader.lately import Lately
from promptops.rendering import selection
from promptops.rendering.errors import InvalidSpec, Unavailable
from promptops.rendering.execute.plan import Plan, plan


def is_understood(content: bytes) -> bool:
    """Whether this version of the sidecar can render a content."""
    try:
        _plan(content)
    except InvalidSpec:
        return False
    return True


_SUPERSEDED: Final = 64
"""Plans of versions that no prompt serves any more which may be there in any case."""
_NO_VERSION = VersionReference("", "")
UNDERSTANDING = Understanding(is_understood, frozenset({VALUES_FEATURE, STALENESS_FEATURE}))
"""What an entry may ask for that this version honours."""


def _plan(blob: bytes) -> Plan:
    try:
        return plan(json_of(blob))
    except Unreadable as error:
        raise InvalidSpec(reasons.CONTENT_NOT_UNDERSTOOD, f"the content {error}") from None


class Filled:
    """What comes from outside the versions of a prompt: values that callers need not give, and the tenant's parameters."""

    def __init__(self, digest: str, supplement: Supplement) -> None:
        self.digest = digest
        self._supplement = supplement
        self._parameters: dict[Plan, dict[str, Any]] = {}

    def of(self, plan: Plan, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the values that a call needs; None when there are none."""
        values = self._supplement.variables
        needed = (each.name for each in plan.content.variables if each.from_values and each.name not in given)
        return {name: values[name] for name in needed if name in values} or None

    def parameters(self, plan: Plan) -> dict[str, Any]:
        """Return a plan's model parameters with the tenant's below them."""
        if self._supplement.parameters is None:
            return plan.parameters
        found = self._parameters.get(plan)
        if found is None:
            found = self._parameters[plan] = plan.parameters_over(self._supplement.parameters)
        return found


class Plans:
    """Plans by digest. A digest is its content: what is here never has to be looked at again. Any thread may ask."""

    def __init__(self, lately: Lately[Plan | InvalidSpec]) -> None:
        """`lately`: room for those of versions that were asked for by number."""
        self.lately = lately
        self._plans: dict[str, Plan | InvalidSpec] = {}
        self._filled: dict[str, Filled] = {}
        self._words: dict[str, Plan] = {}
        self._view: View | None = None
        self._lock = threading.Lock()

    def of(self, view: View, digest: str, *, by_number: bool = False) -> Plan:
        """Return the plan of a content that the view holds. `by_number`: it is not what a prompt serves, and not kept for long.

        Raises Unavailable when it is not held, or not understood by this version of the sidecar.
        """
        with self._lock:
            if view is not self._view:
                self._forget(view)
            made = self._plans.get(digest)
            if made is None:
                made = self._lately(view, digest) if by_number else self._make(view, digest)
                if not by_number:
                    self._keep(view, digest, made)
        if isinstance(made, InvalidSpec):
            raise Unavailable(f"the content {digest} is held and not understood here: {made.reason}")
        return made

    def tidy(self) -> None:
        """Drop what nobody has asked for lately."""
        with self._lock:
            self.lately.expire()

    def standing_in(self, view: View, entry: Entry, fallback: Fallback) -> tuple[VersionReference, Plan]:
        """Return what stands in for a prompt, and its plan. A text is no version: its reference is empty.

        Raises PromptNotFound and Unavailable when that is not held either.
        """
        if fallback.text:
            return _NO_VERSION, self.of_words(fallback.text)
        reference = selection.by_number(entry, fallback.version)
        return reference, self.of(view, reference.digest)

    def of_words(self, words: str) -> Plan:
        """Return the plan of a text without variables. Raises Unavailable when this version does not understand it."""
        blob = CANONICAL_FORM + msgspec.json.encode({"text": words})
        with self._lock:
            made = self._words.get(words)
            if made is None:
                try:
                    made = self._words[words] = _plan(blob)
                except InvalidSpec as error:
                    raise Unavailable(f"the prompt's fallback is not understood here: {error.reason}") from None
        return made

    def filled(self, entry: Entry) -> Filled:
        """Return what an entry has from outside its versions. Raises Unavailable when they cannot be read."""
        found = self._filled.get(entry.values)
        if found is None:
            try:
                found = Filled(digest_of(entry.values.encode()), read(entry.values, Supplement))
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
        return made

    def _keep(self, view: View, digest: str, made: Plan | InvalidSpec) -> None:
        """Keep what a prompt serves. What prompts served before goes once there is as much of it: looked for now and then, it costs nothing."""
        self._plans[digest] = made
        if len(self._plans) > 2 * len(view.entries) + _SUPERSEDED:
            served = {entry.stable.digest for entry in view.entries.values() if entry.stable is not None}
            self._plans = {each: plan for each, plan in self._plans.items() if each in served or each == digest}

    def _lately(self, view: View, digest: str) -> Plan | InvalidSpec:
        made = self.lately.get(digest)
        if made is None:
            made = self._make(view, digest)
            self.lately.put(digest, made)
        return made

    def _forget(self, view: View) -> None:
        self._plans = {digest: made for digest, made in self._plans.items() if digest in view.blobs}
        self.lately.keep(view.blobs)
        self._filled, self._words = {}, {}
        self._view = view
