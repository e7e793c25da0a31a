"""A client that reads a mirror in a real Redis by itself: beside a sidecar, and where there is none."""

from __future__ import annotations

import base64
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Trust
from promptops.cache.clock import Clock
from promptops.cache.signing import Signer
from promptops.cache.tiers.mirror import Mirror, MirrorPlaces
from promptops.cache.tiers.redis_server import RedisServer
from promptops.cache.tiers.sealing import Seal, Sole
from promptops.cache.view import View
from promptops.client import (
    CacheConfig,
    CacheError,
    CacheLevel,
    ClientConfig,
    ConfigurationError,
    NetworkError,
    PromptNotFoundError,
    RedisConfig,
    RenderItem,
    RetryConfig,
    ServerError,
    SyncPromptOpsClient,
    ValidationError,
)
from promptops.dev.ports import free_ports
from tests.cache.scribe import Scribe, entry
from tests.cache.tiers.test_disk import taken
from tests.client.conftest import ask_with
from tests.support.manifests import sourced
from tests.support.redis import KEY, OTHER_KEY, READER_RULES, NewServer, Server
from tests.support.sidecar import ROOT, Sidecar, Start, sidecars, write
from tests.support.waiting import wait_until

CLOCK = Clock()
SEAL = Seal(base64.b64decode(KEY))
PLACES = MirrorPlaces(SEAL)
FIRST = taken(None, 1, entry("greeting", "v1"), entry("other", "o"), texts=("v1", "o"))
SECOND = taken(FIRST, 2, entry("greeting", "v2", revision=2), entry("other", "o"), texts=("v2",))
THIRD = taken(SECOND, 3, entry("greeting", "v3", revision=3), entry("other", "o"), texts=("v3",))
REDIS_SECONDS = 2.0
"""So long whoever asks Redis waits for an answer; whoever renders never does."""
LEVELS = [CacheLevel.REDIS, CacheLevel.HYBRID]


