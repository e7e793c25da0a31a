"""The same content in many scopes is one piece of memory, for as long as any of them names it."""

from __future__ import annotations

from collections.abc import Iterable

from promptops.cache.index import digest_of


class Pool:
    """Blobs by digest, counted by their holders. Every blob in it is what its digest says."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._holders: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._blobs)

    def take(self, digest: str, content: str) -> bytes:
        """Return the blob, for one more holder. Raises ValueError when the content is not what the digest says."""
        blob = self._blobs.get(digest)
        if blob is None:
            blob = content.encode()
            if digest_of(blob) != digest:
                raise ValueError(f"the content is not {digest}")
            self._blobs[digest] = blob
        self._holders[digest] = self._holders.get(digest, 0) + 1
        return blob

    def release(self, digests: Iterable[str]) -> None:
        """One holder of each needs it no more."""
        for digest in digests:
            self._holders[digest] -= 1
            if not self._holders[digest]:
                del self._holders[digest], self._blobs[digest]
