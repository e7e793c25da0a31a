"""What both clients have in common beside the calls: settings, where to ask, what was counted, when to try again. No network."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from promptops.api.http import Health, RenderedMessage, RenderResponse
from promptops.api.observed import PromptEvent
from promptops.client import codec, fallback
from promptops.client.breaker import CircuitBreaker
from promptops.client.caching import CacheStatistics, RedisConfig
from promptops.client.codec import Answer, Call
from promptops.client.config import ClientConfig
from promptops.client.connections import OfThisProcess
from promptops.client.errors import CacheError, ConfigurationError, PromptOpsError
from promptops.client.events import Subscriptions
from promptops.client.outliers import Endpoints
from promptops.client.retrying import Attempts, RetryConfig
from promptops.client.statistics import CallCounts, ClientStatistics
from promptops.client.telemetry import Telemetry, Traced, TracedBatch
from promptops.client.token import BearerToken
from promptops.settings.client import MirrorSettings
from promptops.settings.environment import SettingsError

if TYPE_CHECKING:
    from promptops.client.in_process.mirrored import MirrorSource
    from promptops.client.in_process.renderer import Renderer

HASTY_SECONDS: Final = 0.25
"""So long the sidecar is asked for what this process could answer too."""
INITIAL_SECONDS: Final = 2.0
"""So long a beginning waits for what the sidecar holds."""
_LOOK_SECONDS: Final = 0.005
_OK: Final = "ok"
_ONCE: Final = RetryConfig(attempts=1)


class Session:
    """A client's state for one configuration. Counts go on with the next one. Each process has counts and a breaker of its own."""

    def __init__(self, config: ClientConfig, before: Session | None = None) -> None:
        """`before`: whose place this one takes. Raises ConfigurationError when the environment names no possible place."""
        self.config = config
        self.places = config.places()
        self.place = self.places[0]
        self.token = BearerToken(config.token, config.token_file)
        self.counts: OfThisProcess[CallCounts] = before.counts if before is not None else OfThisProcess(CallCounts)
        self.subscriptions: Subscriptions = before.subscriptions if before is not None else Subscriptions()
        self._breaker = OfThisProcess(self._made)
        self._endpoints = OfThisProcess(self._balanced)
        held = before.here if before is not None and before.place == self.place else None
        held = held if held is not None and held.cache == config.cache else None
        self.here: Renderer | None = held or self._renderer()
        """What renders in this process, or only where the sidecar is away; None: the sidecar is asked each time."""
        told = before.telemetry if before is not None and before.config.telemetry == config.telemetry else None
        self.telemetry: Telemetry | None = told or Telemetry(config.telemetry) if config.telemetry.enabled else None

    def succeeding(self, config: ClientConfig) -> Session:
        """Return the session with other settings. Raises ConfigurationError."""
        return Session(config, self)

    @property
    def quick(self) -> Renderer | None:
        """What answers a usual render without a word to anybody; None while somebody wants to be told."""
        return None if self.subscriptions.are_any or self.telemetry is not None else self.here

    def left_for(self, other: Session) -> None:
        """End what the other session, which takes the place of this one, does not go on with."""
        if self.here is not None and self.here is not other.here:
            self.here.close()

    def close(self) -> None:
        """End what goes on by itself."""
        self.subscriptions.close()
        if self.here is not None:
            self.here.close()

    def attempts(self, *, hasty: bool = False) -> Attempts:
        """Begin a call; a hasty one may fail, for something is held that can be answered instead."""
        if hasty:
            return Attempts(_ONCE, min(HASTY_SECONDS, self.config.timeout_seconds))
        return Attempts(self.config.retry, self.config.timeout_seconds)

    def until_held(self) -> Iterator[float]:
        """Yield how long to wait before the next look, until what the sidecar serves is held in this process, or for a while."""
        until = time.monotonic() + min(INITIAL_SECONDS, self.config.timeout_seconds)
        while self.here is not None and not self.here.is_settled and time.monotonic() < until:
            yield _LOOK_SECONDS

    def until_mirrored(self, error: PromptOpsError) -> Iterator[float]:
        """Yield how long to wait before the next look, after that error, while nothing is held and the mirror may say in a moment what."""
        until = time.monotonic() + min(INITIAL_SECONDS, self.config.timeout_seconds)
        while self.here is not None and self.here.may_still_answer(error) and time.monotonic() < until:
            yield _LOOK_SECONDS

    def rendered_here(self, call: Call[RenderResponse]) -> RenderResponse | None:
        """Answer in this process. None: the sidecar has to be asked. Raises PromptOpsError."""
        return self.here.current(call.prompt_id, call.body or b"") if self.here is not None else None

    def has_instead(self, call: Call[Any]) -> bool:
        """Whether something is held to answer with if the sidecar does not."""
        return self.here is not None and bool(call.prompt_id) and self.here.holds(call.prompt_id)

    def instead(self, call: Call[RenderResponse], error: PromptOpsError) -> RenderResponse:
        """Answer with what is held in this process instead of an answer that did not come. Raises the error when there is nothing."""
        if self.here is None:
            raise error
        return self.here.instead(call.prompt_id, call.body or b"", error)

    def told(self, call: Call[Answer], error: PromptOpsError) -> Answer:
        """Answer another call from what the mirror said instead. Raises the error when there is nothing."""
        if self.here is None:
            raise error
        return codec.read(call, self.here.told(call, error))

    @contextmanager
    def guarded(self, attempts: Attempts) -> Iterator[int]:
        """Let one attempt through, choose where it goes, and see how it ends. Raises CircuitOpenError."""
        breaker, endpoints = self._breaker.get(), self._endpoints.get()
        with (
            breaker.call() if breaker is not None else nullcontext(),
            endpoints.call(attempts.tried) if endpoints is not None else nullcontext(0) as chosen,
        ):
            yield chosen

    def seconds(self, attempts: Attempts) -> float:
        """Return for how long the next attempt may take."""
        return attempts.share if len(self.places) > 1 else attempts.left

    def pause_after(self, error: PromptOpsError, attempts: Attempts) -> float:
        """Return after how many seconds to try again. Raises the error when that is useless."""
        pause = attempts.pause_after(error)
        if pause is None:
            raise error
        self.counts.get().retries += 1
        return pause

    def traced(self, prompt_id: Any) -> AbstractContextManager[Traced]:
        """Tell OpenTelemetry of the render that the block is, if it wants to know."""
        return self.telemetry.render(prompt_id) if self.telemetry is not None else nullcontext(Traced())

    def traced_batch(self) -> AbstractContextManager[TracedBatch]:
        """Do the same for a batch."""
        return self.telemetry.batch() if self.telemetry is not None else nullcontext(TracedBatch())

    def check_begun(self, found: Health | PromptOpsError) -> None:
        """Raise what is wrong at the beginning, given what the sidecar says or why it does not.

        CacheError when the mirror in Redis is wanted and cannot be used; the error where neither sidecar nor mirror is there.
        """
        own, is_wanted = self._own_mirror(), self.config.cache.level.has_mirror
        if own is not None and self.here is not None and self.here.mirror is not None:
            if own != _OK:
                aside = f"; beside it: {found}" if isinstance(found, PromptOpsError) else ""
                raise CacheError(f"{self.here.mirror.name} cannot be used: {own}{aside}", "redis", retryable=True)
            if isinstance(found, PromptOpsError) and self.here.local().view is None:
                raise found
        elif isinstance(found, PromptOpsError):
            raise found
        elif is_wanted:
            self._check_its_mirror(found)

    @property
    def has_mirror(self) -> bool:
        """Whether this process reads a mirror by itself."""
        return self.here is not None and self.here.mirror is not None

    def _own_mirror(self) -> str | None:
        """Return how the mirror stands that this process reads; None when it reads none."""
        mirror = self.here.local().following.mirror if self.here is not None else None
        return mirror.state if mirror is not None else None

    def _check_its_mirror(self, health: Health) -> None:
        mirror = health.dependencies.get("redis")
        if mirror is None:
            why = "keeps no mirror in Redis: give it one, or choose another cache.level"
            raise CacheError(f"the sidecar at {self.place.name} {why}", "redis", retryable=False)
        if mirror != _OK:
            raise CacheError(f"the sidecar at {self.place.name} cannot use Redis: {mirror}", "redis", retryable=True)

    def asked(self, prompt_id: Any, variables: Any) -> PromptEvent | None:
        """Tell that a render is asked for; None when nobody wants to know."""
        if not self.subscriptions.are_any:
            return None
        view = self.here.local().view if self.here is not None else None
        return self.subscriptions.asked(prompt_id, variables, view.header.tenant if view is not None else "")

    def rendered(
        self, answer: RenderResponse, started: float, asked: PromptEvent | None, *, local: bool = False
    ) -> RenderResponse:
        """Count a render that was answered, tell it, and return the answer."""
        seconds = time.perf_counter() - started
        self.counts.get().rendered(seconds, local=local)
        if asked is not None:
            self.subscriptions.answered(asked, answer, seconds)
        return answer

    def failed(
        self,
        prompt_id: str,
        error: PromptOpsError,
        words: tuple[RenderedMessage, ...] | None,
        asked: PromptEvent | None,
    ) -> RenderResponse:
        """Count a render that was not answered, tell it, and return the application's own words. Raises the error without any."""
        counts = self.counts.get()
        counts.failed(error.error_code)
        if asked is not None:
            self.subscriptions.refused(asked, error)
        if words is None or not fallback.covers(error):
            raise error
        counts.fallbacks += 1
        return fallback.answered(prompt_id, words, error)

    def clear(self) -> None:
        """Forget what is held in this process; it is fetched anew."""
        if self.here is not None:
            self.here.clear()

    def cached(self) -> CacheStatistics:
        """Return what is held in this process, and how often it sufficed."""
        done = self.statistics()
        local = self.here.local() if self.here is not None else None
        view = local.view if local is not None else None
        lately = local.lately if local is not None else None
        return CacheStatistics(
            level=self.config.cache.level,
            hits=done.local,
            misses=done.succeeded - done.local,
            hit_rate=round(done.local / done.succeeded, 4) if done.succeeded else 1.0,
            prompts=len(view.entries) if view is not None else 0,
            contents=len(view.blobs) if view is not None else 0,
            size=len(lately) if lately is not None else 0,
            max_size=self.config.cache.max_size,
            evictions=lately.evictions if lately is not None else 0,
            expirations=lately.expirations if lately is not None else 0,
            is_current=local is not None and local.is_current,
            age_seconds=local.age_seconds if local is not None and view is not None else None,
            redis=self._own_mirror(),
            redis_errors=local.following.mirror_errors if local is not None else {},
        )

    def statistics(self) -> ClientStatistics:
        """Return what was counted in this process."""
        breaker = self._breaker.get()
        circuit, told = breaker.state if breaker is not None else None, self.subscriptions
        endpoints = self._endpoints.get()
        return self.counts.get().summary(
            circuit,
            events_missed=told.missed,
            events_failed=told.failed,
            endpoints=endpoints.statistics() if endpoints is not None else (),
        )

    def _renderer(self) -> Renderer | None:
        cache = self.config.cache
        mirror = _mirror(cache.redis) if cache.level.has_mirror else None
        path = self.place.socket if cache.level.is_local else None
        if path is None and mirror is None:
            return None
        # Before there is a thread: a child that is forked while one loads something waits for it for ever.
        from promptops.client.in_process.renderer import Renderer

        return Renderer(path, self.counts.get, cache, mirror)

    def _balanced(self) -> Endpoints | None:
        names = tuple(place.name for place in self.places)
        return Endpoints(names, self.config.ejection) if len(names) > 1 else None

    def _made(self) -> CircuitBreaker | None:
        wanted = self.config.breaker if self.place.socket is None else None
        return CircuitBreaker(wanted) if wanted is not None else None


def _mirror(config: RedisConfig | None) -> MirrorSource | None:
    """Return the mirror that this process is to read by itself; None: none is named. Raises ConfigurationError."""
    try:
        told = config or MirrorSettings.from_environment()
    except SettingsError as error:
        raise ConfigurationError(str(error)) from None
    if told is None:
        return None
    if missing := [package for package in ("redis", "cryptography") if importlib.util.find_spec(package) is None]:
        raise ConfigurationError(
            f"a mirror in Redis is to be read and {' and '.join(missing)} not installed: pip install 'promptops[redis]', or "
            "choose another cache.level"
        )
    from promptops.client.in_process.mirrored import MirrorSource

    return MirrorSource.of(told)
