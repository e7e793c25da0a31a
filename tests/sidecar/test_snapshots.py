"""A snapshot that others may read is told once, and counted; one in memory or under a key says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from promptops.cache.clock import Clock
from promptops.cache.tiers.tier import nobody_counts
from promptops.sidecar.snapshots import snapshots
from promptops.telemetry.sidecar import SidecarMetrics
from tests.cache.scribe import Scribe

DISK, MEMORY = Path("/proc/promptops"), Path("/dev/shm/promptops")
"""Neither is there: nothing is written before there is something to keep."""


@pytest.fixture(autouse=True)
def logs_as_they_come() -> Iterator[None]:
    """Whatever another test has set the logs to."""
    configured = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**configured)


@pytest.mark.parametrize(
    ("directory", "key", "in_clear"),
    [
        pytest.param(DISK, None, True, id="a disk, in the clear"),
        pytest.param(DISK, b"k" * 32, False, id="a disk, sealed"),
        pytest.param(MEMORY, None, False, id="memory"),
        pytest.param(MEMORY, b"k" * 32, False, id="memory, sealed"),
        pytest.param(None, None, False, id="none"),
    ],
)
def test_who_may_read_the_snapshot(directory: Path | None, key: bytes | None, in_clear: bool) -> None:
    metrics = SidecarMetrics(registry := CollectorRegistry())

    with capture_logs() as said:
        snapshots(directory, key, Scribe().verifier, Clock(), metrics.supply, nobody_counts)

    assert [(each["log_level"], each["directory"]) for each in said] == [("warning", str(DISK))] * in_clear
    assert registry.get_sample_value("promptops_snapshot_in_clear") == in_clear
