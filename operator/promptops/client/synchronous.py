"""The client for everything that is not asyncio. Safe to use from several threads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, overload

from promptops.api.http import Health, PromptDetail, PromptSummary, RenderResponse, VersionDetail
from promptops.api.observed import FeedbackAnswer, Outcome
from promptops.client import codec
from promptops.client.caching import CacheStatistics
from promptops.client.codec import Answer, Call
from promptops.client.config import ClientConfig
from promptops.client.configured import ConfiguredClient, Line
from promptops.client.errors import ClientClosedError, PromptOpsError, ValidationError
from promptops.client.exchange import Response
from promptops.client.fallback import checked
from promptops.client.place import Place
from promptops.client.session import Session
from promptops.client.statistics import ClientStatistics
from promptops.client.sync_transport import SyncTransport
from promptops.client.vocabulary import Fallback, ModelCompatibility, PromptValidation, RenderItem


class SyncPromptOpsClient(ConfiguredClient[SyncTransport]):
    """Renders prompts through the sidecar.

        with SyncPromptOpsClient() as client:
            answer = client.render_prompt("greeting", {"name": "Ada"})

    Where the sidecar is: `socket` or `base_url`, else PROMPTOPS_SOCKET or PROMPTOPS_URL, else its own defaults. The
    client may be made before a fork and used in every child after it.
    Everything here, making it included, raises PromptOpsError or one of its kinds, nothing else.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def initialize(self) -> None:
        """Find out whether a sidecar answers, or a mirror does, before it matters, and have what is served here. Raises PromptOpsError.

        Nobody has to call it: renders before it, and those of a sidecar that nobody may follow, are calls.
        """
        found: Health | PromptOpsError
        try:
            found = self.health_check()
        except PromptOpsError as error:
            found = error
        if isinstance(found, Health) or self._session.has_mirror:
            for pause in self._session.until_held():
                time.sleep(pause)
        self._session.check_begun(found)

    def shutdown(self) -> None:
        """The same as `close`."""
        self.close()

    def close(self) -> None:
        """Close every connection; a call on its way still gets its answer."""
        self._closed = True
        self._here = None
        self._end()

    def update_config(self, settings: Mapping[str, Any] | None = None, /, **changes: Any) -> ClientConfig:
        """Change some settings from the next call on, said as ClientConfig.of takes them, and return them all.

        Raises ConfigurationError, and then changes nothing.
        """
        self._use(self._session.succeeding(self.config.changed({**(settings or {}), **changes})))
        return self.config

    def render_prompt(
        self,
        prompt_id: str,
        variables: Mapping[str, Any] | None = None,
        *,
        version: str | None = None,
        strict: bool = False,
        model_provider: str | None = None,
        model_name: str | None = None,
        format: str | None = None,
        prefix_cache: bool = False,
        session: str | None = None,
        fallback: Fallback | None = None,
        use_cache: bool = True,
    ) -> RenderResponse:
        """Render a prompt: its active version, or the one of that number.

        With `strict` a variable that nobody declared is an error instead of a warning. The model chooses among the
        version's variants; with a `format`, as in `openai` or `anthropic`, the answer's `payload` is that provider's own
        request, with `prefix_cache` marked for its prefix cache. `session` is whom it is for. `fallback` is answered
        instead, as it stands, when the prompt is missing, disabled or out of reach: the answer's source is then `fallback`.
        Without `use_cache` the sidecar is asked, whatever is held here.
        """
        if (
            (here := self._here) is not None
            and use_cache
            and version is None
            and session is None
            and format is None
            and model_name is None
            and model_provider is None
            and fallback is None
            and not prefix_cache
            and (quick := here.quick(prompt_id, variables)) is not None
        ):
            return quick
        words, started, current = checked(fallback), time.perf_counter(), self._session
        with current.traced(prompt_id) as traced:
            asked = current.asked(prompt_id, variables)
            try:
                model = codec.ForModel(model_provider, model_name, format, prefix_cache, session)
                call = codec.render_call(prompt_id, variables, version, strict, model)
                answer = current.rendered_here(call) if use_cache and not self._closed else None
                is_local = answer is not None
                if answer is None:
                    answer = self._rendered(call, current)
            except PromptOpsError as error:
                return traced.answered(current.failed(prompt_id, error, words, asked))
            return traced.answered(current.rendered(answer, started, asked, local=is_local))

    def render_batch(self, items: Iterable[RenderItem]) -> list[RenderResponse | PromptOpsError]:
        """Render many prompts with one request: for each item its answer, or the error that it alone would have raised."""
        with self._session.traced_batch() as traced:
            results = traced.answered((self._told(codec.batch_call(items))).items)
        return [codec.result_of(each) for each in results]

    def validate_prompt(
        self, prompt_id: str, variables: Mapping[str, Any] | None = None, *, version: str | None = None
    ) -> PromptValidation:
        """Say whether a render with these variables would be answered; one that nobody declared is wrong here."""
        try:
            answer = self._rendered(codec.render_call(prompt_id, variables, version, True), self._session)
        except ValidationError as error:
            return codec.validation_of(error)
        return codec.validation_of(answer)

    def get_model_compatibility(
        self,
        prompt_id: str,
        model_provider: str | None = None,
        model_name: str | None = None,
        *,
        version: str | None = None,
    ) -> ModelCompatibility:
        """Say for which models a prompt, or one version of it, says something of its own, and which of them answers for this one."""
        found: PromptDetail | VersionDetail
        found = self.get_prompt(prompt_id) if version is None else self.get_prompt(prompt_id, version)
        return codec.compatibility_of(found, model_provider, model_name)

    def send_feedback(self, render_id: str, outcome: Outcome, score: float | None = None) -> FeedbackAnswer:
        """Say what came of a render: `success` or `failure`, and perhaps how good it was, from 0 to 1."""
        return self._answer(codec.feedback_call(render_id, outcome, score))

    def get_stats(self) -> ClientStatistics:
        """Return what this client has done in this process. Asks nobody."""
        return self._session.statistics()

    def get_cache_stats(self) -> CacheStatistics:
        """Return what this process holds to render from, and how often that sufficed. Asks nobody."""
        return self._session.cached()

    def clear_cache(self) -> None:
        """Forget what this process holds; it is fetched anew, and renders are calls until it is there."""
        self._session.clear()

    @overload
    def get_prompt(self, prompt_id: str, version: None = None) -> PromptDetail: ...
    @overload
    def get_prompt(self, prompt_id: str, version: str) -> VersionDetail: ...
    def get_prompt(self, prompt_id: str, version: str | None = None) -> PromptDetail | VersionDetail:
        """Return a prompt with the content of its active version, or the version of that number."""
        if version is not None:
            return self._told(codec.version_call(prompt_id, version))
        return self._told(codec.prompt_call(prompt_id))

    def list_prompts(self, *, skip: int = 0, limit: int | None = None) -> tuple[PromptSummary, ...]:
        """Return every prompt that can be rendered, sorted by name, or `limit` of them after the first `skip`. The sidecar answers all."""
        return codec.page_of((self._told(codec.list_call())).prompts, skip, limit)

    def health_check(self) -> Health:
        """Return how the sidecar and what it depends on stand."""
        return self._answer(codec.health_call())

    def _rendered(self, call: Call[RenderResponse], session: Session) -> RenderResponse:
        hasty = session.has_instead(call)
        try:
            return self._answer(call, hasty=hasty)
        except PromptOpsError as error:
            for pause in session.until_mirrored(error):
                time.sleep(pause)
            return session.instead(call, error)

    def _told(self, call: Call[Answer]) -> Answer:
        session = self._session
        try:
            return self._answer(call)
        except PromptOpsError as error:
            for pause in session.until_mirrored(error):
                time.sleep(pause)
            return session.told(call, error)

    def _answer(self, call: Call[Answer], *, hasty: bool = False) -> Answer:
        if self._closed:
            raise ClientClosedError
        session, lines = self._route
        attempts = session.attempts(hasty=hasty)
        while True:
            try:
                with session.guarded(attempts) as chosen:
                    return codec.read(call, self._ask(call, lines[chosen], session, session.seconds(attempts)))
            except PromptOpsError as error:
                pause = session.pause_after(error, attempts)
            time.sleep(pause)

    def _ask(self, call: Call[Any], line: Line[SyncTransport], session: Session, seconds: float) -> Response:
        place = line.place
        if place.tls or not call.is_hot:
            return line.occasional.ask(call, seconds)
        try:
            return line.hot.ask(call.question(place, session.token()), seconds)
        except codec.FAILURES as failure:
            raise codec.error_of_failure(failure, place) from failure

    def _transport(self, place: Place, session: Session) -> SyncTransport:
        return SyncTransport(place, session.config.max_connections, patient=len(session.places) == 1)
