"""Certificates of servers that have no rights to fetch one: signed by the feed's own authority, kept in Secrets that pods mount."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from promptops.api.names import RELAY, feed_host, gateway_host
from promptops.cluster.errors import AlreadyExists, ClusterError, Conflict, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import SECRETS
from promptops.web.certificates import Identity, share_left

LIFE: Final = timedelta(days=30)
"""Of a certificate, unless its authority ends sooner; pods take up a renewed one within two minutes."""
_RENEWED_WITH: Final = 1 / 3
"""Of its own life left, whatever that is."""
LOOK_SECONDS: Final = 10.0
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 1.0, 60.0
"""After a failure, and after many: whoever lost a right asks for it seldom."""
_LOOK_FOR_LEAD_SECONDS: Final = 0.2
"""Pods of a first installation wait for what they mount, and each time they look in vain for twice as long."""
_CERTIFICATE, _KEY, _ISSUERS = "tls.crt", "tls.key", "ca.crt"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Issuer(Protocol):
    """Who signs certificates: the feed's authorities."""

    @property
    def authorities(self) -> str:
        """PEM certificates of those that sign now or will next."""

    def issue(self, hosts: tuple[str, ...], life: timedelta) -> Identity:
        """Sign a certificate for a server of these names."""


class CertificateSecret:
    """One Secret of the operator's namespace, with the certificate of servers that answer at some names."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        name: str,
        hosts: tuple[str, ...],
        issuer: Issuer,
        life: timedelta = LIFE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._objects = objects
        self._namespace = namespace
        self._name = name
        self._hosts = hosts
        self._issuer = issuer
        self._life = life
        self._now = now

    async def look(self) -> None:
        """Make it, or renew what is in it when it is old or signed by somebody else. Raises a ClusterError."""
        issuers = self._issuer.authorities
        try:
            found = await self._objects.get(SECRETS, self._namespace, self._name)
        except NotFound:
            await self._objects.create(SECRETS, self._secret({}, issuers))
            return
        if not self._is_good(found.get("data") or {}, issuers):
            await self._objects.replace(SECRETS, self._secret(found, issuers))
            log.info("certificate renewed", secret=self._name)

    def _is_good(self, data: Mapping[str, str], issuers: str) -> bool:
        try:
            certificate, _, signed_by = (base64.b64decode(data[key]) for key in (_CERTIFICATE, _KEY, _ISSUERS))
            left = share_left(certificate, self._now())
        except (KeyError, ValueError):
            return False
        # Signed before an authority changed, it may be signed by one that is believed no more.
        return left > _RENEWED_WITH and signed_by == issuers.encode()

    def _secret(self, found: Mapping[str, Any], issuers: str) -> dict[str, Any]:
        identity = self._issuer.issue(self._hosts, self._life)
        data = {_CERTIFICATE: identity.certificate, _KEY: identity.key, _ISSUERS: issuers.encode()}
        return {
            "apiVersion": SECRETS.api_version,
            "kind": SECRETS.kind,
            "type": "kubernetes.io/tls",
            **found,
            "metadata": found.get("metadata") or {"name": self._name, "namespace": self._namespace},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }


class Caretaker:
    """Looks after something while this replica leads, forever: again soon while that fails, and saying every problem once."""

    def __init__(self, look: Callable[[], Awaitable[None]], what: str, pending: str) -> None:
        """`look` raises a ClusterError; `pending` is the problem until it succeeded once."""
        self._look = look
        self._what = what
        self._retry = _FIRST_RETRY_SECONDS
        self.problem: str | None = pending

    async def run(self, leads: Callable[[], bool]) -> None:
        """Look again and again."""
        while True:
            seconds = await self.again_in() if leads() else _LOOK_FOR_LEAD_SECONDS
            await asyncio.sleep(seconds)

    async def again_in(self) -> float:
        """Look once, and return after how many seconds to look again: later with each failure."""
        await self._try()
        if self.problem is None:
            self._retry = _FIRST_RETRY_SECONDS
            return LOOK_SECONDS
        seconds, self._retry = self._retry, min(2 * self._retry, _LAST_RETRY_SECONDS)
        return seconds

    async def look(self) -> None:
        """Look once. Raises a ClusterError."""
        await self._look()
        self.problem = None

    async def _try(self) -> None:
        try:
            await self.look()
        except (Conflict, AlreadyExists):
            return  # somebody else wrote meanwhile; the next look sees what
        except ClusterError as error:
            problem = f"{self._what} cannot be looked after: {error}"
            if problem != self.problem:
                log.warning("a certificate cannot be looked after", what=self._what, reason=str(error))
            self.problem = problem


def relay_certificate(objects: Objects, namespace: str, issuer: Issuer) -> Caretaker:
    """Return who keeps the certificate of relays and gateways, whether there are any or not: they come and go."""
    secret = CertificateSecret(objects, namespace, RELAY, (feed_host(namespace), gateway_host(namespace)), issuer)
    return Caretaker(secret.look, "the certificate of relays", "nobody has looked after it yet")
