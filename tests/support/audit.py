"""The API server's own account of who did what: its audit log, read to a moment of our own."""

from __future__ import annotations

import json
import secrets
from typing import Any

from promptops.cluster.resources import NAMESPACES
from promptops.dev.plane import Plane
from tests.support.waiting import wait_until


def position(plane: Plane) -> int:
    """Return a place in the log, from which on it can be read later."""
    return plane.audit_log.stat().st_size


def audited(plane: Plane, since: int = 0) -> list[dict[str, Any]]:
    """Return what was asked of the API server since then, up to a question of ours.

    What a request changed can be seen a moment before the request is in the log; and a line that is being written is no line yet.
    """
    ours = secrets.token_hex(8)
    plane.ask(f"{NAMESPACES.path(None, 'default')}?ours={ours}")
    return [json.loads(line) for line in wait_until(lambda: _lines(plane, since, ours), "our own question in the log")]


def _lines(plane: Plane, since: int, ours: str) -> list[bytes]:
    """Return the whole lines from a place on; none before ours is among them."""
    with plane.audit_log.open("rb") as log:
        log.seek(max(0, since - 1))
        if since and log.read(1) != b"\n":
            log.readline()
        lines = log.read().split(b"\n")[:-1]
    return lines if any(ours.encode() in line for line in reversed(lines)) else []
