"""How far the served decision has come: `served`, Converged, and until when it counts as progressing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from promptops.api import reasons
from promptops.domain.conditions import moment, timestamp
from promptops.domain.manifests import Manifest, text, whole
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.decision import Decision
from promptops.domain.reconcile.memory import Memory
from promptops.domain.snapshot import ServedObservation

LAGGING_AFTER = timedelta(seconds=60)
SERVED_EVERY = timedelta(seconds=5)
_TRUNCATED = timedelta(seconds=1)
"""A written moment may lie up to a second later: it is cut to whole seconds."""


@dataclass(frozen=True)
class Progress:
    """What is said about the instances."""

    served: dict[str, Any] | None
    converged: bool
    reason: str
    message: str
    reconciling: bool
    look_again_seconds: float | None = None


NOTHING = Progress(None, False, reasons.NOTHING_SERVED, "nothing is served", False)


def progress_of(case: Case, decision: Decision, now: datetime) -> Progress:
    """Judge by what is said in status from now on, so that words and figures agree; time only runs for a known revision."""
    memory, snapshot = case.memory, case.snapshot
    if decision.stable is None:
        return NOTHING
    if decision.moved:
        return _begun(decision, memory, snapshot.served, now)
    if snapshot.served is None or snapshot.published_revision != decision.revision:
        return _as_it_was(decision, memory)
    served, due = _throttled(memory, snapshot.served, now)
    return _judged(decision, memory, served, due, now)


def _begun(decision: Decision, memory: Memory, observed: ServedObservation | None, now: datetime) -> Progress:
    """A decision nobody has been offered: no instance serves it, and without instances there is nothing to wait for."""
    served: dict[str, Any] | None = None
    if observed is not None:
        served = _figures(ServedObservation(0, observed.total, observed.lost), now)
    elif memory.served is not None and memory.stable is not None:
        total, lost = whole(memory.served.get("total")), whole(memory.served.get("lost"))
        served = _figures(ServedObservation(0, total, lost), now) if total else None
    if observed is not None and observed.total == 0:
        return Progress(served, True, reasons.NO_CONSUMERS, _no_consumers(decision), False)
    return Progress(served, False, reasons.CONVERGING, _share(decision, served), True, LAGGING_AFTER.total_seconds())


def _as_it_was(decision: Decision, memory: Memory) -> Progress:
    condition = memory.condition("Converged")
    served = dict(memory.served) if memory.served is not None else None
    if condition.get("reason") == reasons.NOT_IN_FORCE:
        return _complete(decision, served)
    return Progress(
        served=served,
        converged=condition.get("status") == "True",
        reason=text(condition.get("reason")) or reasons.CONVERGING,
        message=text(condition.get("message")),
        reconciling=memory.condition("Reconciling").get("reason") == reasons.CONVERGING,
    )


def _was_complete(memory: Memory) -> bool:
    """Whether status says that every instance served the revision, be it what the spec asks for or not."""
    condition = memory.condition("Converged")
    return condition.get("status") == "True" or condition.get("reason") == reasons.NOT_IN_FORCE


def _complete(decision: Decision, served: dict[str, Any] | None, due: float | None = None) -> Progress:
    if served is None or served.get("total") == 0:
        return Progress(served, True, reasons.NO_CONSUMERS, _no_consumers(decision), False, due)
    return Progress(served, True, reasons.CONVERGED, _share(decision, served), False, due)


def _throttled(memory: Memory, observed: ServedObservation, now: datetime) -> tuple[Manifest, float | None]:
    """Return the figures to say, and in how many seconds newer ones may be said."""
    said = memory.served
    if said is None:
        return _figures(observed, now), None
    if (said.get("ready"), said.get("total"), said.get("lost")) == (observed.ready, observed.total, observed.lost):
        return said, None
    arrives = observed.ready == observed.total and not _was_complete(memory)
    since = moment(text(said.get("at")))
    due = since + SERVED_EVERY + _TRUNCATED if since else now
    if arrives or now >= due or due > now + SERVED_EVERY + _TRUNCATED:  # a clock that was set back must not silence us
        return _figures(observed, now), None
    return said, (due - now).total_seconds()


def _judged(decision: Decision, memory: Memory, served: Manifest, due: float | None, now: datetime) -> Progress:
    figures = dict(served)
    if served.get("total") in (0, served.get("ready")):
        return _complete(decision, figures, due)
    since, first = _incomplete_since(decision, memory, now)
    left = (since + LAGGING_AFTER - now).total_seconds()
    if left <= 0 or memory.condition("Converged").get("reason") == reasons.LAGGING:
        return Progress(figures, False, reasons.LAGGING, f"{_share(decision, served)} after 60 s", False, due)
    look_again = left if due is None else min(left, due)
    return Progress(figures, False, reasons.CONVERGING, _share(decision, served), first, look_again)


def _incomplete_since(decision: Decision, memory: Memory, now: datetime) -> tuple[datetime, bool]:
    """Return since when not all instances serve the revision, and whether they never did."""
    decided = moment(decision.decided_at) or now
    if _was_complete(memory):
        return now, False
    condition = memory.condition("Converged")
    fell = moment(text(condition.get("lastTransitionTime"))) or decided
    return max(decided, fell), fell <= decided


def _figures(observed: ServedObservation, now: datetime) -> dict[str, Any]:
    return {
        "summary": f"{observed.ready}/{observed.total}",
        "ready": observed.ready,
        "total": observed.total,
        "lost": observed.lost,
        "at": timestamp(now),
    }


def _share(decision: Decision, served: Manifest | None) -> str:
    if served is None:
        return f"no instance has reported revision {decision.revision} yet"
    lost = f", {served.get('lost')} of them lost" if served.get("lost") else ""
    return f"{served.get('ready')} of {served.get('total')} instances serve revision {decision.revision}{lost}"


def _no_consumers(decision: Decision) -> str:
    return f"no instance is connected; the first one gets revision {decision.revision}"
