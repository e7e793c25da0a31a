"""A mirror in a real Redis: what was written is read by whoever has the key, and nothing else is believed."""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from promptops.api import reasons
from promptops.api.feed import Position
from promptops.cache.clock import Clock
from promptops.cache.refusal import Refused
from promptops.cache.tiers.mirror import KEPT_SECONDS, Mirror, MirrorPlaces
from promptops.cache.tiers.mirror_reader import MirrorReader
from promptops.cache.tiers.redis_server import RedisServer
from promptops.cache.tiers.sealing import Derived, Seal, Seals, Sole, scope_key
from promptops.cache.tiers.tier import MirrorAway
from promptops.cache.view import View
from promptops.settings.redis import RedisSettings
from tests.cache.scribe import SCOPE, Scribe, content, entry
from tests.cache.tiers.test_disk import taken
from tests.support.redis import ADMIN, KEY, OTHER_KEY, READER_RULES, WRITER_RULES, NewServer, Server
from tests.support.waiting import wait_until

scribe = Scribe()
CLOCK = Clock()
PLACES = MirrorPlaces(Seal(base64.b64decode(KEY)))
FIRST = taken(None, 1, entry("greeting", "v1"), entry("other", "o"), texts=("v1", "o"))
SECOND = taken(FIRST, 2, entry("greeting", "v2", revision=2), entry("other", "o"), texts=("v2",))


@dataclass
class Mirrored:
    """A server, and who writes and reads there."""

    server: Server
    errors: list[str] = field(default_factory=list)

    def writer(self, settings: RedisSettings | None = None, seals: Seals | None = None) -> Mirror:
        settings = settings or self.server.settings()
        return Mirror(RedisServer(settings), seals or Sole(settings.key()), scribe.verifier, CLOCK, self.told)

    def reader(self, settings: RedisSettings | None = None) -> MirrorReader:
        settings = settings or self.server.settings()
        return MirrorReader(RedisServer(settings), Seal(settings.key()), scribe.verifier, CLOCK, self.told)

    def told(self, reason: str, _detail: str) -> None:
        self.errors.append(reason)

    def texts(self) -> list[str]:
        """What a reader gets of what is stable."""
        index = self.reader().index()
        if index is None:
            return []
        digests = [content(text).digest for text in ("v1", "v2", "o")]
        return sorted(blob.content for blob in self.reader().blobs(digests))


@pytest.fixture
def mirrored(new_redis: NewServer) -> Mirrored:
    return Mirrored(new_redis())


def position(mirrored: Mirrored) -> Position | None:
    glimpse = mirrored.reader().glimpse()
    return glimpse.position if glimpse is not None else None


def test_what_was_written_is_read_and_as_old_as_it_is(mirrored: Mirrored) -> None:
    assert mirrored.reader().glimpse() is None

    assert mirrored.writer().save(FIRST, None, CLOCK.now() - 30)

    glimpse = mirrored.reader().glimpse()
    assert glimpse is not None
    assert (glimpse.scope, glimpse.position, glimpse.revoked) == (SCOPE, FIRST.position, False)
    assert CLOCK.now() - glimpse.confirmed_at == pytest.approx(30, abs=1)
    assert mirrored.texts() == sorted((content("v1").content, content("o").content))
    assert mirrored.errors == []


def test_only_what_is_new_is_written_and_what_nothing_names_goes(mirrored: Mirrored) -> None:
    writer = mirrored.writer()
    writer.save(FIRST, None, CLOCK.now())
    kept = mirrored.server.client.hgetall(PLACES.blobs)

    writer.save(SECOND, None, CLOCK.now())

    there = mirrored.server.client.hgetall(PLACES.blobs)
    assert len(there) == 2
    assert [there[name] for name in there.keys() & kept.keys()] == [kept[name] for name in there.keys() & kept.keys()]
    assert mirrored.texts() == sorted((content("v2").content, content("o").content))
    assert 0 < mirrored.server.client.ttl(PLACES.blobs) <= KEPT_SECONDS


def test_nobody_takes_the_mirror_back(mirrored: Mirrored) -> None:
    ahead, behind = mirrored.writer(), mirrored.writer()
    ahead.save(SECOND, None, CLOCK.now())

    assert behind.save(FIRST, None, CLOCK.now())
    assert behind.stamp(SCOPE, FIRST.position, CLOCK.now())

    assert position(mirrored) == SECOND.position
    assert mirrored.texts() == sorted((content("v2").content, content("o").content))


def test_of_many_writers_at_once_the_newest_remains(mirrored: Mirrored) -> None:
    views = [FIRST]
    for seq in range(2, 12):
        views.append(taken(views[-1], seq, entry("greeting", f"v{seq}", revision=seq), texts=(f"v{seq}",)))

    def write(writer: Mirror, view: View) -> bool:
        return any(writer.save(view, None, CLOCK.now()) for _ in range(1000))

    with ThreadPoolExecutor(len(views)) as threads:
        written = list(threads.map(write, [mirrored.writer() for _ in views], views))

    assert written == [True] * len(views)
    assert position(mirrored) == views[-1].position
    assert mirrored.reader().blobs([content("v11").digest]) == (content("v11"),)


