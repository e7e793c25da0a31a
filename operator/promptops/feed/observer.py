"""What happens to a follower, for whoever counts and logs it."""

from promptops.api.feed import Position


class FollowerObserver:
    """Is told, and does nothing. Reasons are constants of promptops.api.reasons, details have no prompt text."""

    def connected(self) -> None:
        """A stream is open and has said whom it takes us for."""

    def disconnected(self, reason: str, detail: str) -> None:
        """The stream ended, or none could be opened."""

    def refused(self, reason: str, detail: str) -> None:
        """Something that was offered was not taken."""

    def unheard(self, reason: str, detail: str) -> None:
        """The hop above refused what was reported to it."""

    def took(self, position: Position, durable: bool) -> None:
        """Another position is served."""

    def ahead(self, scope: str) -> None:
        """What is held of the scope is above what the hop above offers, or a fork of it."""
