"""A real origin behind a real server on a loopback port, and real followers; nothing stands in for anything."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from promptops.api.feed import Header, Position, Trust
from promptops.cache.clock import Clock
from promptops.cache.signing import KeyVerifier, Signer
from promptops.cache.store import Store
from promptops.cache.tiers.disk import Disk
from promptops.dev.ports import free_ports
from promptops.feed.authentication import Caller, Unauthenticated
from promptops.feed.connection import Upstream
from promptops.feed.follow import Follower
from promptops.feed.observer import FollowerObserver
from promptops.feed.origin import Origin
from promptops.feed.reporter import Reporter
from promptops.feed.reports import Reports
from promptops.feed.serve import FeedApp
from promptops.feed.stream import Streams
from promptops.web.server import Listener, Server
from tests.cache.scribe import content, entry
from tests.support.serving import Counted, loopback

SCOPE, OTHER_SCOPE = "0b9d0a4e-aaaa", "7c1e33f0-bbbb"


class Observed(FollowerObserver):
    """Keeps what a follower tells."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.tier_errors: list[str] = []
        self.disconnections: list[str] = []
        self.connections = 0
        self.positions: list[Position] = []

    def connected(self) -> None:
        self.connections += 1

    def disconnected(self, reason: str, detail: str) -> None:
        self.disconnections.append(reason)

    def has_lost_more_than(self, connections: int) -> bool:
        """Whether so many connections and another one have ended."""
        return len(self.disconnections) > connections

    def refused(self, reason: str, detail: str) -> None:
        self.refusals.append(reason)

    def took(self, position: Position, durable: bool) -> None:
        self.positions.append(position)


