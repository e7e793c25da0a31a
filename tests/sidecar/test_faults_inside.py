"""A fault of ours is a problem for the caller and a line in the log: no trace, no value."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import structlog

from promptops.api.http import Health
from promptops.cache.store import Store
from promptops.telemetry.logging import configure
from tests.support.answering import data_app
from tests.support.serving import served

CANARY = "canary-value-5f1d"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as outside of a terminal."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.basicConfig(force=True)


@pytest.fixture
async def asking() -> AsyncIterator[httpx.AsyncClient]:
    """A data listener whose health report fails."""

    def health() -> Health:
        raise RuntimeError(CANARY)

    app = data_app(Store(), ThreadPoolExecutor(1), health=health)
    async with served(app) as running, httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        yield client


async def test_a_bug_is_a_problem_that_says_nothing(asking: httpx.AsyncClient, log: io.StringIO) -> None:
    answer = await asking.get("/v1/health")

    assert answer.status_code == 500
    assert answer.json() == {
        "title": "Internal error",
        "status": 500,
        "code": "InternalError",
        "detail": "the server failed to answer; its log says where",
    }
    (line,) = log.getvalue().splitlines()
    logged = json.loads(line)
    assert (logged["event"], logged["error"], logged["level"]) == ("request failed", "RuntimeError", "error")
    assert logged["at"].startswith("tests.sidecar.test_faults_inside:")
    assert CANARY not in line


def test_what_a_library_logs_has_no_trace_either(log: io.StringIO) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    (line,) = log.getvalue().splitlines()
    assert json.loads(line)["error"] == "ValueError"
    assert CANARY not in line


def test_a_forged_line_stays_in_its_own(log: io.StringIO) -> None:
    structlog.get_logger().warning("file\n{}", place='a\r\n{"event": "forged"}\u2028.yaml')

    (line,) = log.getvalue().splitlines()
    assert json.loads(line)["place"].startswith("a\r\n")


def test_libraries_do_not_chat(log: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: POST http://localhost")

    assert log.getvalue() == ""
