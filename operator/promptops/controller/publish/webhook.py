"""The webhook's certificate, kept in a Secret that its pods mount, and made known to the API server. The operator does it
because the webhook, which answers whoever reaches it, has no rights at all."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from promptops.api.names import WEBHOOK
from promptops.cluster.errors import NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Resource
from promptops.controller.publish.certificates import LIFE, Caretaker, CertificateSecret, Issuer

PATIENCE_SECONDS: Final = 30.0

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


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
        self._issuer = issuer
        self._secret = CertificateSecret(
            objects, namespace, WEBHOOK, (f"{WEBHOOK}.{namespace}.svc",), issuer, life, now
        )
        self._patient_until = time.monotonic() + PATIENCE_SECONDS
        self._caretaker = Caretaker(
            self._look,
            "the webhook's certificate",
            "the API server has not been told yet whose certificate to believe of the webhook",
        )

    @property
    def not_ready(self) -> str | None:
        """Why whoever waits for the installation should wait on; never for long: prompts are served without a webhook."""
        return self._caretaker.problem if time.monotonic() < self._patient_until else None

    async def run(self, leads: Callable[[], bool]) -> None:
        """Look after it, forever."""
        await self._caretaker.run(leads)

    async def look(self) -> None:
        """Bring everything up to date. Raises a ClusterError."""
        await self._caretaker.look()

    async def _look(self) -> None:
        # The API server is told first: a pod that has a certificate is one whose issuer is believed already.
        issuers = self._issuer.authorities
        for resource in (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS):
            await self._tell(resource, issuers)
        await self._secret.look()

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


def _hooks(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    hooks: Iterable[dict[str, Any]] = configuration.get("webhooks") or ()
    return list(hooks)
