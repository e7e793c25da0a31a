"""A real Redis server, with the faults that a real one has."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from promptops.dev.distribution import DistributedProgram
from promptops.dev.ports import free_ports
from promptops.settings.redis import RedisSettings
from promptops.web.certificates import Authority
from tests.support.waiting import wait_until

ADMIN = "admin-password"
KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
OTHER_KEY = "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28="
READER_RULES = (
    "~promptops:*",
    "&promptops:*",
    "-@all",
    "+get",
    "+hmget",
    "+time",
    "+subscribe",
    "+unsubscribe",
    "+ping",
)
"""What docs/guides/redis.md gives to those who read."""
WRITER_RULES = (
    *("~promptops:*", "&promptops:*", "-@all", "+get", "+set", "+exists", "+hlen", "+hkeys", "+hset", "+hdel", "+del"),
    *("+expire", "+time", "+watch", "+unwatch", "+multi", "+exec", "+discard", "+publish", "+ping"),
)


@dataclass
class Server:
    """A server's process, and what it is started with."""

    binary: DistributedProgram
    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    secrets: list[Path] = field(default_factory=list)

    @property
    def client(self) -> redis.Redis:
        """Whoever may do everything."""
        return self.client_with(ADMIN)

    def client_with(self, password: str) -> redis.Redis:
        """The same with another password."""
        # Who says a wrong password is told so at once, and not after pauses of seconds between one attempt and the next.
        retry = Retry(NoBackoff(), 3)
        return redis.Redis(port=self.port, password=password, protocol=2, socket_timeout=20, retry=retry)

    def start(self) -> None:
        """Start it, empty unless it was told to keep something."""
        common = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--requirepass", ADMIN)
        self.process = subprocess.Popen(
            (str(self.binary.path), *common, "--dir", str(self.folder), *self.options),
            env=os.environ | self.binary.environment,
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, "redis-server answers")

    def kill(self) -> None:
        """End it at once, with everything in it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Let it hang: connections are taken and nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End the pause."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, however it stands."""
        if self.process is not None and self.process.poll() is None:
            self.go_on()
            self.kill()

    def user(self, name: str, *rules: str, authority: Path | None = None) -> None:
        """Let somebody in who may do so much. The password is the name. `authority`: of a server that speaks TLS."""
        over = (
            f"rediss://localhost:{self.port}?ssl_ca_certs={authority}"
            if authority
            else f"redis://localhost:{self.port}"
        )
        client = redis.Redis.from_url(over, password=ADMIN, protocol=2, socket_timeout=20)
        client.execute_command("ACL", "SETUSER", name, "on", f">{name}", *rules)

    def settings(
        self,
        *,
        port: int | None = None,
        user: str | None = None,
        password: str | None = None,
        key: str = KEY,
        writes: bool = False,
        authority: Path | None = None,
    ) -> RedisSettings:
        """Return what a reader or a writer has to know."""
        return RedisSettings(
            url=f"{'rediss' if authority else 'redis'}://localhost:{port or self.port}",
            username=user,
            password_file=self.secret(password or user or ADMIN),
            authority_file=authority,
            key_file=self.secret(key),
            writes=writes,
        )

    def speak_tls(self) -> tuple[Path, Path]:
        """Start it again, empty and with TLS alone. Return the authority that verifies it, and another."""
        now = datetime.now(UTC)
        authority, stranger = Authority("ours", now), Authority("another", now)
        pair = authority.server("redis", (), ("localhost",))
        ca, other, crt, key = (self.folder / name for name in ("ca", "other", "crt", "key"))
        ca.write_bytes(authority.certificate)
        other.write_bytes(stranger.certificate)
        crt.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        self.stop()
        self.options = (
            *("--port", "0", "--tls-port", str(self.port), "--tls-cert-file", str(crt), "--tls-key-file", str(key)),
            *("--tls-auth-clients", "no", "--tls-ca-cert-file", str(ca)),
        )
        self.start()
        return ca, other

    def secret(self, text: str) -> Path:
        """Return a file that has this text."""
        self.secrets.append(self.folder / f"secret-{len(self.secrets)}")
        self.secrets[-1].write_text(text + "\n")
        return self.secrets[-1]

    def environment(self, settings: RedisSettings) -> dict[str, str]:
        """Return the settings as a process is told them."""
        return {
            "PROMPTOPS_REDIS_URL": settings.url,
            "PROMPTOPS_REDIS_USERNAME": settings.username or "",
            "PROMPTOPS_REDIS_PASSWORD_FILE": str(settings.password_file),
            "PROMPTOPS_REDIS_KEY_FILE": str(settings.key_file),
            "PROMPTOPS_REDIS_WRITES": "true" if settings.writes else "false",
        }

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


NewServer = Callable[..., Server]


def servers(binary: DistributedProgram) -> Iterator[NewServer]:
    """Yield what starts servers; all of them are gone in the end."""
    home, started = Path(tempfile.mkdtemp(prefix="promptops-redis-")), list[Server]()

    def start(*options: str) -> Server:
        folder = home / str(len(started))
        folder.mkdir()
        started.append(Server(binary, folder, free_ports(1)[0], options))
        started[-1].start()
        return started[-1]

    try:
        yield start
    finally:
        for server in started:
            server.stop()
        shutil.rmtree(home)
