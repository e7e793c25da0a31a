"""Reconciling as decisions: from a snapshot of the cluster to what should be said, served, created and deleted."""

from promptops.domain.reconcile.prompt import as_written, decide_prompt
from promptops.domain.reconcile.version import decide_version

__all__ = ["as_written", "decide_prompt", "decide_version"]