@dataclass
class Mirrored:
    """A Redis, what fills it, and what reads it."""

    server: Server
    folder: Path
    scribe: Scribe

    def hold(self, view: View, *, age: float = 0.0, authority: Path | None = None) -> None:
        """Have the mirror hold a view that the origin confirmed so long ago."""
        server = RedisServer(self.server.settings(authority=authority))
        seals = Sole(base64.b64decode(KEY))
        with closing(Mirror(server, seals, self.scribe.verifier, CLOCK, lambda *_: None)) as writer:
            assert writer.save(view, None, CLOCK.now() - age)

    def redis(self, *, key: str = KEY, user: str | None = None, authority: Path | None = None) -> RedisConfig:
        settings = self.server.settings(key=key, user=user, authority=authority)
        return RedisConfig(
            settings.url,
            settings.key_file,
            self.trusting(self.scribe.signer),
            settings.username,
            settings.password_file,
            settings.authority_file,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that is told of the mirror."""
        return {
            **os.environ,
            **self.server.environment(self.server.settings()),
            "PROMPTOPS_TRUST_FILE": str(self.trusting(self.scribe.signer)),
            "PROMPTOPS_URL": f"http://127.0.0.1:{free_ports(1)[0]}",
            "PYTHONPATH": str(ROOT / "operator"),
        }

    def trusting(self, signer: Signer) -> Path:
        """Return a trust file that names that key alone."""
        file = self.folder / "trust.json"
        file.write_bytes(msgspec.json.encode(Trust((signer.trusted,))))
        return file

    def config(
        self, level: CacheLevel, *, socket: Path | None = None, redis: RedisConfig | None = None
    ) -> ClientConfig:
        """Return settings for a client beside the socket, or far from any sidecar."""
        where: dict[str, Any] = {"socket": socket} if socket else {"base_url": f"http://127.0.0.1:{free_ports(1)[0]}"}
        cache = CacheConfig(level, redis=redis or self.redis())
        return ClientConfig(**where, cache=cache, retry=RetryConfig(attempts=1), timeout_seconds=60)


@pytest.fixture
def mirrored(new_redis: NewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirrored:
    """A Redis of the test's own, waited for by clients for as long as a busy machine needs."""
    monkeypatch.setattr("promptops.client.in_process.mirrored.STARTING_SECONDS", 60.0)
    monkeypatch.setattr("promptops.client.session.INITIAL_SECONDS", 60.0)
    monkeypatch.setattr("promptops.cache.tiers.redis_server.CONNECT_SECONDS", 60.0)
    return Mirrored(new_redis(), tmp_path, Scribe())


@pytest.fixture
def start_sidecar() -> Iterator[Start]:
    """Start sidecars of the test's own."""
    yield from sidecars()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("beside", [False, True], ids=["no sidecar", "a sidecar's socket that nobody listens at"])
def test_where_no_sidecar_is_the_mirror_answers_the_first_render(
    mirrored: Mirrored, kind: str, level: CacheLevel, beside: bool
) -> None:
    mirrored.hold(FIRST, age=120)
    ask = ask_with(kind, mirrored.config(level, socket=mirrored.folder / "nobody.sock" if beside else None))

    answer = ask("render_prompt", "greeting")

    assert (answer.rendered_content, answer.source, answer.stale) == ("v1", "redis", True)
    assert answer.age_seconds == pytest.approx(120, abs=20)


@pytest.mark.parametrize("level", LEVELS)
def test_a_change_comes_by_itself_and_nothing_goes_back(mirrored: Mirrored, level: CacheLevel) -> None:
    mirrored.hold(FIRST)
    with SyncPromptOpsClient(mirrored.config(level)) as client:
        client.initialize()
        seen = [client.render_prompt("greeting").rendered_content]

        def says(text: str) -> bool:
            seen.append(client.render_prompt("greeting").rendered_content)
            return seen[-1] == text

        mirrored.hold(SECOND)
        wait_until(partial(says, "v2"), "the change")
        # A Redis that lost everything and was filled by somebody who is behind.
        mirrored.server.client.flushall()
        mirrored.hold(FIRST)
        mirrored.hold(THIRD)
        wait_until(partial(says, "v3"), "the change after it")

    assert sorted(seen) == seen


def test_what_was_held_goes_on_while_redis_hangs_and_nobody_waits_for_it(mirrored: Mirrored) -> None:
    mirrored.hold(FIRST)
    with SyncPromptOpsClient(mirrored.config(CacheLevel.HYBRID)) as client:
        client.initialize()
        mirrored.server.pause()
        taken_seconds = []

        def is_known_to_hang() -> bool:
            asked = time.monotonic()
            assert client.render_prompt("greeting").source == "redis"
            taken_seconds.append(time.monotonic() - asked)
            return client.get_cache_stats().redis == reasons.SNAPSHOT_SLOW

        wait_until(is_known_to_hang, "that Redis hangs is known")
        mirrored.server.go_on()
        wait_until(lambda: client.get_cache_stats().redis == "ok", "Redis is well again")

    assert statistics.median(taken_seconds) < REDIS_SECONDS / 2, "nobody waits"
    assert client.get_cache_stats().redis_errors[reasons.SNAPSHOT_SLOW] >= 1


def of_another_namespace(mirrored: Mirrored) -> RedisConfig:
    foreign = MirrorPlaces(Seal(base64.b64decode(OTHER_KEY)))
    for place in ("head", "index", "blobs"):
        mirrored.server.client.copy(getattr(PLACES, place), getattr(foreign, place))
    return mirrored.redis(key=OTHER_KEY)


def of_a_signer_that_is_not_believed(mirrored: Mirrored) -> RedisConfig:
    redis = mirrored.redis()
    mirrored.trusting(Signer(b"o" * 32))
    return redis


def of_a_user_without_a_right(mirrored: Mirrored) -> RedisConfig:
    mirrored.server.user("nobody", "-@all", "+ping")
    return mirrored.redis(user="nobody")


def of_a_redis_that_is_gone(mirrored: Mirrored) -> RedisConfig:
    redis = mirrored.redis()
    mirrored.server.kill()
    return redis


def of_a_redis_that_hangs(mirrored: Mirrored) -> RedisConfig:
    redis = mirrored.redis()
    mirrored.server.pause()
    return redis


@pytest.mark.parametrize(
    ("hurt", "reason"),
    [
        pytest.param(of_another_namespace, reasons.SEAL_BROKEN, id="another namespace's bytes"),
        pytest.param(of_a_signer_that_is_not_believed, reasons.UNKNOWN_KEY, id="a signer that is not believed"),
        pytest.param(of_a_user_without_a_right, reasons.ACCESS_DENIED, id="a user without a right"),
        pytest.param(of_a_redis_that_is_gone, reasons.UNREACHABLE, id="gone"),
        pytest.param(of_a_redis_that_hangs, reasons.SNAPSHOT_SLOW, id="hung"),
    ],
)
def test_what_cannot_be_read_or_believed_is_counted_and_never_served(
    mirrored: Mirrored, kind: str, hurt: Callable[[Mirrored], RedisConfig], reason: str
) -> None:
    mirrored.hold(FIRST)
    config = mirrored.config(CacheLevel.REDIS, redis=hurt(mirrored))
    with pytest.raises(CacheError) as caught:
        ask_with(kind, config)("initialize")

    assert (caught.value.cache_type, caught.value.retryable) == ("redis", True)
    assert "nothing listens at" in str(caught.value)
    with SyncPromptOpsClient(config) as client:
        with pytest.raises(NetworkError):
            client.render_prompt("greeting")
        wait_until(lambda: client.get_cache_stats().redis_errors.get(reason, 0) > 0, reason)
        assert client.get_cache_stats().redis == reason
        assert client.render_prompt("greeting", fallback="our own words").source == "fallback"


def refusals(client: SyncPromptOpsClient) -> int:
    """How often what lies in Redis was another namespace's."""
    return client.get_cache_stats().redis_errors.get(reasons.WRONG_SCOPE, 0)


def test_a_sidecar_that_serves_another_scope_wins_over_the_key(mirrored: Mirrored, start_sidecar: Start) -> None:
    """The key of somebody else's namespace, rightly signed: not one byte of it is rendered beside a sidecar."""
    mirrored.hold(FIRST)
    (mirrored.folder / "prompts").mkdir()
    write(mirrored.folder / "prompts" / "own.yaml", sourced("greeting", {"text": "own"}))
    sidecar = start_sidecar(mirrored.folder / "prompts")
    with SyncPromptOpsClient(mirrored.config(CacheLevel.HYBRID, socket=sidecar.socket)) as client:
        wait_until(lambda: client.render_prompt("greeting").cache_hit and client.get_stats().local, "it follows")
        sidecar.stop()
        wait_until(lambda: client.render_prompt("greeting").source == "snapshot", "it is known to be away")
        before = refusals(client)
        wait_until(lambda: refusals(client) > before, "the scope is refused")

        answer = client.render_prompt("greeting")

    assert (answer.rendered_content, answer.source) == ("own", "snapshot")


def test_what_a_sidecar_answers_counts_before_the_mirror(mirrored: Mirrored, kind: str, sidecar: Sidecar) -> None:
    mirrored.hold(taken(None, 1, entry("greeting", "v1"), entry("off", "o"), texts=("v1", "o")))
    ask = ask_with(kind, mirrored.config(CacheLevel.REDIS, socket=sidecar.socket), initialized=True)

    assert ask("render_prompt", "greeting", {"name": "Ada"}).source == "directory"
    with pytest.raises(ServerError) as caught:
        ask("render_prompt", "off")
    assert caught.value.error_code == reasons.PROMPT_DISABLED


def test_where_the_mirror_is_all_there_is_it_says_what_is_not_there(mirrored: Mirrored, kind: str) -> None:
    mirrored.hold(FIRST)
    ask = ask_with(kind, mirrored.config(CacheLevel.REDIS), initialized=True)

    with pytest.raises(PromptNotFoundError) as missing:
        ask("render_prompt", "greting")
    with pytest.raises(ValidationError):
        ask("render_prompt", "greeting", {"nmae": "Ada"}, strict=True)
    with pytest.raises(PromptNotFoundError):
        ask("render_prompt", "greeting", version="9.9.9")
    assert missing.value.suggested_prompts == ("greeting",)
    assert not ask("validate_prompt", "greeting", {"nmae": "Ada"}).valid


@pytest.mark.parametrize("level", LEVELS)
def test_where_no_sidecar_is_the_mirror_answers_every_call_of_what_is_held(
    mirrored: Mirrored, kind: str, level: CacheLevel
) -> None:
    mirrored.hold(FIRST)
    ask = ask_with(kind, mirrored.config(level))

    found, detail, version = (
        ask("list_prompts", limit=1),
        ask("get_prompt", "greeting"),
        ask("get_prompt", "greeting", "1.0.0"),
    )
    good, missing = ask("render_batch", [RenderItem("greeting"), RenderItem("greting")])

    assert [each.prompt_id for each in found] == ["greeting"]
    assert (detail.version, detail.content, detail.source) == ("1.0.0", {"text": "v1"}, "redis")
    assert (version.active, version.content) == (True, {"text": "v1"})
    assert (good.rendered_content, good.source) == ("v1", "redis")
    assert isinstance(missing, PromptNotFoundError)
    with pytest.raises(PromptNotFoundError):
        ask("get_prompt", "greting")
    with pytest.raises(NetworkError):
        ask("send_feedback", good.render_id, "success")
    with pytest.raises(ValidationError):
        ask("render_batch", [RenderItem("greeting")] * 101)


def test_tls_and_a_user_who_may_read_alone_suffice(mirrored: Mirrored) -> None:
    ca, _ = mirrored.server.speak_tls()
    mirrored.hold(FIRST, authority=ca)
    mirrored.server.user("reader", *READER_RULES, authority=ca)
    config = mirrored.config(CacheLevel.REDIS, redis=mirrored.redis(user="reader", authority=ca))
    with SyncPromptOpsClient(config) as client:
        client.initialize()

        assert client.render_prompt("greeting").rendered_content == "v1"
        assert (client.get_cache_stats().redis, client.get_cache_stats().redis_errors) == ("ok", {})


FORKS = """
import os
import time
from pathlib import Path
from promptops.client import CacheConfig, CacheLevel, ClientConfig, SyncPromptOpsClient
client = SyncPromptOpsClient(ClientConfig(socket="/nobody.sock", cache=CacheConfig(CacheLevel.HYBRID)))
client.initialize()
print(client.render_prompt("greeting").rendered_content, flush=True)
Path(os.environ["PROMPTOPS_REDIS_KEY_FILE"]).unlink()
child = os.fork()
if not child:
    print(client.render_prompt("greeting").rendered_content, flush=True)
    input()
    while client.render_prompt("greeting").rendered_content != "v2":
        time.sleep(0.01)
    print(client.get_cache_stats().redis, flush=True)
    client.close()
    os._exit(0)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_reads_by_itself_what_the_environment_named(mirrored: Mirrored) -> None:
    mirrored.hold(FIRST)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", FORKS], env=mirrored.environment(), **pipes) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        first = [running.stdout.readline().strip() for _ in range(2)]
        mirrored.hold(SECOND)
        running.stdin.write("\n")
        running.stdin.flush()
        last = running.stdout.readline().strip()

    assert (first, last, running.returncode) == (["v1", "v1"], "ok", 0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"url": "http://redis"}, "cache.redis.url is 'http://redis'; it must begin with", id="no Redis"),
        pytest.param({"url": "redis://u:secret@redis"}, "has a user, a password or options in it", id="a password"),
        pytest.param({"url": 7}, "cache.redis.url must be a text", id="a number"),
        pytest.param({"key_file": "/nowhere"}, "cache.redis.key_file cannot be read", id="no key"),
        pytest.param({"trust_file": "/nowhere"}, "the trust file /nowhere cannot be read", id="nobody to believe"),
        pytest.param({"trust_file": "KEY"}, "must be JSON like", id="trust that is none"),
        pytest.param({"key_file": "TRUST"}, "is not base64", id="a key that is none"),
    ],
)
def test_a_mirror_that_cannot_be_is_refused_before_a_call_fails_with_it(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    key, trust = tmp_path / "KEY", tmp_path / "TRUST"
    key.write_text(KEY)
    trust.write_bytes(msgspec.json.encode(Trust((Scribe().signer.trusted,))))
    files = {"KEY": key, "TRUST": trust}
    given: dict[str, Any] = {"url": "redis://localhost", "key_file": key, "trust_file": trust} | changes
    redis = RedisConfig(**{name: files.get(str(value), value) for name, value in given.items()})

    with pytest.raises(ConfigurationError, match=re.escape(says)) as caught:
        SyncPromptOpsClient(ClientConfig(cache=CacheConfig(CacheLevel.REDIS, redis=redis)))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("package", ["redis", "cryptography"])
def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    redis = RedisConfig("redis://localhost", tmp_path, tmp_path)

    with pytest.raises(ConfigurationError, match=rf"{package} not installed: pip install 'promptops\[redis\]'"):
        SyncPromptOpsClient(ClientConfig(cache=CacheConfig(CacheLevel.HYBRID, redis=redis)))


def test_an_environment_that_names_a_mirror_and_nobody_to_believe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setenv("PROMPTOPS_REDIS_URL", "redis://localhost")
    monkeypatch.setenv("PROMPTOPS_REDIS_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ConfigurationError, match="PROMPTOPS_TRUST_FILE"):
        SyncPromptOpsClient(ClientConfig(cache=CacheConfig(CacheLevel.REDIS)))

    with SyncPromptOpsClient(ClientConfig(cache=CacheConfig(CacheLevel.MEMORY))) as client:
        assert client.get_cache_stats().redis is None


def test_the_block_of_the_guide_runs(mirrored: Mirrored) -> None:
    mirrored.hold(FIRST)
    (block,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/guides/redis.md").read_text(), re.MULTILINE | re.DOTALL
    )

    done = subprocess.run(
        [sys.executable, "-c", block], env=mirrored.environment(), capture_output=True, text=True, check=True
    )

    assert re.fullmatch(r"redis False \d+ v1\n", done.stdout)
