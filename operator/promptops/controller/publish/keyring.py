"""The keys of an installation as they are kept: what indexes are signed with, and what the feed's certificates are. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

import msgspec
from msgspec.structs import replace

from promptops.api.feed import Trust
from promptops.api.wire import read
from promptops.cache.refusal import Refused
from promptops.cache.signing import Signer, authority_ids
from promptops.cache.verifier import from_base64url, to_base64url
from promptops.web.certificates import Authority, Identity, valid_until

State = Literal["active", "next", "previous"]
"""active: signs. next: believed already, so that it can take over. previous: still believed, as what it signed is."""
_BOTH: tuple[State, State] = ("active", "next")
_KEY_BYTES = 32
_OVERLAP = 1 / 4
"""Share of a key's life for which its predecessor is still believed: what that signed is in snapshots."""
_PATIENCE = timedelta(days=1)
"""Its successor waits for whoever does not believe it yet for so long, or for a key's life: nobody holds it up for ever."""
_BRIEF = 1 / 8
"""The same of an authority. With no more than that left of its life, its successor waits for nobody."""


@dataclass(frozen=True)
class Lives:
    """How long what we made ourselves is good for."""

    key: timedelta = timedelta(days=90)
    """A signing key, before the next one takes over."""
    authority: timedelta = timedelta(days=365)
    certificate: timedelta = timedelta(days=1)


class SigningKey(msgspec.Struct, frozen=True):
    """An Ed25519 key of the feed. `private`: its 32 bytes, base64url without padding."""

    private: str
    state: State
    since: int
    """Unix time at which it came into this state."""

    @property
    def signer(self) -> Signer:
        """What signs with it. Raises ValueError when it is no key."""
        try:
            return Signer(from_base64url(self.private))
        except Refused as refusal:
            raise ValueError(refusal.detail) from None


class Root(msgspec.Struct, frozen=True):
    """A certificate authority of the feed, in PEM."""

    certificate: str
    key: str
    state: State
    since: int

    @property
    def id(self) -> str:
        """What reports call it."""
        return authority_ids(self.certificate)[0]

    @property
    def valid_until(self) -> datetime:
        """When it expires. Raises ValueError when it is no certificate."""
        return valid_until(self.certificate.encode())


class Keyring(msgspec.Struct, frozen=True):
    """Two keys and two authorities at a time: the active one of each, and its successor or predecessor."""

    serial: int
    signing: tuple[SigningKey, ...]
    roots: tuple[Root, ...]

    @property
    def signer(self) -> Signer:
        """What signs now. Raises ValueError when nothing does."""
        return _active(self.signing).signer

    @property
    def trust(self) -> Trust:
        """What followers have to believe. Raises ValueError when something is not what it should be."""
        keys = tuple(key.signer.trusted for key in self.signing)
        return Trust(keys, "".join(root.certificate for root in self.roots), self.serial)

    def certificate(self, hosts: tuple[str, ...], life: timedelta, now: datetime) -> Identity:
        """Sign a certificate for a server of the feed that is reached under these names. Raises ValueError."""
        root = _active(self.roots)
        authority = Authority.restored(Identity(root.certificate.encode(), root.key.encode()), now)
        return authority.server("promptops feed", ("127.0.0.1",), ("localhost", *hosts), life)


_Kept = TypeVar("_Kept", SigningKey, Root)


def new_keyring(lives: Lives, now: datetime) -> Keyring:
    """Make every key there is to be."""
    return Keyring(
        serial=_seconds(now),
        signing=tuple(new_key(state, now) for state in _BOTH),
        roots=tuple(new_root(state, lives, now) for state in _BOTH),
    )


def new_key(state: State, now: datetime) -> SigningKey:
    """Make a signing key."""
    return SigningKey(to_base64url(secrets.token_bytes(_KEY_BYTES)), state, _seconds(now))


def new_root(state: State, lives: Lives, now: datetime) -> Root:
    """Make an authority. No two have one name: whoever checks a chain must not take one for the other."""
    name = f"promptops feed {now.astimezone(UTC):%Y-%m-%d} {secrets.token_hex(4)}"
    made = Authority(name, now, lives.authority).identity
    return Root(made.certificate.decode(), made.key.decode(), state, _seconds(now))


Knows = Callable[[str], bool]
"""Whether everybody who follows believes a key or an authority, by its id."""


def advanced(ring: Keyring, lives: Lives, knows: Knows, now: datetime) -> Keyring:
    """Return the ring as it should be now: a step further where its time has come and nobody is left behind."""
    signing = _signing_advanced(ring.signing, lives, knows, now)
    roots = _roots_advanced(ring.roots, lives, knows, now)
    if (signing, roots) == (ring.signing, ring.roots):
        return ring
    return Keyring(max(ring.serial + 1, _seconds(now)), signing, roots)


def _signing_advanced(
    keys: tuple[SigningKey, ...], lives: Lives, knows: Knows, now: datetime
) -> tuple[SigningKey, ...]:
    active, other = _active(keys), _other(keys)
    age = now.timestamp() - active.since
    if other is None or (other.state == "previous" and age >= lives.key.total_seconds() * _OVERLAP):
        return (active, new_key("next", now))
    overdue = age - lives.key.total_seconds()
    waited_enough = overdue >= max(lives.key, _PATIENCE).total_seconds()
    if other.state == "next" and overdue >= 0 and (waited_enough or knows(other.signer.kid)):
        return _taken_over(active, other, now)
    return keys


def _roots_advanced(roots: tuple[Root, ...], lives: Lives, knows: Knows, now: datetime) -> tuple[Root, ...]:
    active, other = _active(roots), _other(roots)
    left, life = (active.valid_until - now), lives.authority
    if left <= timedelta(0) and (other is None or other.valid_until <= now):
        # Nothing that anybody believes is good any more: whoever starts from now on believes these.
        return tuple(new_root(state, lives, now) for state in _BOTH)
    age = now.timestamp() - active.since
    if (
        other is None
        or other.valid_until <= now
        or (other.state == "previous" and age >= life.total_seconds() * _BRIEF)
    ):
        return (active, new_root("next", lives, now))
    if other.state == "next" and (left <= life * _BRIEF or (left <= life / 2 and knows(other.id))):
        return _taken_over(active, other, now)
    return roots


def _taken_over(active: _Kept, other: _Kept, now: datetime) -> tuple[_Kept, ...]:
    return (
        replace(other, state="active", since=_seconds(now)),
        replace(active, state="previous", since=_seconds(now)),
    )


def written(ring: Keyring) -> bytes:
    """Return the ring as it is kept."""
    return msgspec.json.format(msgspec.json.encode(ring))


def read_keyring(data: bytes) -> Keyring:
    """Return what `written` was given. Raises ValueError when it cannot be used as it is."""
    ring = read(data, Keyring)
    for states in ([key.state for key in ring.signing], [root.state for root in ring.roots]):
        if states.count("active") != 1:
            raise ValueError("not one active key of each kind")
    if len({key.signer.kid for key in ring.signing}) != len(ring.signing):
        raise ValueError("one key stands there twice")
    for root in ring.roots:
        Authority.restored(Identity(root.certificate.encode(), root.key.encode()), root.valid_until)
    return ring


def _active(kept: tuple[_Kept, ...]) -> _Kept:
    for each in kept:
        if each.state == "active":
            return each
    raise ValueError("nothing is active")


def _other(kept: tuple[_Kept, ...]) -> _Kept | None:
    return next((each for each in kept if each.state != "active"), None)


def _seconds(now: datetime) -> int:
    return int(now.timestamp())
