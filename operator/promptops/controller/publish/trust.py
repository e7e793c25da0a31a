"""Keeps the keys of an installation: in one Secret, made once; what followers are to believe of them in a ConfigMap."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog

from promptops.api.feed import Signed, Trust
from promptops.api.names import KEYS_SECRET, TRUST_CONFIG_MAP, TRUST_KEY, feed_host
from promptops.cache.signing import KeyVerifier, Signer
from promptops.cache.verifier import Replaceable
from promptops.cluster.errors import AlreadyExists, ClusterError, Conflict, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS, SECRETS
from promptops.controller.publish.keyring import Keyring, Knows, Lives, advanced, new_keyring, read_keyring, written
from promptops.web.certificates import Identity
from promptops.web.encryption import Encryption

KEYRING = "keyring.json"
"""The key of the Secret."""
_RENEWED_AFTER = 2 / 3
"""Of its life, a certificate is renewed."""
_LOOKS = 6
"""In the shortest life, so that no moment is missed."""
_MOST_SECONDS, _LEAST_SECONDS = 60.0, 2.0

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def _nobody_knows(_kid: str) -> bool:
    return False


class KeysUnusable(Exception):
    """The Secret is there and what is in it is no set of keys. It is never overwritten: sidecars trust what it held."""


async def load_or_create(objects: Objects, namespace: str, lives: Lives, now: datetime) -> Keyring:
    """Return the keys; make them when there are none. Raises KeysUnusable, or a ClusterError."""
    try:
        secret = await objects.get(SECRETS, namespace, KEYS_SECRET)
    except NotFound:
        try:
            secret = await objects.create(SECRETS, _secret(namespace, new_keyring(lives, now)))
        except AlreadyExists:
            secret = await objects.get(SECRETS, namespace, KEYS_SECRET)
    return _read(secret.get("data") or {}, f"Secret {namespace}/{KEYS_SECRET}")


def _secret(namespace: str, ring: Keyring) -> dict[str, Any]:
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "metadata": {"name": KEYS_SECRET, "namespace": namespace},
        "type": "Opaque",
        "data": {KEYRING: base64.b64encode(written(ring)).decode()},
    }


def _read(data: dict[str, str], where: str) -> Keyring:
    try:
        return read_keyring(base64.b64decode(data[KEYRING], validate=True))
    except KeyError:
        raise KeysUnusable(f"{where} lacks {KEYRING}; restore it from a backup") from None
    except ValueError as error:
        raise KeysUnusable(f"{where} cannot be used: {error}; restore it from a backup") from None


class Keys:
    """What this replica signs, verifies and speaks TLS with, kept as the Secret says and renewed in time."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        ring: Keyring,
        lives: Lives,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises ValueError when the ring is none."""
        self._objects = objects
        self._namespace = namespace
        self._lives = lives
        self._now = now
        self._ring = ring
        self._certified_at = now()
        self.verifier = Replaceable(KeyVerifier(ring.trust))
        self.encryption = Encryption(ring.certificate(self._hosts, lives.certificate, self._certified_at))
        self.changed: Callable[[], None] = lambda: None
        """Called when something else signs or is to be believed."""

    @property
    def signer(self) -> Signer:
        """What signs now."""
        return self._ring.signer

    @property
    def trust(self) -> Trust:
        """What is to be believed."""
        return self._ring.trust

    @property
    def announcement(self) -> Signed:
        """The same, signed. Every replica says it in the same bytes."""
        return self.signer.announce(self.trust)

    @property
    def authorities(self) -> str:
        """PEM certificates of those that sign what is shown to others, now and next."""
        return self._ring.trust.ca

    def issue(self, hosts: tuple[str, ...], life: timedelta) -> Identity:
        """Sign a certificate for another server of ours that answers at these names."""
        return self._ring.certificate(hosts, life, self._now())

    async def run(self, leads: Callable[[], bool], knows: Knows) -> None:
        """Renew what grows old, forever; while we lead, also the keys, and say what is to be believed."""
        while True:
            try:
                await self.look(leading=leads(), knows=knows)
            except (ClusterError, KeysUnusable) as error:
                log.warning("keys cannot be looked after; what is held is used", reason=str(error))
            await asyncio.sleep(self._pause)

    async def look(self, *, leading: bool, knows: Knows = _nobody_knows) -> None:
        """Take up what was changed, and renew our certificate; as the leader, change what has to be and say it.

        Raises KeysUnusable when the Secret was spoilt, or a ClusterError.
        """
        try:
            secret = await self._objects.get(SECRETS, self._namespace, KEYS_SECRET)
        except NotFound:
            if not leading:
                return
            log.error("the Secret with the keys was deleted, and is made again", secret=KEYS_SECRET)
            secret = await self._objects.create(SECRETS, _secret(self._namespace, self._ring))
        ring = _read(secret.get("data") or {}, f"Secret {self._namespace}/{KEYS_SECRET}")
        if leading:
            ring = await self._advance(secret, ring, knows)
        if ring != self._ring or self._now() - self._certified_at >= self._lives.certificate * _RENEWED_AFTER:
            self._take(ring)
        if leading:
            await self._tell()

    @property
    def _pause(self) -> float:
        shortest = min(self._lives.certificate / _LOOKS, self._lives.key / _LOOKS, self._lives.authority / _LOOKS**2)
        return min(_MOST_SECONDS, max(_LEAST_SECONDS, shortest.total_seconds()))

    @property
    def _hosts(self) -> tuple[str, ...]:
        host = feed_host(self._namespace)
        return (host, host.removesuffix(".svc"), host.partition(".")[0])

    async def _advance(self, secret: dict[str, Any], ring: Keyring, knows: Knows) -> Keyring:
        """Take the step whose time has come. The Secret is the memory: nothing is used before it stands there."""
        after = advanced(ring, self._lives, knows, self._now())
        if after is ring:
            return ring
        try:
            await self._objects.replace(SECRETS, {**secret, "data": _secret(self._namespace, after)["data"]})
        except Conflict:
            return ring  # somebody else wrote it; the next look sees what
        log.info("keys renewed", kids=[key.signer.kid for key in after.signing], signing=after.signer.kid)
        return after

    def _take(self, ring: Keyring) -> None:
        now = self._now()
        self.encryption.renew(ring.certificate(self._hosts, self._lives.certificate, now))
        self._certified_at = now
        before, self._ring = self._ring, ring
        if ring != before:
            self.verifier.replace(KeyVerifier(ring.trust))
            self.changed()

    async def _tell(self) -> None:
        """Write what new sidecars are to believe."""
        wanted = {TRUST_KEY: msgspec.json.encode(self._ring.trust).decode()}
        try:
            found = await self._objects.get(CONFIG_MAPS, self._namespace, TRUST_CONFIG_MAP)
            if found.get("data") != wanted:
                await self._objects.replace(CONFIG_MAPS, {**found, "data": wanted})
        except NotFound:
            await self._objects.create(
                CONFIG_MAPS,
                {
                    "apiVersion": CONFIG_MAPS.api_version,
                    "kind": CONFIG_MAPS.kind,
                    "metadata": {"name": TRUST_CONFIG_MAP, "namespace": self._namespace},
                    "data": wanted,
                },
            )
        except (AlreadyExists, Conflict):
            return  # somebody else was faster; the next look sees what they wrote
