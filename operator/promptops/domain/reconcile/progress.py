"""How far the served decision has come: `served`, Converged, and until when it counts as progressing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from promptops.api import reasons
from promptops.domain.conditions import moment
from promptops.domain.convergence import summary
from promptops.domain.reconcile.case import Case
from promptops.domain.reconcile.decision import Decision
from promptops.domain.reconcile.memory import Memory
from promptops.domain.snapshot import ServedObservation
from promptops.domain.standing import is_complete

LAGGING_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class ConvergenceProgress:
    """What is said about the instances."""

    served: str | None
    """all, none, or 48/50 while some lag."""
    converged: bool
    reason: str
    message: str
    reconciling: bool
    look_again_seconds: float | None = None


NOTHING = ConvergenceProgress(None, False, reasons.NOTHING_SERVED, "nothing is served", False)


def progress_of(case: Case, decision: Decision, now: datetime) -> ConvergenceProgress:
    """Judge who serves the decision. Instances that come and go with what is published change nothing that is said."""
    memory, snapshot = case.memory, case.snapshot
    if decision.stable is None:
        return NOTHING
    if decision.moved:
        return _begun(decision, snapshot.served)
    if snapshot.served is None or snapshot.published_revision != decision.revision:
        return _as_it_was(decision, memory)
    if snapshot.served.total == 0 and is_complete(memory.condition("Converged")):
        return _as_it_was(decision, memory)
    return _judged(decision, memory, snapshot.served, now)


def _begun(decision: Decision, observed: ServedObservation | None) -> ConvergenceProgress:
    """A decision nobody has been offered: no instance serves it, and without instances there is nothing to wait for."""
    if observed is not None and observed.total == 0:
        return _no_consumers(decision)
    message = f"no instance has reported revision {decision.revision} yet"
    return ConvergenceProgress("none", False, reasons.CONVERGING, message, True, LAGGING_AFTER.total_seconds())


def _as_it_was(decision: Decision, memory: Memory) -> ConvergenceProgress:
    condition = memory.condition("Converged")
    if condition.reason == reasons.NOT_IN_FORCE:
        return _complete(decision) if memory.served == "all" else _no_consumers(decision)
    return ConvergenceProgress(
        served=memory.served,
        converged=condition.status == "True",
        reason=condition.reason or reasons.CONVERGING,
        message=condition.message,
        reconciling=memory.condition("Reconciling").reason == reasons.CONVERGING,
    )


def _complete(decision: Decision) -> ConvergenceProgress:
    message = f"every instance serves revision {decision.revision}"
    return ConvergenceProgress("all", True, reasons.CONVERGED, message, False)


def _no_consumers(decision: Decision) -> ConvergenceProgress:
    message = f"no instance is connected; the first one gets revision {decision.revision}"
    return ConvergenceProgress("none", True, reasons.NO_CONSUMERS, message, False)


def _judged(decision: Decision, memory: Memory, observed: ServedObservation, now: datetime) -> ConvergenceProgress:
    if observed.total == 0:
        return _no_consumers(decision)
    if observed.ready == observed.total:
        return _complete(decision)
    said, share = summary(observed), _share(decision, observed)
    since, first = _incomplete_since(decision, memory, now)
    left = (since + LAGGING_AFTER - now).total_seconds()
    if left <= 0 or memory.condition("Converged").reason == reasons.LAGGING:
        return ConvergenceProgress(said, False, reasons.LAGGING, f"{share} after 60 s{_lacking(observed)}", False)
    return ConvergenceProgress(said, False, reasons.CONVERGING, f"{share}{_lacking(observed)}", first, left)


def _share(decision: Decision, observed: ServedObservation) -> str:
    return f"{observed.ready} of {observed.total} instances serve revision {decision.revision}"


def _lacking(observed: ServedObservation) -> str:
    """Say of which pods nothing can come by itself, and what to do about them."""
    said = ""
    if count := observed.uninjected:
        pods = "1 pod asks for a sidecar and has" if count == 1 else f"{count} pods ask for a sidecar and have"
        said = f"; {pods} none: make them anew (kubectl rollout restart)"
    if count := observed.unheard:
        sidecars = "the sidecar of 1 pod has" if count == 1 else f"the sidecars of {count} pods have"
        said += f"; {sidecars} never reported: its log says why (kubectl logs --container promptops)"
    return said


def _incomplete_since(decision: Decision, memory: Memory, now: datetime) -> tuple[datetime, bool]:
    """Return since when not all instances serve the revision, and whether they never did."""
    decided = moment(decision.decided_at) or now
    condition = memory.condition("Converged")
    if is_complete(condition):
        return now, False
    fell = moment(condition.last_transition_time) or decided
    return max(decided, fell), fell <= decided
