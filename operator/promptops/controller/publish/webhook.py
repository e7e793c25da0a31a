"""The webhook's certificate, kept in a Secret that its pods mount, and made known to the API server, which is then tried out.
The operator does it because the webhook, which answers whoever reaches it, has no rights at all."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from promptops.api.names import VALIDATING_HOOK, WEBHOOK
from promptops.cluster.errors import ClusterError, NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import MUTATING_WEBHOOKS, PROMPT_VERSIONS, VALIDATING_WEBHOOKS, Resource
from promptops.controller.publish.certificates import LIFE, Caretaker, CertificateSecret, Issuer

PATIENCE_SECONDS: Final = 60.0
_ASK_SECONDS, _ASK_SELDOM_SECONDS = 0.5, 30.0
"""Between two rehearsals: while an installation is waited for, and after."""

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
        self._rehearsal = Rehearsal(objects, namespace)

    @property
    def not_ready(self) -> str | None:
        """Why whoever waits for the installation should wait on; never for long: prompts are served without a webhook."""
        return self._caretaker.problem or self._rehearsal.problem if self._is_patient else None

    async def run(self, leads: Callable[[], bool]) -> None:
        """Look after it, forever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._caretaker.run(leads))
            group.create_task(self._rehearse(leads))

    async def look(self) -> None:
        """Bring everything up to date, and see whether it is of use. Raises a ClusterError."""
        await self._caretaker.look()
        await self._rehearsal.look()

    @property
    def _is_patient(self) -> bool:
        return time.monotonic() < self._patient_until

    async def _rehearse(self, leads: Callable[[], bool]) -> None:
        said = None
        while self._rehearsal.problem is not None:
            if leads() and self._caretaker.problem is None:
                await self._rehearsal.look()
            if not self._is_patient and said != (said := self._rehearsal.problem) is not None:
                log.warning("nothing is checked at kubectl apply, and no pod gets a sidecar", reason=said)
            await asyncio.sleep(_ASK_SECONDS if self._is_patient else _ASK_SELDOM_SECONDS)

    async def _look(self) -> None:
        # The API server is told first: a pod that has a certificate is one whose issuer is believed already. And of
        # injection before the rest, which is what a rehearsal sees.
        issuers = self._issuer.authorities
        for resource in (MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS):
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


class Rehearsal:
    """Whether the API server asks the webhook. Ready pods, their Service, a certificate that is believed: each takes a while to
    arrive where the next one needs it, and `failurePolicy: Ignore` keeps silent about it. So it is tried out."""

    def __init__(self, objects: Objects, namespace: str) -> None:
        self._objects = objects
        self._namespace = namespace
        self.problem: str | None = "the API server has not been seen to ask the webhook yet"
        """None once it was seen; what happens later shows in the metrics of the webhook and of the API server."""

    async def look(self) -> None:
        """Have a version judged that the webhook alone refuses; nothing is stored."""
        try:
            self.problem = await self._unasked()
        except ClusterError as error:
            self.problem = f"whether the API server asks the webhook cannot be seen: {error}"
        if self.problem is None:
            log.info("the API server asks the webhook")

    async def _unasked(self) -> str | None:
        refusal = await self._objects.refusal(PROMPT_VERSIONS, _broken(self._namespace))
        if refusal is None:
            return "the API server does not ask the webhook: it takes a version that the webhook would refuse"
        return None if VALIDATING_HOOK in refusal else f"the API server is kept from asking the webhook: {refusal}"


def _broken(namespace: str) -> dict[str, Any]:
    """A version that fits its schema and the policies, and whose template has no end."""
    return {
        "apiVersion": PROMPT_VERSIONS.api_version,
        "kind": PROMPT_VERSIONS.kind,
        "metadata": {"name": "rehearsal-1.0.0", "namespace": namespace},
        "spec": {"promptRef": {"name": "rehearsal"}, "version": "1.0.0", "content": {"text": "{{"}},
    }


def _hooks(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    hooks: Iterable[dict[str, Any]] = configuration.get("webhooks") or ()
    return list(hooks)
