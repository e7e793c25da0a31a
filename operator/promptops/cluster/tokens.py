"""Who a bearer token speaks for, asked of the API server. Only tokens made for the feed count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from promptops.api.feed import AUDIENCE
from promptops.api.limits import MAX_TOKEN_CHARACTERS
from promptops.cluster.client import Client
from promptops.cluster.resources import TOKEN_REVIEWS

_USER_PREFIX = "system:serviceaccount:"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_POD_NAME = "authentication.kubernetes.io/pod-name"


class TokenRefused(Exception):
    """The token is none, expired, revoked, or made for somebody else."""


@dataclass(frozen=True)
class Review:
    """The ServiceAccount, and the pod when the token is bound to one."""

    namespace: str
    service_account: str
    pod_uid: str | None
    pod_name: str | None


class TokenReviewer:
    """Asks the API server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def review(self, token: str) -> Review:
        """Say whose token this is.

        Raises TokenRefused, or a ClusterError when the API server did not answer: then nothing is known.
        """
        if not token or len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenRefused("no token")
        answer = await self._client.call(
            "review tokens",
            "POST",
            TOKEN_REVIEWS.path(),
            body={
                "apiVersion": TOKEN_REVIEWS.api_version,
                "kind": TOKEN_REVIEWS.kind,
                "spec": {"token": token, "audiences": [AUDIENCE]},
            },
        )
        return _review(answer.get("status") or {})


def _review(status: dict[str, Any]) -> Review:
    if not status.get("authenticated"):
        raise TokenRefused("the API server does not accept this token for the feed")
    # An authenticator that knows no audiences answers without them: that is no yes.
    if AUDIENCE not in (status.get("audiences") or ()):
        raise TokenRefused("the token was not made for the feed")
    user = status.get("user") or {}
    namespace, _, name = str(user.get("username", "")).removeprefix(_USER_PREFIX).partition(":")
    if not (str(user.get("username", "")).startswith(_USER_PREFIX) and namespace and name):
        raise TokenRefused("the token is no ServiceAccount's")
    extra = user.get("extra") or {}
    return Review(namespace, name, _first(extra, _POD_UID), _first(extra, _POD_NAME))


def _first(extra: dict[str, Any], key: str) -> str | None:
    values = extra.get(key)
    return str(values[0]) if values else None
