"""What the metrics of a role are, for whoever documents them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry


@dataclass(frozen=True)
class Description:
    """One metric."""

    name: str
    """As it is scraped."""
    kind: str
    """counter, gauge, histogram …"""
    meaning: str


def described(metrics: Callable[[CollectorRegistry], object]) -> tuple[Description, ...]:
    """Return what a role's metrics are, by name."""
    registry = CollectorRegistry()
    metrics(registry)
    families = sorted(registry.collect(), key=lambda family: family.name)
    return tuple(
        Description(f"{each.name}_total" if each.type == "counter" else each.name, each.type, each.documentation)
        for each in families
    )
