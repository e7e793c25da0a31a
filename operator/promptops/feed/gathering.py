"""What a relay hears from those who follow it, passed on each second: whose instance it is, and what it serves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from promptops.api import reasons
from promptops.api.feed import MAX_RELAYED_RENDERS, Relayed, RelayedBatch, RenderCounters, Report, Signed
from promptops.feed.authentication import Caller
from promptops.feed.channel import milliseconds
from promptops.feed.connection import Upstream
from promptops.feed.hop import Disconnected
from promptops.feed.reporter import Refused, nobody_told
from promptops.feed.reports import Reports

PASS_ON_SECONDS: Final = 1.0
MAX_BATCH: Final = 200
MAX_BATCH_BYTES: Final = 512 * 1024
MAX_PROOFS: Final = 100
_log = structlog.get_logger()
_OF_THE_REPORTS: Final = frozenset({reasons.INVALID_REQUEST, reasons.REQUEST_TOO_LARGE})
"""Refusals that another time or another relay would meet as well."""
_Key = tuple[tuple[str, str | None, str], str]


@dataclass
class _Row:
    caller: Caller
    report: Report
    """The newest, with every counter that its incarnation ever sent."""
    heard_at: float
    """Monotonic, of who sent it, not of who passed it on."""


class Gathering:
    """The reports of a relay's followers. Nothing is lost while the hop above is away: it gets what is true by then."""

    def __init__(self, connection: Upstream, refused: Refused = nobody_told) -> None:
        """`refused`: told when the hop above has refused somebody's report."""
        self._refused = refused
        self._connection = connection
        self.table = Reports(lambda _: None)
        """Who follows here, and what each believes."""
        self._rows: dict[_Key, _Row] = {}
        self._pending: dict[_Key, None] = {}
        self._proofs: dict[str, Signed] = {}

    def take(self, caller: Caller, report: Report, age_seconds: float = 0.0) -> int:
        """Take in a report that was heard so long ago; return its number, or 0 when everything has to be sent again."""
        heard_at = time.monotonic() - age_seconds
        key = (caller.identity, report.instance)
        if self.table.is_overtaken(caller, report, heard_at):
            return 0
        number = self.table.record(caller, report, heard_at)
        known = self._rows.get(key)
        if known is not None and known.report.incarnation == report.incarnation:
            report = replace(report, renders=_merged(known.report.renders, report.renders))
        # The hop above starts with nothing, whatever this one has acknowledged.
        self._rows[key] = _Row(caller, _fitting(replace(report, base=0)), heard_at)
        self._pending[key] = None
        return number

    def prove(self, scope: str, signed: Signed) -> None:
        """Show the hop above that somebody was told more than it knows."""
        if len(self._proofs) < MAX_PROOFS:
            self._proofs[scope] = signed

    def again(self) -> None:
        """The hop above is another one, or has forgotten: tell it everything."""
        self._pending = dict.fromkeys(self._rows)

    async def run(self) -> None:
        """Pass on, forever."""
        while True:
            await asyncio.sleep(PASS_ON_SECONDS)
            self.table.sweep(time.monotonic())
            self._forget()
            await self.flush()

    async def flush(self) -> None:
        """Pass on now, as far as the hop above takes it."""
        try:
            await self._pass_on()
        except Disconnected as error:
            _log.debug("reports wait", reason=error.reason)

    async def _pass_on(self) -> None:
        proofs, self._proofs = self._proofs, {}
        if proofs:
            await self._connection.relay(RelayedBatch(proofs=tuple(proofs.values())))
        for keys in tuple(_batches(self._pending, self._rows)):
            await self._pass_on_these({key: self._rows[key] for key in keys})

    async def _pass_on_these(self, rows: dict[_Key, _Row]) -> None:
        """Pass on in one call, or in as many as it takes to leave out what is refused: nobody else is silenced by that."""
        now = time.monotonic()
        try:
            await self._connection.relay(RelayedBatch(tuple(_relayed(row, now) for row in rows.values())))
        except Disconnected as error:
            if error.reason not in _OF_THE_REPORTS:
                raise
            if len(rows) > 1:
                keys = tuple(rows)
                for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
                    await self._pass_on_these({key: rows[key] for key in half})
                return
            self._refused(error.reason, error.detail)
        for key, row in rows.items():
            if self._rows.get(key) is row:
                self._pending.pop(key, None)

    def _forget(self) -> None:
        there = self.table.keys()
        for key in [key for key in self._rows if key not in there and key not in self._pending]:
            del self._rows[key]


def _merged(known: tuple[RenderCounters, ...], newer: tuple[RenderCounters, ...]) -> tuple[RenderCounters, ...]:
    """Counters are cumulative: of each content the newest ones stand."""
    merged = {counters.digest: counters for counters in known}
    for counters in newer:
        merged.pop(counters.digest, None)
        merged[counters.digest] = counters
    return tuple(merged.values())[-MAX_RELAYED_RENDERS:]


def _fitting(report: Report) -> Report:
    """Leave out what was rendered longest ago of what one call has no room for."""
    while report.renders and len(msgspec.json.encode(report)) > MAX_BATCH_BYTES:
        report = replace(report, renders=report.renders[(len(report.renders) + 1) // 2 :])
    return report


def _relayed(row: _Row, now: float) -> Relayed:
    caller = row.caller
    age_ms = milliseconds(now - row.heard_at)
    return Relayed(caller.scope, caller.namespace, caller.service_account, row.report, caller.pod_uid, age_ms)


def _batches(pending: Iterable[_Key], rows: dict[_Key, _Row]) -> Iterator[list[_Key]]:
    batch: list[_Key] = []
    size = 0
    for key in pending:
        if key not in rows:
            continue
        length = len(msgspec.json.encode(rows[key].report))
        if batch and (len(batch) >= MAX_BATCH or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += length
    if batch:
        yield batch
