"""Logs: one event per fact, with keys; lines of JSON, or colours when somebody is looking. No prompt text, no values."""

import atexit
import logging
import sys
from typing import Final, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from promptops.telemetry.outlet import LogOutlet

_STANDARD_ERROR: Final = 2
_LIBRARIES = ("httpx", "httpcore", "asyncio", "kopf", "aiohttp")


def configure(level: str = "info", stream: TextIO | None = None, form: str = "auto") -> LogOutlet:
    """Send what this process and its libraries log to standard error, which nobody waits for; return what takes it there.

    `form` is json, text or auto. A stream of one's own is written to at once.
    """
    outlet = LogOutlet(_STANDARD_ERROR)
    atexit.register(outlet.close)
    _send_to(stream or outlet, level, form)
    return outlet


def set_level(level: str) -> None:
    """Log what is of this level or graver from now on; what takes it stays."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=structlog.get_config()["processors"],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.get_config()["logger_factory"],
        cache_logger_on_first_use=False,
    )
    for logger in (logging.getLogger(), *map(logging.getLogger, _LIBRARIES)):
        if logger.level < logging.CRITICAL:  # who was silenced stays silent
            logger.setLevel(max(threshold, logging.WARNING))


def _send_to(stream: TextIO | LogOutlet, level: str, form: str) -> None:
    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _without_traceback if threshold > logging.DEBUG else structlog.processors.format_exc_info,
    ]
    renderer = _renderer(stream, form)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, stream)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(cast(TextIO, stream))
    logging.raiseExceptions = False  # what cannot be logged is not worth a trace on standard error
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(max(threshold, logging.WARNING))


def _renderer(stream: TextIO | LogOutlet, form: str) -> Processor:
    if form == "text" or (form == "auto" and stream.isatty()):
        return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(sort_keys=False)


def _without_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say which error it was and where. Its message and frames may hold values."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["at"] = _place(error)
    return event


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else ""
