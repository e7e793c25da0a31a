"""A Redis server as a tier needs it: a small pool, every call bounded, and whatever goes wrong said in one way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    WatchError,
)
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as NotInTime
from redis.retry import Retry

from promptops.api import reasons
from promptops.settings.redis import RedisSettings

CONNECT_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 2.0
"""So long one answer is waited for; then the connection is thrown away, so that nobody gets another's answer."""
MOST_CONNECTIONS: Final = 4
"""One that writes, one that looks, one that fetches, one that listens."""

Redis = redis.Redis
Result = TypeVar("Result")


class RedisFailure(Exception):
    """The server did not do it. `reason` is a constant of promptops.api.reasons; the detail quotes nothing that was sent."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Outrun(Exception):
    """Somebody else wrote meanwhile: look again."""


class RedisServer:
    """Connections to one server, made when they are needed, by any thread and after any fork."""

    def __init__(self, settings: RedisSettings) -> None:
        known = settings.username is not None or settings.password_file is not None
        tls = {"ssl_ca_certs": str(settings.authority_file)} if settings.authority_file is not None else {}
        self._client = redis.Redis.from_url(
            settings.url,
            # Who says a name or a password, even an empty one, to a server that wants none is refused.
            credential_provider=_Credentials(settings.username, settings.password_file) if known else None,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            max_connections=MOST_CONNECTIONS,
            # Whoever calls tries again, later and later; what is waited for here is waited for once.
            retry=Retry(NoBackoff(), 0),
            # A reader's ACL need not know commands that say who calls.
            driver_info=None,
            protocol=2,
            **tls,
        )

    def run(self, act: Callable[[Redis], Result]) -> Result:
        """Return what the calls return. Raises RedisFailure, and Outrun."""
        try:
            return act(self._client)
        except WatchError:
            raise Outrun from None
        except (RedisError, OSError) as error:
            failure = _failure(error)
            if failure.reason == reasons.SNAPSHOT_READ_ONLY:
                # A replica by now: the name may lead to another server already, the open connections never will.
                self._client.connection_pool.disconnect()
            raise failure from None

    def close(self) -> None:
        """End every connection."""
        with suppress(RedisError, OSError):
            self._client.close()


def raw(answer: bytes | str | None) -> bytes | None:
    """Return an answer as the bytes that it is: nothing is decoded on the way here."""
    return cast(bytes | None, answer)


class News:
    """Hears of one channel, over a connection of its own that is made when it is needed."""

    def __init__(self, server: RedisServer, channel: str) -> None:
        self._server = server
        self._channel = channel
        self._listening: PubSub | None = None

    def heard(self, seconds: float) -> bool:
        """Wait for a message. Returns whether there was one. Raises RedisFailure."""
        try:
            return self._server.run(lambda client: self._heard(client, seconds))
        except RedisFailure:
            self.close()
            raise

    def close(self) -> None:
        """Hear no more."""
        listening, self._listening = self._listening, None
        if listening is not None:
            with suppress(RedisError, OSError):
                listening.close()

    def _heard(self, client: Redis, seconds: float) -> bool:
        if self._listening is None:
            self._listening = client.pubsub(ignore_subscribe_messages=True)
            self._listening.subscribe(self._channel)
        return cast(object, self._listening.get_message(timeout=seconds)) is not None


class _Credentials(redis.CredentialProvider):
    """Reads the password for every connection: a Secret is renewed under our feet."""

    def __init__(self, username: str | None, password_file: Path | None) -> None:
        self._username = username
        self._file = password_file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        if self._file is None:
            return (self._username, "") if self._username is not None else ("",)
        password = self._file.read_text().strip()
        return (self._username, password) if self._username is not None else (password,)


_REASONS: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (AuthenticationError, reasons.ACCESS_DENIED, "the user or the password is wrong"),
    (AuthorizationError, reasons.ACCESS_DENIED, "the user may not do this"),
    (NoPermissionError, reasons.ACCESS_DENIED, "the user may not do this"),
    (ReadOnlyError, reasons.SNAPSHOT_READ_ONLY, "this server takes no writes"),
    (OutOfMemoryError, reasons.OUT_OF_MEMORY, "its memory is full"),
    (NotInTime, reasons.SNAPSHOT_SLOW, "no answer in time"),
    (NotConnected, reasons.UNREACHABLE, "no connection"),
    (OSError, reasons.UNREACHABLE, "no connection, or the password's file cannot be read"),
)


def _failure(error: Exception) -> RedisFailure:
    for kind, reason, detail in _REASONS:
        if isinstance(error, kind):
            return RedisFailure(reason, detail)
    # The first word is Redis' own name of the error; what follows may quote what was sent.
    return RedisFailure(reasons.SNAPSHOT_FAILED, str(error).split(" ", 1)[0][:40] or type(error).__name__)
