"""Where a sidecar's store is filled from: a feed or a directory."""

from collections.abc import Mapping
from typing import Protocol


class SupplyError(Exception):
    """A supply cannot even begin; the message says what is missing and how to give it."""


class Supply(Protocol):
    """Keeps a store current."""

    @property
    def connected(self) -> bool:
        """Whether what is held is being kept current."""

    def dependencies(self) -> Mapping[str, str]:
        """Return what this sidecar depends on and how each stands: `ok`, or what is wrong."""

    def findings(self) -> int:
        """Return how much is wrong with what is supplied."""

    def load(self) -> None:
        """Fill the store from what is at hand, before anybody asks. Raises SupplyError."""

    async def run(self) -> None:
        """Keep the store current until cancelled."""

    def close(self) -> None:
        """Let go of everything."""
