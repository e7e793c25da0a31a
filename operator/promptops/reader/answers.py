"""Every answer of the data listener, from what is held in memory: no network, no disk, no framework."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from promptops.api import reasons
from promptops.api.content import Content
from promptops.api.feed import Entry, VersionReference
from promptops.api.http import PromptDetail, RenderRequest, RenderResponse, VersionDetail, VersionList, Warning
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.allowance import RenderAllowance
from promptops.reader.descriptions import prompt_of, version_of, versions_of
from promptops.reader.lately import MAX_SIZE, TTL_SECONDS, Lately
from promptops.reader.payloads import payload_of
from promptops.reader.plans import Plans
from promptops.reader.render_ids import render_id
from promptops.reader.requests import check_count, read_render_request
from promptops.rendering import selection
from promptops.rendering.errors import InvalidInput, PromptError, Unavailable
from promptops.rendering.execute.plan import Plan
from promptops.rendering.payloads.formats import provider_of


class RenderObserver(Protocol):
    """Counts renders."""

    def succeeded(self, prompt: str, digest: str, seconds: float) -> None:
        """A render of this content was answered."""

    def failed(self, prompt: str, digest: str | None, reason: str, *, missed: bool) -> None:
        """A render was not answered with what is served. `prompt` is empty when none of that name is held, `digest` None before a content was
        chosen; `missed`: the content is not held."""

    def fell_back(self, prompt: str, reason: str) -> None:
        """One of those that failed was answered with what stands in for the prompt."""


class NotReady(Unavailable):
    """Neither an index nor a snapshot has come yet."""

    reason = reasons.NOT_READY


class TooStale(Unavailable):
    """What is held was not confirmed for longer than the prompt allows."""

    reason = reasons.TOO_STALE

    def __init__(self, entry: Entry, age: float) -> None:
        super().__init__(
            f"prompt {entry.name} may be {entry.max_staleness_s} s old, and the origin has not confirmed it for {age:.0f} s: "
            "see whether the operator runs and can be reached, or raise maxStaleness"
        )


class Attempt(msgspec.Struct, frozen=True):
    """A render that is not counted yet."""

    prompt: str
    """Its name; empty when none is held that is called so."""
    digest: str | None
    """The content that was chosen; None when it did not come to that."""
    outcome: RenderResponse | PromptError
    request: RenderRequest | None = None
    """What was asked for, once it could be read."""
    instead_of: Unavailable | None = None
    """Why the answer is what stands in for the prompt; None: it is none of these."""


class Answers:
    """Answers calls from a store. Raises PromptError for everything that a caller or an author has to hear."""

    def __init__(
        self,
        store: Store,
        observer: RenderObserver,
        now: Callable[[], float],
        max_size: int = MAX_SIZE,
        ttl: float = TTL_SECONDS,
    ) -> None:
        """`max_size`: versions that were asked for by number and are kept ready, each for `ttl` seconds after its last render."""
        self._store = store
        self._observer = observer
        self._now = now
        self._plans = Plans(Lately(now, max_size, ttl))
        self._allowance = RenderAllowance(now)

    def render(self, prompt_id: str, body: bytes) -> RenderResponse:
        """Answer POST /v1/prompts/{id}/render."""
        return self.settle(self.attempt(prompt_id, body))

    def attempt(self, prompt_id: str, body: bytes) -> Attempt:
        """Render, and leave it to `settle` to count it. May be called in any thread."""
        return self._attempt(prompt_id, lambda: read_render_request(body))

    def attempt_read(self, prompt_id: str, request: RenderRequest) -> Attempt:
        """The same for a request that was read from something else than a body of its own. May be called in any thread."""
        if not selection.is_prompt_id(prompt_id):
            refusal = InvalidInput(f"this does not name a prompt: {selection.PROMPT_ID_RULE}")
            return Attempt("", None, refusal, request)
        return self._attempt(prompt_id, lambda: _counted(request))

    def _attempt(self, prompt_id: str, read: Callable[[], RenderRequest]) -> Attempt:
        started = time.perf_counter()
        entry: Entry | None = None
        reference: VersionReference | None = None
        request: RenderRequest | None = None
        try:
            view = self.view()
            self._allowance.spend(view.header.renders_per_second)
            entry = selection.find(view, prompt_id)
            request = read()
            reference = selection.reference(entry, request.version)
            call = _Call(view, prompt_id, entry, request, started)
            return self._rendered(call, reference)
        except PromptError as error:
            return Attempt(entry.name if entry else "", reference.digest if reference else None, error, request)

    def settle(self, attempt: Attempt) -> RenderResponse:
        """Count an attempt and return its answer. Raises what it failed with."""
        outcome = attempt.outcome
        if isinstance(outcome, PromptError):
            self._failed(attempt, outcome)
            raise outcome
        if attempt.instead_of is not None:
            self._failed(attempt, attempt.instead_of)
            self._observer.fell_back(attempt.prompt, attempt.instead_of.reason)
        elif attempt.digest is not None:
            self._observer.succeeded(attempt.prompt, attempt.digest, outcome.processing_time_ms / 1000)
        return outcome

    def _failed(self, attempt: Attempt, error: PromptError) -> None:
        missed = isinstance(error, Unavailable) and not isinstance(error, TooStale) and attempt.prompt != ""
        self._observer.failed(attempt.prompt, attempt.digest, error.reason, missed=missed)

    def prompt(self, prompt_id: str) -> PromptDetail:
        """Answer GET /v1/prompts/{id}."""
        now = self._now()
        return prompt_of(self.view(), prompt_id, self._store.age_seconds(now), self._store.stale(now))

    def versions(self, prompt_id: str) -> VersionList:
        """Answer GET /v1/prompts/{id}/versions."""
        return versions_of(self.view(), prompt_id)

    def version(self, prompt_id: str, version: str) -> VersionDetail:
        """Answer GET /v1/prompts/{id}/versions/{version}, also of a prompt that is disabled: reading is not rendering."""
        return version_of(self.view(), prompt_id, version)

    def declared(self, prompt_id: str) -> tuple[Entry, VersionReference, Content]:
        """Return what a prompt serves now, or what stands in for it, and what that declares.

        Raises PromptError. May be called in any thread.
        """
        view = self.view()
        entry, reference = selection.select(view, prompt_id)
        try:
            return entry, reference, self._plans.of(view, reference.digest).content
        except Unavailable as error:
            if entry.fallback is None:
                raise
            try:
                reference, plan = self._plans.standing_in(view, entry, entry.fallback)
            except PromptError:
                raise error from None
            return entry, reference, plan.content

    def plan(self, view: View, digest: str) -> Plan:
        """Return what a content that the view holds is rendered by. Raises Unavailable. May be called in any thread."""
        return self._plans.of(view, digest)

    def tidy(self) -> None:
        """Drop what was kept ready and nobody has asked for lately. May be called in any thread."""
        self._plans.tidy()

    @property
    def lately(self) -> Lately[Any]:
        """What is kept ready of versions that were asked for by number."""
        return self._plans.lately

    def view(self) -> View:
        """Return what is held now. Raises NotReady."""
        view = self._store.current
        if view is None:
            raise NotReady("nothing has come from the feed yet and there is no snapshot; try again")
        return view

    def _rendered(self, call: _Call, reference: VersionReference) -> Attempt:
        """Render what is served, or what stands in for it."""
        entry, request = call.entry, call.request
        try:
            if entry.max_staleness_s > 0:
                self._refuse_stale(entry)
            answer = self._answer(call, reference, self._plan_of(call, reference))
        except Unavailable as error:
            stand_in = self._stands_in(call, error)
            if stand_in is None:
                raise
            return Attempt(entry.name, reference.digest, stand_in, request, error)
        return Attempt(entry.name, reference.digest, answer, request)

    def _refuse_stale(self, entry: Entry) -> None:
        age = self._store.age_seconds(self._now())
        if entry.max_staleness_s < age:
            raise TooStale(entry, age)

    def _plan_of(self, call: _Call, reference: VersionReference) -> Plan:
        return self._plans.of(call.view, reference.digest, by_number=reference != call.entry.stable)

    def _stands_in(self, call: _Call, error: Unavailable) -> RenderResponse | None:
        """Return what is declared to stand in for a prompt. None: nothing is, or that cannot be rendered either.

        Who asks for a number wants that version, and no other instead.
        """
        entry = call.entry
        if entry.fallback is None or call.request.version is not None:
            return None
        try:
            reference, plan = self._plans.standing_in(call.view, entry, entry.fallback)
            answer = self._answer(call, reference, plan)
        except PromptError:
            return None
        said = Warning(reasons.FALLBACK, f"this stands in for what prompt {entry.name} serves: {error}")
        return msgspec.structs.replace(
            answer,
            cache_hit=False,
            source="fallback",
            stale=True,
            warnings=(said, *(each for each in answer.warnings if each.code != reasons.STALE)),
            render_id=answer.render_id if reference.digest else "",
        )

    def _answer(self, call: _Call, reference: VersionReference, plan: Plan) -> RenderResponse:
        entry, request, now = call.entry, call.request, self._now()
        age, stale = self._store.age_seconds(now), self._store.stale(now)
        chosen = plan.of_model(request.model_provider or provider_of(request.format), request.model_name)
        values = self._plans.filled(entry) if entry.values else None
        filled = values.of(chosen, request.variables) if values is not None else None
        rendered = chosen.render(request.variables, strict=request.strict, filled=filled)
        parameters = values.parameters(chosen) if values is not None else chosen.parameters
        made = payload_of(chosen, rendered, request, reference.digest, parameters)
        warnings = rendered.warnings + made.warnings if made is not None else rendered.warnings
        return RenderResponse(
            prompt_id=call.prompt_id,
            version=reference.version,
            digest=reference.digest,
            rendered_content=rendered.text,
            messages=rendered.messages,
            parameters=parameters,
            variables_used=rendered.variables_used,
            cache_hit=True,
            source=call.view.source,
            age_seconds=round(age, 3),
            stale=stale,
            processing_time_ms=round((time.perf_counter() - call.started) * 1000, 4),
            warnings=(*warnings, _staleness(age)) if stale else warnings,
            render_id=render_id(entry.name, reference.digest),
            model_variant=chosen.variant,
            payload=made.body if made is not None else None,
            values_digest=values.digest if values is not None else None,
            fixed_characters=chosen.fixed if request.prefix_cache else None,
        )


class _Call(NamedTuple):
    """A render of a prompt that is held."""

    view: View
    prompt_id: str
    entry: Entry
    request: RenderRequest
    started: float


def _counted(request: RenderRequest) -> RenderRequest:
    check_count(request.variables)
    return request


def _staleness(age: float) -> Warning:
    return Warning(reasons.STALE, f"the origin has not confirmed this for {age:.0f} s; it may have moved on")
