"""What a user sets: where a client finds its sidecar and how long it waits for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from promptops.client.breaker import CircuitBreakerConfig
from promptops.client.caching import CacheConfig, CacheLevel, RedisConfig
from promptops.client.errors import ConfigurationError, PromptOpsError
from promptops.client.outliers import EjectionConfig
from promptops.client.place import Place, at_socket, at_url
from promptops.client.plain import in_our_words, unknown
from promptops.client.retrying import RetryConfig
from promptops.client.telemetry import TelemetryConfig
from promptops.client.token import BearerToken
from promptops.settings.client import ClientSettings

DEFAULT_BASE_URL: Final = "http://127.0.0.1:8181"
DEFAULT_SOCKET: Final = Path("/run/promptops/promptops.sock")
"""Used when it is there and nothing else was chosen."""
_LONGEST_TIMEOUT_SECONDS: Final = 86_400
MAX_ENDPOINTS: Final = 64
_PLACES: Final[dict[str, Any]] = {"socket": None, "base_url": None, "endpoints": ()}
"""What says where a sidecar is, and how it says nothing."""


@dataclass(frozen=True)
class ClientConfig:
    """A client's settings. Raises ConfigurationError for what cannot be.

    With neither `socket` nor `base_url` the environment decides (PROMPTOPS_SOCKET, else PROMPTOPS_URL); without it the
    sidecar's default socket is used when it is there, else its default address.
    """

    socket: str | Path | None = None
    """Unix socket of the sidecar."""
    base_url: str | None = None
    """URL of the sidecar. Behind https every call makes a connection of its own."""
    endpoints: Sequence[str] = ()
    """URLs of several that answer alike, as replicas of a gateway do, in the place of one. An attempt that fails is made again at another."""
    ejection: EjectionConfig = field(default_factory=EjectionConfig)
    """When one of several endpoints is left out for a while."""
    token: str | None = field(default=None, repr=False)
    """Shown with every call, as to a gateway; a sidecar next door asks for none."""
    token_file: str | Path | None = None
    """Where a token stands that is renewed from time to time."""
    timeout_seconds: float = 5.0
    """How long a render may take: waiting for a connection, connecting, sending and the answer together, beside the
    system's look-up of a host that is a name. So long, too, a sidecar that has answered before is asked again when it is
    gone. For other calls, how long each of these steps may take."""
    max_connections: int = 100
    """Renders on the way at the same time, to each endpoint; further ones wait. In asyncio, for each event loop."""
    retry: RetryConfig = field(default_factory=RetryConfig)
    """When a call is made again. All attempts of a render together keep to `timeout_seconds`; of several endpoints each is given its
    share of what is left, so that one that hangs leaves time for another."""
    breaker: CircuitBreakerConfig | None = field(default_factory=CircuitBreakerConfig)
    """When no call is made for a while; None: always one is made. It never opens for a socket. It counts the attempts of the client,
    at whichever endpoint: it opens when they fail at all of them."""
    cache: CacheConfig = field(default_factory=CacheConfig)
    """What is held in the process, to render from."""
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    """What OpenTelemetry is told of renders."""

    def __new__(cls, *_: Any, **settings: Any) -> Self:
        """Raises ConfigurationError for a setting that there is not."""
        if strange := sorted(settings.keys() - cls.__dataclass_fields__.keys()):
            raise unknown(strange)
        return super().__new__(cls)

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None = None, /, **more: Any) -> Self:
        """Return the settings that plain data says, as a file of YAML or JSON has it: `cache` and the other parts as mappings,
        `timeout` and `api_key` as other clients name what is `timeout_seconds` and `token` here. Raises ConfigurationError."""
        return cls(**in_our_words({**(settings or {}), **more}))

    def __post_init__(self) -> None:
        """Refuse what cannot be, before a call fails with it."""
        _check_number("timeout_seconds", self.timeout_seconds, (int, float), _LONGEST_TIMEOUT_SECONDS)
        _check_number("max_connections", self.max_connections, int, 100_000)
        _check_kind("retry", self.retry, RetryConfig)
        _check_number("retry.attempts", self.retry.attempts, int, 100)
        _check_number("retry.base_seconds", self.retry.base_seconds, (int, float), _LONGEST_TIMEOUT_SECONDS)
        _check_number("retry.most_seconds", self.retry.most_seconds, (int, float), _LONGEST_TIMEOUT_SECONDS)
        _check_kind("cache", self.cache, CacheConfig)
        _check_kind("cache.level", self.cache.level, CacheLevel)
        _check_number("cache.ttl", self.cache.ttl, (int, float), _LONGEST_TIMEOUT_SECONDS)
        _check_number("cache.max_size", self.cache.max_size, int, 1_000_000)
        if self.cache.redis is not None:
            _check_kind("cache.redis", self.cache.redis, RedisConfig)
        _check_telemetry(self.telemetry)
        if self.breaker is not None:
            _check_breaker(self.breaker)
        if self.socket is not None and self.base_url is not None:
            raise ConfigurationError("give socket or base_url, not both")
        _check_endpoints(self)
        if self.token is not None and self.token_file is not None:
            raise ConfigurationError("give token or token_file, not both")
        BearerToken(self.token, self.token_file)
        self._chosen()

    def changed(self, said: Mapping[str, Any]) -> ClientConfig:
        """Return the settings with some of them changed, said as `of` takes them; another place takes the place of this one.

        Raises ConfigurationError.
        """
        changes = in_our_words(said)
        if strange := sorted(changes.keys() - self.__dataclass_fields__.keys()):
            raise unknown(strange)
        if chosen := next((name for name in _PLACES if changes.get(name)), None):
            changes = {**{name: unset for name, unset in _PLACES.items() if name != chosen}, **changes}
        return replace(self, **changes)

    def places(self) -> tuple[Place, ...]:
        """Return where a sidecar is asked: one place, or several that answer alike. Raises ConfigurationError as `place` does."""
        several = tuple(at_url(url, f"endpoints[{index}]") for index, url in enumerate(self.endpoints))
        return several or (self.place(),)

    def place(self) -> Place:
        """Return where the sidecar is asked. Raises ConfigurationError when the environment names no possible place."""
        if chosen := self._chosen():
            return chosen
        settings = ClientSettings.from_environment()
        if settings.socket is not None:
            return at_socket(settings.socket, "PROMPTOPS_SOCKET")
        if settings.url is not None:
            return at_url(settings.url, "PROMPTOPS_URL")
        if _is_socket(DEFAULT_SOCKET):
            return at_socket(DEFAULT_SOCKET, "socket")
        return at_url(DEFAULT_BASE_URL, "base_url")

    def _chosen(self) -> Place | None:
        if self.socket is not None:
            return at_socket(self.socket, "socket")
        return None if self.base_url is None else at_url(self.base_url, "base_url")


def settled(config: Any, socket: Any, base_url: Any) -> ClientConfig:
    """Return the configuration that the arguments of a client stand for. Raises ConfigurationError."""
    if config is None:
        return ClientConfig(socket=socket, base_url=base_url)
    if isinstance(config, Mapping):
        config = ClientConfig.of(config)
    if not isinstance(config, ClientConfig):
        hint = f": did you mean {_meant(config)}?" if isinstance(config, (str, os.PathLike)) else ""
        raise ConfigurationError(f"the first argument is a {type(config).__name__}, not a ClientConfig{hint}")
    if socket is not None or base_url is not None:
        raise ConfigurationError("give socket and base_url within the ClientConfig, or no ClientConfig")
    return config


def _meant(config: str | os.PathLike[str]) -> str:
    named = "base_url" if isinstance(config, str) and "://" in config else "socket"
    return f"{named}={os.fspath(config)!r}"


def _check_breaker(config: Any) -> None:
    _check_kind("breaker", config, CircuitBreakerConfig)
    _check_number("breaker.failure_threshold", config.failure_threshold, int, 1_000_000)
    _check_number("breaker.success_threshold", config.success_threshold, int, 1_000_000)
    _check_number("breaker.recovery_timeout", config.recovery_timeout, (int, float), _LONGEST_TIMEOUT_SECONDS)
    kinds = config.expected_exception
    if not isinstance(kinds, tuple) or not all(
        isinstance(kind, type) and issubclass(kind, PromptOpsError) for kind in kinds
    ):
        raise ConfigurationError("breaker.expected_exception must be a tuple of PromptOpsError and its kinds")


def _check_endpoints(config: ClientConfig) -> None:
    given, ejection = config.endpoints, config.ejection
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ConfigurationError(f"endpoints must be a list of URLs, not {type(given).__name__}")
    if given and (config.socket is not None or config.base_url is not None):
        raise ConfigurationError("give endpoints, or socket or base_url, not both")
    names = [at_url(url, f"endpoints[{index}]").url for index, url in enumerate(given)]
    if len(set(names)) < len(names) or len(names) > MAX_ENDPOINTS:
        raise ConfigurationError(f"endpoints must be at most {MAX_ENDPOINTS}, and no two the same")
    _check_kind("ejection", ejection, EjectionConfig)
    _check_number("ejection.failures", ejection.failures, int, 1_000_000)
    _check_number("ejection.base_seconds", ejection.base_seconds, (int, float), _LONGEST_TIMEOUT_SECONDS)
    _check_number("ejection.most_seconds", ejection.most_seconds, (int, float), _LONGEST_TIMEOUT_SECONDS)
    _check_share("ejection.most_share", ejection.most_share)


def _check_share(name: str, share: Any) -> None:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ConfigurationError(f"{name} must be a number from 0 to 1, not {_shown(share)}")


def _check_telemetry(config: Any) -> None:
    _check_kind("telemetry", config, TelemetryConfig)
    _check_kind("telemetry.enabled", config.enabled, bool)
    _check_share("telemetry.sample_rate", config.sample_rate)


def _check_kind(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be a {kind.__name__}, not {type(value).__name__}")


def _check_number(name: str, value: Any, kind: type | tuple[type, ...], most: int) -> None:
    is_number = isinstance(value, kind) and not isinstance(value, bool)
    if not (is_number and 0 < value <= most):
        whole = "a whole number" if kind is int else "a number"
        raise ConfigurationError(f"{name} must be {whole} above 0 and at most {most}, not {_shown(value)}")


def _shown(value: object) -> str:
    try:
        return ascii(value)[:80]
    except Exception:  # a number of too many digits, or whatever an object of somebody else's raises
        return f"this {type(value).__name__}"


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:
        return False
