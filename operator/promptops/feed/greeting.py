"""What a stream's greeting says about what follows: whose it is, and how the other side's clock reads in ours."""

from __future__ import annotations

import msgspec

from promptops.api import reasons
from promptops.api.feed import EVERY_SCOPE, PROTOCOL, Hello, Signed
from promptops.api.wire import Unreadable, read
from promptops.cache.clock import Clock
from promptops.cache.refusal import Refused
from promptops.cache.verifier import from_base64url


class Greeted:
    """One stream, asked for when this is made."""

    def __init__(self, clock: Clock, *, many: bool) -> None:
        self._clock = clock
        self._many = many
        self._scope: str | None = None
        self._asked_at = clock.now()
        """When the stream was asked for: nothing on it was said before."""
        self._theirs_to_ours = 0.0
        """What turns a moment of the other side's clock into one of ours, never a later one than it was."""
        self._confirmed_at: float | None = None

    def asking(self) -> None:
        """Note that the stream is asked for now."""
        self._asked_at = self._clock.now()

    def greet(self, hello: Hello) -> None:
        """Take the greeting. Raises Refused when it is of another protocol, or for more scopes than may be held."""
        if PROTOCOL not in hello.protocols:
            raise Refused(reasons.UNKNOWN_PROTOCOL, f"protocols {hello.protocols[:8]}, this is {PROTOCOL}")
        if hello.scope == EVERY_SCOPE and not self._many:
            raise Refused(reasons.WRONG_SCOPE, "taken for one that follows every scope")
        self._scope = hello.scope
        # It was said after we asked: of all moments that it can have been said at, the earliest one counts.
        self._theirs_to_ours = self._asked_at - hello.at_ms / 1000
        if hello.age_ms is not None:
            self._confirmed_at = self.moment(hello.at_ms, hello.age_ms)

    def moment(self, at_ms: int, age_ms: int) -> float:
        """Return when something was confirmed that was `age_ms` old at `at_ms` of the other side's clock."""
        said_at = min(self._theirs_to_ours + at_ms / 1000, self._clock.now())
        return said_at - age_ms / 1000

    def first_confirmation(self) -> float | None:
        """Return when the origin confirmed what the stream begins with, once."""
        confirmed_at, self._confirmed_at = self._confirmed_at, None
        return confirmed_at

    def scope_of(self, signed: Signed) -> str:
        """Return the scope that something signed is for, or is to be for. Raises Refused."""
        if self._scope != EVERY_SCOPE:
            return self.admitted(self._scope or "")
        try:
            return read(from_base64url(signed.payload), _Scoped).scope
        except Unreadable:
            raise Refused(reasons.MALFORMED, "nothing signed") from None

    def admitted(self, scope: str) -> str:
        """Return the scope if the stream may speak of it. Raises Refused."""
        if self._scope is None:
            raise Refused(reasons.MALFORMED, "no hello at the beginning")
        if self._scope not in (scope, EVERY_SCOPE):
            raise Refused(reasons.WRONG_SCOPE, f"about {scope[:64]}, this is {self._scope}")
        return scope


class _Scoped(msgspec.Struct, frozen=True):
    """What a header and a revocation have in common."""

    scope: str