def test_what_redis_has_lost_is_written_again_with_the_next_confirmation(mirrored: Mirrored) -> None:
    writer = mirrored.writer()
    writer.save(FIRST, None, CLOCK.now())
    losses: list[Callable[[], object]] = [
        lambda: mirrored.server.client.flushall(),
        lambda: mirrored.server.client.delete(PLACES.head),
        lambda: mirrored.server.client.delete(PLACES.index),
        lambda: mirrored.server.client.delete(PLACES.blobs),
        lambda: mirrored.server.client.hdel(PLACES.blobs, next(iter(mirrored.server.client.hkeys(PLACES.blobs)))),
        lambda: mirrored.server.client.set(PLACES.head, b"poison"),
    ]
    for lose in losses:
        lose()

        assert writer.stamp(SCOPE, FIRST.position, CLOCK.now())

        assert position(mirrored) == FIRST.position
        assert len(mirrored.texts()) == 2


def test_a_revocation_leaves_nothing_else(mirrored: Mirrored) -> None:
    writer = mirrored.writer()
    writer.save(SECOND, None, CLOCK.now())

    assert writer.drop(SCOPE, scribe.revocation(5))
    assert writer.save(SECOND, None, CLOCK.now())

    glimpse = mirrored.reader().glimpse()
    assert glimpse is not None
    assert (glimpse.revoked, glimpse.position) == (True, Position(1, 1, 5))
    assert mirrored.texts() == []


def test_a_reader_without_the_key_sees_nothing_and_cannot_even_find_it(mirrored: Mirrored) -> None:
    mirrored.writer().save(FIRST, None, CLOCK.now())

    names = mirrored.server.client.keys("*")
    everything = b"".join(mirrored.server.client.dump(name) or b"" for name in names)

    for secret in (b"greeting", b"sha256", b"team-a", b"stable"):
        assert secret not in everything
    assert mirrored.reader(mirrored.server.settings(key=OTHER_KEY)).glimpse() is None


@pytest.mark.parametrize("place", ["head", "index", "blobs"])
def test_bytes_of_another_scope_are_refused_and_told(mirrored: Mirrored, place: str) -> None:
    """The other scope has the same prompts, so that nothing but the seal tells them apart."""
    theirs = Scribe(scope="another")
    mirrored.writer(mirrored.server.settings(key=OTHER_KEY)).save(
        taken(None, 7, entry("greeting", "v1"), texts=("v1",), by=theirs), None, CLOCK.now()
    )
    mirrored.writer().save(FIRST, None, CLOCK.now())
    foreign = MirrorPlaces(Seal(base64.b64decode(OTHER_KEY)))
    client = mirrored.server.client
    if place == "blobs":
        theft = next(iter(client.hvals(foreign.blobs)))
        for name in client.hkeys(PLACES.blobs):
            client.hset(PLACES.blobs, name, theft)
    else:
        client.copy(getattr(foreign, place), getattr(PLACES, place), replace=True)
    reader = mirrored.reader()

    refused: list[str] = []
    for read in (reader.glimpse, reader.index, lambda: reader.blobs([content("v1").digest])):
        try:
            read()
        except Refused as refusal:
            refused.append(refusal.reason)

    assert refused + mirrored.errors == [reasons.SEAL_BROKEN]


def test_a_place_takes_no_bytes_that_were_sealed_for_another(mirrored: Mirrored) -> None:
    mirrored.writer().save(FIRST, None, CLOCK.now())
    names = mirrored.server.client.hkeys(PLACES.blobs)
    first, second = (mirrored.server.client.hget(PLACES.blobs, name) for name in names)
    assert first is not None
    assert second is not None
    mirrored.server.client.hset(PLACES.blobs, mapping={names[0]: second, names[1]: first})

    assert mirrored.texts() == []
    assert set(mirrored.errors) == {reasons.SEAL_BROKEN}


def test_every_scope_of_a_relay_has_a_key_of_its_own(mirrored: Mirrored) -> None:
    master = os.urandom(32)
    other = Scribe(scope="another")
    theirs = taken(None, 7, entry("greeting", "v2"), texts=("v2",), by=other)
    writer = mirrored.writer(seals=Derived(master))
    writer.save(FIRST, None, CLOCK.now())
    writer.save(theirs, None, CLOCK.now())

    for scope, view in ((SCOPE, FIRST), ("another", theirs)):
        key = base64.b64encode(scope_key(master, scope)).decode()
        glimpse = mirrored.reader(mirrored.server.settings(key=key)).glimpse()
        assert glimpse is not None
        assert (glimpse.scope, glimpse.position) == (scope, view.position)


