"""The first trust of whoever believes what was signed: where it stands, and what it says. Logs nothing: an application reads it, too."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from promptops.api.feed import Trust
from promptops.api.wire import read
from promptops.cache.bounded import Bounded
from promptops.cache.signing import KeyVerifier

FILE_SECONDS: Final = 5.0
"""So long a file may take to be read or written."""


class TrustUnusable(Exception):
    """There is nothing to believe to begin with; the message says where it should stand and what is wrong with it."""


@dataclass(frozen=True)
class Trusted:
    """Whom to believe: signatures, and the hop above."""

    trust: Trust
    verifier: KeyVerifier
    context: ssl.SSLContext | None
    """None: whom the machine believes."""

    def yields_to(self, other: Trusted) -> bool:
        """Whether a file that says something else by now is believed instead."""
        # Without a serial somebody wrote it by hand, and means it.
        return not other.trust.serial or other.trust.serial > self.trust.serial

    @classmethod
    def of(cls, trust: Trust) -> Trusted:
        """Raises ValueError when a part of it is no key or no certificate."""
        try:
            context = ssl.create_default_context(cadata=trust.ca) if trust.ca else None
        except ssl.SSLError as error:
            raise ValueError(f"not certificates: {error.reason or error}") from None
        return cls(trust, KeyVerifier(trust), context)


class Anchors:
    """Where the first trust stands: a file, or the text itself."""

    def __init__(self, source: Path | str) -> None:
        self._where = f"the trust file {source}" if isinstance(source, Path) else "PROMPTOPS_TRUST"
        text = b"" if isinstance(source, Path) else source.encode()
        self._read = Bounded(source.read_bytes if isinstance(source, Path) else lambda: text, FILE_SECONDS)
        self._data = b""

    def first(self) -> Trusted:
        """Read what there is. Raises TrustUnusable when it cannot be used."""
        try:
            data = self._read.wait()
        except OSError as error:
            raise TrustUnusable(f"{self._where} cannot be read: {error.strerror or error}") from None
        return self._taken(data)

    async def renewed(self) -> Trusted | None:
        """Read it again; None when nothing has changed. Raises OSError or TrustUnusable when it cannot be used."""
        data = await self._read()
        return self._taken(data) if data != self._data else None

    def _taken(self, data: bytes) -> Trusted:
        try:
            trusted = Trusted.of(read(data, Trust))
        except ValueError:
            raise TrustUnusable(
                f'{self._where} must be JSON like {{"keys": [{{"kid": "…", "public": "…"}}], "ca": "PEM or absent"}}'
            ) from None
        self._data = data
        return trusted
