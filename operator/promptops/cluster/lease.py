"""Who may take a Lease, decided from what was read and when. Pure: expiry counts on the reader's own clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from promptops.api.names import EPOCH_ANNOTATION, FEED_ANNOTATION


@dataclass(frozen=True)
class Timing:
    """How long a Lease is worth, and how soon its holder gives up before that."""

    duration: float = 15.0
    """Unrenewed for so long, a Lease may be taken by anyone."""
    renew_deadline: float = 10.0
    """A leader that could not renew for so long stops leading: before anyone else may start."""
    retry: float = 2.0


@dataclass(frozen=True)
class LeaseRecord:
    """What a Lease says."""

    holder: str
    """Empty when it was released."""
    transitions: int
    renewed: str
    duration: float
    epoch: int | None
    address: str | None = None
    """host:port at which its holder is followed."""

    @classmethod
    def of(cls, lease: Mapping[str, Any]) -> LeaseRecord:
        """Read a Lease object."""
        spec = lease.get("spec") or {}
        return cls(
            holder=spec.get("holderIdentity") or "",
            transitions=int(spec.get("leaseTransitions") or 0),
            renewed=spec.get("renewTime") or "",
            duration=float(spec.get("leaseDurationSeconds") or Timing.duration),
            epoch=_epoch(lease),
            address=(lease["metadata"].get("annotations") or {}).get(FEED_ANNOTATION),
        )


@dataclass(frozen=True)
class Sighting:
    """A Lease and since when, by our own monotonic clock, it has said the same. Other clocks are not trusted."""

    record: LeaseRecord
    since: float


def sighted(previous: Sighting | None, record: LeaseRecord, now: float) -> Sighting:
    """Note what was read now; what has not changed keeps its time."""
    return previous if previous is not None and previous.record == record else Sighting(record, now)


def may_take(sighting: Sighting, identity: str | None, now: float) -> bool:
    """Tell whether the Lease can be had: released, our own from before, or expired while we watched."""
    record = sighting.record
    return record.holder in ("", identity) or now - sighting.since >= record.duration


def pause(sighting: Sighting | None, at_most: float, now: float) -> float:
    """Return in how many seconds to look again: `at_most` so many, and at the moment when what was seen expires."""
    left = sighting.since + sighting.record.duration - now if sighting is not None else 0.0
    return left if 0 < left < at_most else at_most


def taken(
    lease: Mapping[str, Any], identity: str, timing: Timing, now: datetime, new_epoch: int, address: str | None = None
) -> dict[str, Any]:
    """Return the Lease as we write it to take it: one more transition is a new term. A missing epoch is filled in.

    `address`: host:port at which we are followed from now on.
    """
    record = LeaseRecord.of(lease)
    spec = {
        "holderIdentity": identity,
        "leaseDurationSeconds": max(1, round(timing.duration)),
        "acquireTime": _micro_time(now),
        "renewTime": _micro_time(now),
        "leaseTransitions": record.transitions + 1,
    }
    written = _annotated({**lease, "spec": spec}, FEED_ANNOTATION, address)
    return written if record.epoch is not None else with_epoch(written, new_epoch)


def renewed(lease: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the Lease with its time moved on."""
    return {**lease, "spec": {**lease["spec"], "renewTime": _micro_time(now)}}


def released(lease: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the Lease as its holder leaves it: anyone may take it at once."""
    return {
        **lease,
        "spec": {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro_time(now)},
    }


def with_epoch(lease: Mapping[str, Any], epoch: int) -> dict[str, Any]:
    """Return the Lease with its epoch set."""
    return _annotated(lease, EPOCH_ANNOTATION, str(epoch))


def _annotated(lease: Mapping[str, Any], name: str, value: str | None) -> dict[str, Any]:
    metadata = lease["metadata"]
    annotations = {key: each for key, each in (metadata.get("annotations") or {}).items() if key != name}
    if value is not None:
        annotations[name] = value
    return {**lease, "metadata": {**metadata, "annotations": annotations}}


def fresh(namespace: str, name: str) -> dict[str, Any]:
    """Return a Lease nobody holds, as it is created."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {},
    }


def _epoch(lease: Mapping[str, Any]) -> int | None:
    value = (lease["metadata"].get("annotations") or {}).get(EPOCH_ANNOTATION, "")
    return int(value) if value.isdecimal() else None


def _micro_time(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
