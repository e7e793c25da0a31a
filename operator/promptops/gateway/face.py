"""A gateway's face: the calls of a sidecar, for the namespace that the token of each request names."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Awaitable
from typing import Final

import msgspec

from promptops.api.names import RELAY
from promptops.feed.admittance import caller_of, not_admitted
from promptops.feed.authentication import Authenticate, Caller, TooMany
from promptops.gateway.scopes import ScopesServed
from promptops.relay.above import Above
from promptops.relay.process import Face
from promptops.telemetry.gateway import GatewayMetrics
from promptops.telemetry.relay import RelayMetrics
from promptops.telemetry.supervision import Supervisor
from promptops.web.answers import Answer, Lasting, TakenRequest
from promptops.web.budgets import Allowances
from promptops.web.problems import no_such_route
from promptops.web.requests import Head

REQUESTS_OF_ONE: Final = (2000, 500.0)
"""Calls at once, and then a second, of one identity: a pod, or whoever shares a token that is bound to none."""
RETRY_SECONDS: Final = 1
DRAIN_SECONDS: Final = 3.0
"""So long callers are still answered after SIGTERM: until every node has heard that this pod is leaving."""


class GatewayApp:
    """Asks who calls, then answers as that namespace's sidecar would."""

    def __init__(self, authenticate: Authenticate, scopes: ScopesServed) -> None:
        self._authenticate = authenticate
        self._scopes = scopes
        self._requests = Allowances(*REQUESTS_OF_ONE)

    def __call__(self, head: Head) -> Awaitable[TakenRequest]:
        """Say who answers a request. Raises HttpRefusal and PromptError."""
        return self._admitted(head)

    async def _admitted(self, head: Head) -> TakenRequest:
        caller = await caller_of(head, self._authenticate)
        if not self._requests.of(caller.identity).take(time.monotonic()):
            raise not_admitted(TooMany("too many requests; retry", RETRY_SECONDS))
        taken = self._scopes.of(caller)(head)
        # Never taken again for somebody who was not asked for a token.
        return msgspec.structs.replace(taken, answer=lambda body: _complete(taken.answer(body)), is_repeatable=False)


async def _complete(answering: Answer | Lasting | Awaitable[Answer | Lasting]) -> Answer:
    """Return an answer that ends: one that goes on would outlive the token that was shown for it."""
    answer = answering if isinstance(answering, Answer | Lasting) else await answering
    if isinstance(answer, Lasting):
        raise no_such_route("")
    return answer


def gateway_face(above: Above, metrics: RelayMetrics) -> Face:
    """Render what is held."""
    own = GatewayMetrics(metrics.registry)
    instance = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    account = Caller("", "", "", None, RELAY)
    scopes = ScopesServed(above.relay, own, Supervisor(metrics.process), lambda: above.kids, account, instance)
    return Face(
        "renders",
        GatewayApp(above.authenticate, scopes),
        observe=lambda: own.scopes(len(scopes)),
        close=scopes.end,
        lasting=(("scopes", scopes.run),),
        drain_seconds=DRAIN_SECONDS,
    )