def test_rights_of_the_page_suffice_and_a_reader_cannot_write(mirrored: Mirrored, root: Path) -> None:
    page = (root / "docs" / "guides" / "redis.md").read_text()
    assert f" {' '.join(READER_RULES)}\n" in page
    assert f" {' '.join(WRITER_RULES)}\n" in page
    mirrored.server.user("writer", *WRITER_RULES)
    mirrored.server.user("reader", *READER_RULES)
    writer = mirrored.writer(mirrored.server.settings(user="writer"))
    reader = mirrored.reader(mirrored.server.settings(user="reader"))

    assert [writer.save(view, None, CLOCK.now()) for view in (FIRST, SECOND)] == [True, True]
    assert not reader.changed(0.01)
    assert writer.drop(SCOPE, scribe.revocation(5))
    assert reader.changed(10)
    assert reader.glimpse() is not None
    assert mirrored.errors == []
    assert not mirrored.writer(mirrored.server.settings(user="reader")).save(FIRST, None, CLOCK.now())
    assert set(mirrored.errors) == {reasons.ACCESS_DENIED}


def test_a_server_that_wants_no_password_is_told_none(new_redis: NewServer) -> None:
    mirrored = Mirrored(new_redis("--requirepass", ""))
    open_to_all = replace(mirrored.server.settings(), password_file=None)

    assert mirrored.writer(open_to_all).save(FIRST, None, CLOCK.now())
    assert mirrored.reader(open_to_all).glimpse() is not None
    assert mirrored.errors == []


def test_tls_is_spoken_with_the_authority_that_is_named(new_redis: NewServer) -> None:
    tls = new_redis()
    ca, other = tls.speak_tls()
    mirrored = Mirrored(tls)
    secure = tls.settings(authority=ca)

    assert mirrored.writer(secure).save(FIRST, None, CLOCK.now())
    assert mirrored.reader(secure).glimpse() is not None
    assert not mirrored.writer(tls.settings(authority=other)).save(SECOND, None, CLOCK.now())
    assert not mirrored.writer(tls.settings()).save(SECOND, None, CLOCK.now())
    assert mirrored.errors == [reasons.UNREACHABLE, reasons.UNREACHABLE]


def _failover(server: Server) -> None:
    server.client.replicaof("127.0.0.1", "1")


@pytest.mark.parametrize(
    ("hurt", "heal", "reason"),
    [
        pytest.param(lambda s: s.kill(), lambda s: s.start(), reasons.UNREACHABLE, id="killed"),
        pytest.param(lambda s: s.pause(), lambda s: s.go_on(), reasons.SNAPSHOT_SLOW, id="hung"),
        pytest.param(
            lambda s: s.client.config_set("maxmemory", "1"),
            lambda s: s.client.config_set("maxmemory", "0"),
            reasons.OUT_OF_MEMORY,
            id="full",
        ),
        pytest.param(_failover, lambda s: s.client.replicaof("NO", "ONE"), reasons.SNAPSHOT_READ_ONLY, id="read-only"),
        pytest.param(
            lambda s: (s.client.config_set("requirepass", "x"), s.client_with("x").client_kill_filter(_type="normal")),
            lambda s: s.client_with("x").config_set("requirepass", ADMIN),
            reasons.ACCESS_DENIED,
            id="another password",
        ),
    ],
)
def test_what_goes_wrong_has_a_name_and_passes(
    mirrored: Mirrored, hurt: Callable[[Server], object], heal: Callable[[Server], object], reason: str
) -> None:
    writer = mirrored.writer()
    assert writer.save(FIRST, None, CLOCK.now())

    hurt(mirrored.server)

    wait_until(lambda: not writer.save(SECOND, None, CLOCK.now()) and writer.problem == reason, lambda: mirrored.errors)
    heal(mirrored.server)
    wait_until(lambda: writer.save(SECOND, None, CLOCK.now()), lambda: mirrored.errors)
    assert writer.problem is None
    assert position(mirrored) == SECOND.position


def test_a_connection_that_was_given_up_gives_nobody_anothers_answer(mirrored: Mirrored) -> None:
    """A reader whose command was cut off asks again, and again gets what it asked for."""
    mirrored.writer().save(FIRST, None, CLOCK.now())
    reader = mirrored.reader()
    assert reader.glimpse() is not None
    mirrored.server.pause()
    with pytest.raises(MirrorAway, match=reasons.SNAPSHOT_SLOW):
        reader.index()
    mirrored.server.go_on()

    glimpse = reader.glimpse()

    assert glimpse is not None
    assert glimpse.position == FIRST.position
    mirrored.server.client.client_kill_filter(_type="normal", skipme=True)
    assert reader.blobs([content("v1").digest]) == (content("v1"),)


def test_a_forked_child_asks_over_connections_of_its_own(mirrored: Mirrored) -> None:
    mirrored.writer().save(FIRST, None, CLOCK.now())
    reader = mirrored.reader()
    assert reader.glimpse() is not None
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        good = all(reader.blobs([content("o").digest]) == (content("o"),) for _ in range(500))
        os._exit(0 if good else 1)

    mine = [reader.blobs([content("v1").digest]) for _ in range(500)]

    assert mine == [(content("v1"),)] * 500
    assert os.waitpid(child, 0)[1] == 0


def test_a_view_that_nobody_signed_is_not_written(mirrored: Mirrored) -> None:
    view = View.unsigned([entry("greeting", "v1")], {}, 1, namespace="n", tenant="t")

    assert mirrored.writer().save(view, None, CLOCK.now())

    assert mirrored.server.client.keys("*") == []