@dataclass
class Following:
    """A follower and what it holds."""

    follower: Follower
    store: Store
    observed: Observed
    task: asyncio.Task[None]
    reporter: Reporter

    def text(self, name: str = "greeting") -> str | None:
        """What is served under the name, as JSON; None when nothing is."""
        view = self.store.current
        found = view.entries.get(name) if view is not None else None
        if view is None or found is None or found.stable is None:
            return None
        blob = view.blobs.get(found.stable.digest)
        return blob.decode() if blob is not None else None

    def serves(self, text: str, name: str = "greeting") -> bool:
        """Whether the name is served with this text."""
        return self.text(name) == content(text).content

    @property
    def position(self) -> Position | None:
        """Where it stands."""
        return self.store.current.position if self.store.current is not None else None

    def was_confirmed_after(self, moment: float | None) -> bool:
        """Whether the hop above has confirmed what is held since then."""
        return self.store.confirmed_at != moment

    async def stop(self) -> None:
        """End it as SIGTERM would."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.follower.close()


@dataclass
class Hop:
    """An origin, its server and its followers."""

    signer: Signer
    origin: Origin
    reports: Reports
    port: int
    verifier: KeyVerifier
    higher: list[Header] = field(default_factory=list)
    tokens: dict[str, Caller] = field(default_factory=dict)
    refusal: Exception | None = None
    """Answer every request with it."""
    server: Server | None = None
    streams: Streams = field(default_factory=Streams)
    refused: Counter[str] = field(default_factory=Counter)
    """Why callers were refused that wanted too much."""
    stream_seconds: float = 600.0
    served: Store | None = None
    """What a relay serves instead of the origin's."""
    clock: Clock = field(default_factory=Clock)
    confirmed_at: float = 0.0
    followings: list[Following] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def put(self, *entries_and_texts: tuple[str, str], scope: str = SCOPE, revision: int = 1) -> None:
        """Serve these texts under these names."""
        for name, text in entries_and_texts:
            self.origin.put(scope, entry(name, text, revision=revision), [content(text)])

    def has_left(self, position: Position | None) -> bool:
        """Whether the first scope has been published since it stood there."""
        return self.origin.position(SCOPE) != position

    def confirm(self) -> None:
        """Say that what is published is current, as a leader does whose Lease was renewed just now."""
        self.confirmed_at = self.clock.now()
        self.origin.confirm(self.confirmed_at)

    async def lead(self) -> None:
        """Confirm for ever."""
        while True:
            self.confirm()
            await asyncio.sleep(0.5)

    def renew(self, *, epoch: int = 1, term: int, signer: Signer | None = None) -> Origin:
        """Replace the origin as a new leadership does."""
        old = self.origin
        self.signer = signer or self.signer
        self.origin = Origin(self.signer, epoch, term)
        self.origin.open(SCOPE, "team-a", "team-a")
        self.confirm()
        old.end("NewLeader")
        return self.origin

    def relayed(self, store: Store) -> Hop:
        """Return a hop below this one that serves what a follower holds."""
        made = replace(self, port=0, higher=[], followings=[], server=None, streams=Streams())
        made.served = store
        return made

    async def authenticate(self, token: str) -> Caller:
        """Know the callers of `tokens`."""
        if self.refusal is not None:
            raise self.refusal
        if token not in self.tokens:
            raise Unauthenticated("nobody")
        return self.tokens[token]

    async def start(self) -> None:
        """Serve."""
        app = FeedApp(
            lambda scope: self.served or self.origin.store(scope),
            self.authenticate,
            lambda caller, report, age: self.reports.record(caller, report, time.monotonic() - age),
            lambda header, _: self.higher.append(header),
            verifier=self.verifier,
            stream_seconds=self.stream_seconds,
            refusals=lambda reason: self.refused.update((reason,)),
            scopes=lambda: self.origin.scopes,
        )
        # One that is stopped comes back where it was: on no port that the kernel gives to others meanwhile.
        listener = loopback(self.port or free_ports(1)[0])
        self.port = listener.getsockname()[1]
        self.streams = app.streams
        self.server = Server(Listener("feed", listener, app), Counted(), 2)
        await self.server.start()

    async def stop(self, *, goodbye: bool = True) -> None:
        """Serve no more."""
        assert self.server is not None
        if goodbye:
            self.streams.close("Shutdown")
        await self.server.stop()

    def follow(
        self,
        token: str = "token-a",  # noqa: S107
        *,
        url: str | None = None,
        directory: Path | None = None,
        instance: str = "sidecar-1",
        verifier: KeyVerifier | None = None,
    ) -> Following:
        """Start a follower."""
        store, observed = Store(), Observed()
        verifier = verifier or self.verifier
        tiers = [Disk(directory, verifier)] if directory is not None else []
        connection = Upstream(url or self.url, lambda: token)
        reporter = Reporter(connection, store, instance, kids=lambda: verifier.kids)
        follower = Follower(
            connection,
            verifier,
            store,
            tiers,
            reporter,
            observer=observed,
            on_tier_error=lambda reason, _: observed.tier_errors.append(reason),
        )
        following = Following(follower, store, observed, asyncio.create_task(follower.run()), reporter)
        self.followings.append(following)
        return following


@asynccontextmanager
async def hop(*, stream_seconds: float = 600.0, leads: bool = False) -> AsyncIterator[Hop]:
    """Run an origin that serves two scopes; the first has the prompt `greeting` saying Hello.

    `leads`: it confirms as a leader does that renews its Lease; else only when it is told to.
    """
    signer = Signer(os.urandom(32))
    verifier = KeyVerifier(Trust((signer.trusted,)))
    origin = Origin(signer, epoch=1, term=1)
    made = Hop(signer, origin, Reports(lambda scope: made.origin.position(scope)), 0, verifier)
    made.stream_seconds = stream_seconds
    made.tokens["token-a"] = Caller(SCOPE, "team-a", "team-a", None, "default")
    made.tokens["relay"] = Caller("", "promptops-system", "", "pod-of-the-relay", "promptops", relays=True)
    made.tokens["token-b"] = Caller(OTHER_SCOPE, "team-b", "team-b", None, "default")
    origin.open(SCOPE, "team-a", "team-a")
    origin.open(OTHER_SCOPE, "team-b", "team-b")
    made.put(("greeting", "Hello"))
    made.confirm()
    origin.begin()
    await made.start()
    leading = asyncio.create_task(made.lead()) if leads else None
    try:
        yield made
    finally:
        if leading is not None:
            leading.cancel()
        for following in made.followings:
            await following.stop()
        await made.stop()
