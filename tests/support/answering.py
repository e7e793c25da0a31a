"""Answers and the data listener inside the test's own process, over a store of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from promptops.api.http import Health
from promptops.cache.store import Store
from promptops.cache.view import View
from promptops.reader.answers import Answers
from promptops.reader.statistics import RenderStatistics
from promptops.reader.tally import Tally
from promptops.sidecar.counting import Counting
from promptops.sidecar.data import DataApp
from promptops.sidecar.events import EventHub
from promptops.sidecar.guard import Guard
from promptops.telemetry.sidecar import SidecarMetrics
from promptops.workspace.standalone import Standalone
from tests.workspace.test_standalone import found

HEALTHY = Health("healthy", {}, 1, None, False)


def counting(tally: Tally | None = None) -> Counting:
    """What counts renders, from nothing."""
    return Counting(SidecarMetrics().prompts, tally or Tally(), RenderStatistics(time.monotonic))


def view_of(*manifests: Mapping[str, Any], seq: int = 1) -> View:
    """What a directory with these manifests serves."""
    cluster = Standalone()
    cluster.apply(found(map(dict, manifests)))
    decided = cluster.decide(datetime(2026, 1, 1, tzinfo=UTC))
    return View.unsigned(decided.entries, decided.blobs, seq, namespace="team", tenant="team")


def data_app(
    store: Store, worker: ThreadPoolExecutor, tally: Tally | None = None, health: Callable[[], Health] = lambda: HEALTHY
) -> DataApp:
    """The data listener's application over a store."""
    counted = counting(tally)
    answers = Answers(store, counted, lambda: 0.0)
    return DataApp(answers, health, Guard(check_host=True), worker, counted, EventHub(store))
