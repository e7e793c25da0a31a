"""What a token says of itself, read before the API server is asked. Nothing of it is believed: it only spares a question."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, Final

from promptops.api.feed import AUDIENCE
from promptops.api.limits import MAX_TOKEN_CHARACTERS
from promptops.api.wire import Unreadable, read

LEEWAY_SECONDS: Final = 60.0
"""Clocks differ; the API server has the last word within so much."""
_PART: Final = re.compile(r"[A-Za-z0-9_-]+")
_SUBJECT: Final = re.compile(r"system:serviceaccount:[a-z0-9.-]{1,253}:[a-z0-9.-]{1,253}")


class Hopeless(Exception):
    """No API server accepts this token for the feed; the message says why and quotes nothing."""


@dataclass(frozen=True)
class Claims:
    """Whom a token says that it was issued to, and until when (Unix time; None when it does not say)."""

    subject: str
    expires: float | None


def read_claims(token: str, now: float) -> Claims:
    """Read the shape, the audience and the expiry of a ServiceAccount token. Raises Hopeless."""
    payload = _payload(token)
    subject, audience, expires = payload.get("sub"), payload.get("aud"), payload.get("exp")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise Hopeless("the token is no ServiceAccount's")
    if AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        raise Hopeless("the token was not made for the feed")
    if isinstance(expires, bool) or not isinstance(expires, int | float | None):
        raise Hopeless("the token does not say when it expires")
    if expires is not None and expires + LEEWAY_SECONDS < now:
        raise Hopeless("the token has expired")
    return Claims(subject, expires)


def _payload(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise Hopeless("the token is too long")
    parts = token.split(".")
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise Hopeless("this is no ServiceAccount token")
    try:
        return read(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), dict[str, Any])
    except (binascii.Error, Unreadable):
        raise Hopeless("this is no ServiceAccount token") from None
