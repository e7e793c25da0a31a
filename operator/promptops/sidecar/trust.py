"""What a sidecar believes from its start: a file that is renewed under its feet, or what it was given when it was made."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from promptops.api.feed import Trust
from promptops.api.wire import read
from promptops.cache.bounded import Bounded
from promptops.cache.signing import KeyVerifier
from promptops.sidecar.supply import SupplyError

FILE_SECONDS: Final = 5.0
"""So long a file that was mounted may take to be read."""


@dataclass(frozen=True)
class Trusted:
    """Whom to believe: signatures, and the hop above."""

    verifier: KeyVerifier
    context: ssl.SSLContext | None
    """None: whom the machine believes."""

    @classmethod
    def of(cls, data: bytes, where: str) -> Trusted:
        """Read promptops.api.feed.Trust. Raises SupplyError naming where it stands."""
        try:
            trust = read(data, Trust)
            return cls(KeyVerifier(trust), ssl.create_default_context(cadata=trust.ca) if trust.ca else None)
        except (ValueError, ssl.SSLError):  # unreadable, not keys, or not certificates
            raise SupplyError(
                f'{where} must be JSON like {{"keys": [{{"kid": "…", "public": "…"}}], "ca": "PEM or absent"}}'
            ) from None


class Anchors:
    """Where the first trust stands: a file, or the text itself."""

    def __init__(self, source: Path | str) -> None:
        self._file = source if isinstance(source, Path) else None
        self._where = f"the trust file {source}" if isinstance(source, Path) else "PROMPTOPS_TRUST"
        text = b"" if isinstance(source, Path) else source.encode()
        self._read = Bounded(source.read_bytes if isinstance(source, Path) else lambda: text, FILE_SECONDS)
        self._data = b""

    def first(self) -> Trusted:
        """Read what there is. Raises SupplyError when it cannot be used."""
        try:
            data = self._read.wait()
        except OSError as error:
            raise SupplyError(f"{self._where} cannot be read: {error.strerror or error}") from None
        return self._taken(data)

    async def renewed(self) -> Trusted | None:
        """Read it again; None when nothing has changed. Raises OSError or SupplyError when it cannot be used."""
        data = await self._read()
        return self._taken(data) if data != self._data else None

    def _taken(self, data: bytes) -> Trusted:
        trusted = Trusted.of(data, self._where)
        self._data = data
        return trusted
