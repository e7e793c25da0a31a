"""Settings of what a process logs, the same for every role."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from promptops.settings.environment import SettingsError

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("auto", "json", "text")


@dataclass(frozen=True)
class LogSettings:
    """How much is logged, and for whom."""

    level: str
    """One of LEVELS: what is less grave is not logged."""
    format: str
    """One of FORMATS. json: an object a line; text: for people; auto: text when a terminal is looking."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> LogSettings:
        """Read PROMPTOPS_LOG_LEVEL and PROMPTOPS_LOG_FORMAT.

        Raises SettingsError naming the variable when one has an impossible value.
        """
        return cls(
            level=_one_of(environ, "PROMPTOPS_LOG_LEVEL", LEVELS, "info"),
            format=_one_of(environ, "PROMPTOPS_LOG_FORMAT", FORMATS, "auto"),
        )


def _one_of(environ: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = environ.get(name) or default
    if value not in allowed:
        raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
    return value
