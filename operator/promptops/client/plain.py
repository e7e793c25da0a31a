"""Settings as plain data, as a file of YAML or JSON has them: parts are mappings, and others' names for a setting are understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from promptops.client.breaker import CircuitBreakerConfig
from promptops.client.caching import CacheConfig, RedisConfig
from promptops.client.errors import ConfigurationError
from promptops.client.outliers import EjectionConfig
from promptops.client.retrying import RetryConfig
from promptops.client.telemetry import TelemetryConfig

OTHER_WORDS: Final[dict[str, str]] = {"timeout": "timeout_seconds", "api_key": "token"}
"""What other clients call a setting, and what it is called here."""
_PARTS: Final[dict[str, type[Any]]] = {
    "breaker": CircuitBreakerConfig,
    "cache": CacheConfig,
    "cache.redis": RedisConfig,
    "ejection": EjectionConfig,
    "retry": RetryConfig,
    "telemetry": TelemetryConfig,
}


def in_our_words(said: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Return settings by our names for them, their parts made. Raises ConfigurationError, which names what cannot be."""
    if wrong := next((name for name in said if not isinstance(name, str)), None):
        raise ConfigurationError(f"a setting is named by a text, not by {ascii(wrong)[:80]}")
    words = {} if within else OTHER_WORDS
    if twice := next((word for word in words if word in said and words[word] in said), None):
        raise ConfigurationError(f"{twice} and {words[twice]} are one setting: give it once")
    return {words.get(name, name): _part(f"{within}{name}", value) for name, value in said.items()}


def unknown(names: list[str]) -> ConfigurationError:
    """Return the error for settings that there are not."""
    meant = [f"{name} is {OTHER_WORDS[name]} here" for name in names if name in OTHER_WORDS]
    hint = f" ({', '.join(meant)}, or use ClientConfig.of)" if meant else ""
    return ConfigurationError(f"there are no such settings: {', '.join(names)}{hint}")


def _part(name: str, value: Any) -> Any:
    make = _PARTS.get(name)
    if make is None or not isinstance(value, Mapping):
        return value
    given = in_our_words(value, f"{name}.")
    try:
        return make(**given)
    except TypeError:
        known = {field.name for field in fields(make)}
        if strange := sorted(f"{name}.{each}" for each in given.keys() - known):
            raise unknown(strange) from None
        raise ConfigurationError(f"{name} lacks a setting that it cannot be without") from None
