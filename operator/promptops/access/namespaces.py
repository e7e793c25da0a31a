"""Namespaces as the API server names them when somebody of theirs calls: for a hop that watches none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from promptops.access.authenticator import Places, Reviewer
from promptops.api.feed import Header
from promptops.cluster.objects import Objects
from promptops.cluster.resources import NAMESPACES
from promptops.cluster.tokens import Review

_MOST_NAMESPACES: Final = 10_000


class AskedNamespaces:
    """Asks for a caller's namespace together with its token. A namespace of the same name later is another scope.

    What is held says which namespace it is of by name, too; but a hop that was cut off may hold one that is gone, and
    what it was must not be shown to whoever is called so now.
    """

    def __init__(self, reviewer: Reviewer, objects: Objects, held: Callable[[str], Header | None]) -> None:
        """`held`: the header of what is held of a scope."""
        self._reviewer = reviewer
        self._objects = objects
        self._held = held
        self._uids: OrderedDict[str, str] = OrderedDict()

    @property
    def places(self) -> Places:
        """What is known of namespaces, for the authenticator that this is the reviewer of."""
        return Places(self._uids.get, self._tenant_of)

    async def review(self, token: str) -> Review:
        """Say whose token this is, and look up which namespace that is now. Raises as a Reviewer does."""
        review = await self._reviewer.review(token)
        found = await self._objects.get(NAMESPACES, None, review.namespace)
        self._uids[review.namespace] = found["metadata"]["uid"]
        self._uids.move_to_end(review.namespace)
        if len(self._uids) > _MOST_NAMESPACES:
            self._uids.popitem(last=False)
        return review

    def _tenant_of(self, namespace: str) -> str:
        """What the origin signed; nothing while nothing is held, which is no refusal: the origin knows who is admitted."""
        header = self._held(self._uids.get(namespace, ""))
        return header.tenant if header is not None else ""
