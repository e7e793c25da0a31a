"""Logs: one line of JSON per fact, with keys; on a terminal, for people. No prompt text, no values, no stack traces."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

Fact = MutableMapping[str, Any]


def configure(stream: TextIO = sys.stderr, level: int = logging.INFO, levels: Mapping[str, int] | None = None) -> None:
    """Send every log of this process to `stream`. `levels` quiets libraries that report what we report ourselves."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_stack_trace,
    ]
    renderer = structlog.dev.ConsoleRenderer() if stream.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, quiet in (levels or {}).items():
        logging.getLogger(name).setLevel(quiet)


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a part."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _without_stack_trace(_logger: object, _method: str, fact: Fact) -> Fact:
    """Say what an exception was, in one line."""
    given = fact.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        fact.setdefault("error", f"{type(error).__name__}: {error}")
    fact.pop("stack_info", None)
    return fact
