"""The webhook's certificate: signed by the feed's own authority, kept in a Secret that its pods mount, and made known to the
API server. The operator does it because the webhook, which answers whoever reaches it, has no rights at all."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from promptops.api.names import WEBHOOK
from promptops.cluster.errors import AlreadyExists, ClusterError, Conflict, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import MUTATING_WEBHOOKS, SECRETS, VALIDATING_WEBHOOKS, Resource
from promptops.web.certificates import Identity, share_left

LIFE: Final = timedelta(days=30)
"""Of a certificate, unless its authority ends sooner; pods take up a renewed one within two minutes."""
_RENEWED_WITH: Final = 1 / 3
"""Of its own life left, whatever that is."""
LOOK_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 30.0
_CERTIFICATE, _KEY, _ISSUERS = "tls.crt", "tls.key", "ca.crt"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Issuer(Protocol):
    """Who signs certificates: the feed's authorities."""

    @property
    def authorities(self) -> str:
        """PEM certificates of those that sign now or will next."""

    def issue(self, hosts: tuple[str, ...], life: timedelta) -> Identity:
        """Sign a certificate for a server of these names."""


class WebhookCertificate:
    """Keeps the Secret and both configurations as they have to be, while this replica leads."""

    def __init__(
        self,
        objects: Objects,
        namespace: str,
        issuer: Issuer,
        life: timedelta = LIFE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._objects = objects
        self._namespace = namespace
        self._issuer = issuer
        self._life = life
        self._now = now
        self._patient_until = time.monotonic() + PATIENCE_SECONDS
        self._problem: str | None = "the API server has not been told yet whose certificate to believe of the webhook"

    @property
    def not_ready(self) -> str | None:
        """Why whoever waits for the installation should wait on; never for long: prompts are served without a webhook."""
        return self._problem if time.monotonic() < self._patient_until else None

    async def run(self, leads: Callable[[], bool]) -> None:
        """Look after it, forever."""
        while True:
            if leads():
                await self._look()
            await asyncio.sleep(LOOK_SECONDS if self._problem is None else _RETRY_SECONDS)

    async def _look(self) -> None:
        try:
            await self.look()
        except (Conflict, AlreadyExists):
            return  # somebody else wrote meanwhile; the next look sees what
        except ClusterError as error:
            problem = f"the webhook's certificate cannot be looked after: {error}"
            if problem != self._problem:
                log.warning("API server cannot call the webhook", reason=problem)
            self._problem = problem

    async def look(self) -> None:
        """Bring everything up to date. Raises a ClusterError.

        The API server is told first: a pod that has a certificate is one whose issuer is believed already.
        """
        issuers = self._issuer.authorities
        for resource in (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS):
            await self._tell(resource, issuers)
        await self._certify(issuers)
        self._problem = None

    async def _tell(self, resource: Resource, issuers: str) -> None:
        try:
            found = await self._objects.get(resource, None, WEBHOOK)
        except NotFound:
            return
        wanted = base64.b64encode(issuers.encode()).decode()
        hooks = [{**each, "clientConfig": {**each["clientConfig"], "caBundle": wanted}} for each in _hooks(found)]
        if hooks != _hooks(found):
            await self._objects.replace(resource, {**found, "webhooks": hooks})
            log.info("the API server was told whom to believe", kind=resource.kind)

    async def _certify(self, issuers: str) -> None:
        try:
            found = await self._objects.get(SECRETS, self._namespace, WEBHOOK)
        except NotFound:
            await self._objects.create(SECRETS, self._secret({}, issuers))
            return
        if not self._is_good(found.get("data") or {}, issuers):
            await self._objects.replace(SECRETS, self._secret(found, issuers))
            log.info("certificate of the webhook renewed")

    def _is_good(self, data: Mapping[str, str], issuers: str) -> bool:
        try:
            certificate, _, signed_by = (base64.b64decode(data[key]) for key in (_CERTIFICATE, _KEY, _ISSUERS))
            left = share_left(certificate, self._now())
        except (KeyError, ValueError):
            return False
        # Signed before an authority changed, it may be signed by one that is believed no more.
        return left > _RENEWED_WITH and signed_by == issuers.encode()

    def _secret(self, found: Mapping[str, Any], issuers: str) -> dict[str, Any]:
        host = f"{WEBHOOK}.{self._namespace}.svc"
        identity = self._issuer.issue((host,), self._life)
        data = {_CERTIFICATE: identity.certificate, _KEY: identity.key, _ISSUERS: issuers.encode()}
        return {
            "apiVersion": SECRETS.api_version,
            "kind": SECRETS.kind,
            "type": "kubernetes.io/tls",
            **found,
            "metadata": found.get("metadata") or {"name": WEBHOOK, "namespace": self._namespace},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }


def _hooks(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    hooks: Iterable[dict[str, Any]] = configuration.get("webhooks") or ()
    return list(hooks)
