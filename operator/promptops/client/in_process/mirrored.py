"""The mirror in Redis as a process reads it by itself: by the code by which a sidecar does, and believed no sooner.

Imported only where there is a mirror to read: it needs the packages redis and cryptography, which nobody else does.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from promptops.api import reasons
from promptops.api.feed import Header, Position, Revocation, Signed
from promptops.cache.clock import Clock
from promptops.cache.refusal import Refused
from promptops.cache.store import Store
from promptops.cache.tiers.mirror_reader import MirrorReader
from promptops.cache.tiers.redis_server import RedisServer
from promptops.cache.tiers.sealing import Seal
from promptops.cache.verifier import Replaceable, Verifier
from promptops.client.caching import RedisConfig
from promptops.client.errors import ConfigurationError
from promptops.feed.anchors import Anchors, Trusted, TrustUnusable
from promptops.feed.holding import Rules
from promptops.feed.holdings import Holdings
from promptops.feed.mirroring import Mirroring
from promptops.feed.observer import FollowerObserver
from promptops.reader.plans import UNDERSTANDING
from promptops.settings.client import MirrorSettings
from promptops.settings.environment import SettingsError
from promptops.settings.keys import key_in
from promptops.settings.redis import RedisSettings, check_url

STARTING_SECONDS: Final = 2.0
"""So long after its beginning a mirror that has not answered yet may still be waited for."""
RENEW_SECONDS: Final = 10.0
"""So often the trust file is read again."""
_OK: Final = "ok"
_STARTING: Final = "starting"


@dataclass(frozen=True)
class MirrorSource:
    """All that is read once, so that a forked child reads the mirror with nothing but this."""

    settings: RedisSettings
    key: bytes
    trust: Path | str
    trusted: Trusted

    @classmethod
    def of(cls, told: RedisConfig | MirrorSettings) -> MirrorSource:
        """Read what a configuration or the environment names. Raises ConfigurationError."""
        try:
            found = _configured(told) if isinstance(told, RedisConfig) else told
            named = "cache.redis.key_file" if isinstance(told, RedisConfig) else "PROMPTOPS_REDIS_KEY_FILE"
            return cls(found.redis, key_in(found.redis.key_file, named), found.trust, Anchors(found.trust).first())
        except (SettingsError, TrustUnusable) as error:
            raise ConfigurationError(str(error)) from None

    @property
    def name(self) -> str:
        """As messages call it."""
        return f"the mirror at {self.settings.url}"


class OwnMirror:
    """Keeps a store at what the mirror says, in one process, while nobody better does."""

    def __init__(self, source: MirrorSource, store: Store, scope: Callable[[], str | None]) -> None:
        """`scope`: returns the only one that may be held; None while the key alone decides."""
        self.errors: Counter[str] = Counter()
        """How often it could not be read, or what lay there was refused, by reason."""
        self._trusted = source.trusted
        self._verifier = Replaceable(source.trusted.verifier)
        self._anchors = Anchors(source.trust)
        verifier = _OfOneScope(self._verifier, scope)
        seal = Seal(source.key)
        self._reader = MirrorReader(RedisServer(source.settings), seal, verifier, Clock(), self._failed)
        self._observer = _Observer(self._failed)
        self._holdings = Holdings(Rules(verifier, (), self._observer, UNDERSTANDING), store)
        self._mirroring: Mirroring | None = None
        self._until = time.monotonic() + STARTING_SECONDS

    @property
    def problem(self) -> str | None:
        """Why it cannot be read, a constant of promptops.api.reasons; None when it can, or nobody has looked yet."""
        return self._mirroring.problem if self._mirroring is not None else None

    @property
    def is_well(self) -> bool:
        """Whether it was read, and can be."""
        has_answered = self._has_looked or self._observer.has_taken
        return has_answered and self.problem is None

    @property
    def _has_looked(self) -> bool:
        """Whether everything has happened that its first answer leads to."""
        return self._mirroring is not None and self._mirroring.has_looked

    @property
    def is_starting(self) -> bool:
        """Whether it may still answer for the first time: worth a moment to who has nothing else."""
        return not self._has_looked and self.problem is None and time.monotonic() < self._until

    @property
    def state(self) -> str:
        """How it stands, in a word."""
        return _OK if self.is_well else self.problem or (_STARTING if self.is_starting else reasons.SNAPSHOT_SLOW)

    async def run(self, is_away: Callable[[], bool]) -> None:
        """Take from the mirror while `is_away`, until cancelled."""
        self._mirroring = Mirroring(self._reader, self._holdings, is_away, self._failed)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_trust())
            await self._mirroring.run()

    async def _renew_trust(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            # What cannot be used now is looked at again; what was believed before is until then.
            with suppress(OSError, TrustUnusable):
                renewed = await self._anchors.renewed()
                if renewed is not None and self._trusted.yields_to(renewed):
                    self._trusted = renewed
                    self._verifier.replace(renewed.verifier)

    def _failed(self, reason: str, _detail: str) -> None:
        self.errors[reason] += 1


class _OfOneScope:
    """Believes what another verifier does, of one scope: a key of somebody else's namespace opens what is not served here."""

    def __init__(self, verifier: Verifier, scope: Callable[[], str | None]) -> None:
        self._verifier = verifier
        self._scope = scope

    @property
    def kids(self) -> tuple[str, ...]:
        return self._verifier.kids

    def verify(self, signed: Signed) -> Header:
        header = self._verifier.verify(signed)
        self._check(header.scope)
        return header

    def verify_revocation(self, signed: Signed) -> Revocation:
        revocation = self._verifier.verify_revocation(signed)
        self._check(revocation.scope)
        return revocation

    def _check(self, scope: str) -> None:
        mine = self._scope()
        if mine is not None and scope != mine:
            raise Refused(reasons.WRONG_SCOPE, f"the mirror has {scope}, this is {mine}")


class _Observer(FollowerObserver):
    """Counts what was not taken."""

    def __init__(self, failed: Callable[[str, str], None]) -> None:
        self.has_taken = False
        self._failed = failed

    def took(self, position: Position, durable: bool) -> None:
        self.has_taken = True

    def refused(self, reason: str, detail: str) -> None:
        self._failed(reason, detail)


def _configured(config: RedisConfig) -> MirrorSettings:
    """Return the settings that a configuration stands for. Raises SettingsError."""
    texts = {"url": config.url, "key_file": config.key_file, "trust_file": config.trust_file}
    for name, value in texts.items():
        if not isinstance(value, str | Path) or not str(value):
            raise SettingsError(f"cache.redis.{name} must be a text that is not empty, not {type(value).__name__}")
    check_url(config.url, "cache.redis.url")
    settings = RedisSettings(
        url=config.url,
        username=config.username,
        password_file=Path(config.password_file) if config.password_file is not None else None,
        authority_file=Path(config.authority_file) if config.authority_file is not None else None,
        key_file=Path(config.key_file),
        writes=False,
    )
    return MirrorSettings(settings, Path(config.trust_file))
