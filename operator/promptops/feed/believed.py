"""What a follower believes: at its start what it was given, then what the feed renews. What was renewed outlives a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from promptops.api.feed import Signed
from promptops.api.wire import Unreadable, read
from promptops.cache.bounded import Bounded
from promptops.cache.refusal import Refused
from promptops.cache.signing import ids_of
from promptops.cache.verifier import Replaceable
from promptops.feed.anchors import FILE_SECONDS, Anchors, Trusted, TrustUnusable

CHAIN: Final = "trust-chain.json"
"""Beside the snapshots: every renewal since the first trust, each signed by a key that the one before names."""
_MOST_LINKS: Final = 1000

_log = structlog.get_logger()


class Believed:
    """What is believed now. `renewed` is told whenever that is something else."""

    def __init__(self, anchors: Anchors, directory: Path | None) -> None:
        """Raises TrustUnusable when there is nothing to begin with."""
        self._anchors = anchors
        self._file = directory / CHAIN if directory is not None else None
        self._chain: list[Signed] = []
        self._kept: tuple[Signed, ...] = ()
        self._keep = Bounded(self._write, FILE_SECONDS)
        self.renewed: Callable[[], None] = lambda: None
        self.now = anchors.first()
        self.verifier = Replaceable(self.now.verifier)
        self._restore()

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of every key and authority that is believed."""
        return ids_of(self.now.trust)

    def hear(self, signed: Signed) -> bool:
        """Believe what a key says that is believed already, unless it is older. Raises Refused.

        Returns whether that is what is believed now, be it news or not.
        """
        trust = self.now.verifier.verify_announcement(signed)
        if trust.serial <= self.now.trust.serial:
            return trust == self.now.trust
        try:
            trusted = Trusted.of(trust)
        except ValueError as error:
            _log.warning("announced trust cannot be used; what was trusted before is", reason=str(error))
            return False
        self._chain = [*self._chain, signed][-_MOST_LINKS:]
        self._believe(trusted)
        return True

    async def look(self) -> None:
        """Take up what the file says by now, and keep what the feed has said."""
        try:
            trusted = await self._anchors.renewed()
        except (OSError, TrustUnusable) as error:
            _log.warning("trust file cannot be used; what was trusted before is", reason=str(error))
        else:
            if trusted is not None and self.now.yields_to(trusted):
                self._chain = []
                self._believe(trusted)
        if self._file is not None and tuple(self._chain) != self._kept:
            try:
                await self._keep()
            except OSError as error:
                _log.warning("renewed trust cannot be kept; a restart begins with the older one", reason=str(error))

    def _believe(self, trusted: Trusted) -> None:
        self.now = trusted
        self.verifier.replace(trusted.verifier)
        self.renewed()
        _log.info("trust renewed", ids=list(self.ids))

    def _restore(self) -> None:
        if self._file is None:
            return
        try:
            chain = read(Bounded(self._file.read_bytes, FILE_SECONDS).wait(), tuple[Signed, ...])
        except (OSError, Unreadable):
            return
        for link in chain[:_MOST_LINKS]:
            try:
                self.hear(link)
            except Refused:
                continue  # of a time before what we were given
        self._kept = tuple(self._chain)

    def _write(self) -> None:
        if self._file is None:
            return
        chain = tuple(self._chain)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(chain))
        unfinished.replace(self._file)
        self._kept = chain
