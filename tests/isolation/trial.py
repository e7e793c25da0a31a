"""Random requests of one namespace: no answer has a word of another's in it, or differs from what is said of nobody's."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from tests.isolation.asked import FACES, Known, Request, asked
from tests.isolation.ground import FACES_OF, Ground
from tests.isolation.wire import Place, Reply, Wire

AT_ONCE = 3
"""Connections to each place."""
TWINS = 6
"""Of so many requests one is sent again about what nobody has."""
TOLD_EACH = 5000
BUSY = frozenset({0, 429, 503})
"""Who closes the connection, or has no time, has not answered: that proves nothing."""
_WORD = re.compile(r"[0-9A-Za-z_-]{12,}")
_DATE = re.compile(rb"(?im)^date: .*\r\n")
_COLUMNS = ("asked", "2xx", "3xx", "4xx", "5xx", "closed", "twins", "kB read")
Told = Callable[[int, float], None]
"""Told how many requests were answered, after how many seconds."""


@dataclass
class Tally:
    """What became of the requests to a place, in the words of one face."""

    answered: Counter[str] = field(default_factory=Counter)
    octets: int = 0
    twins: int = 0

    def count(self, reply: Reply) -> None:
        """Count an answer."""
        self.answered[f"{reply.status // 100}xx" if reply.status else "closed"] += 1
        self.octets += len(reply.said)

    def row(self) -> str:
        """Return it as columns."""
        by_kind = (self.answered[each] for each in _COLUMNS[1:6])
        return "".join(f"{each:9,}" for each in (self.answered.total(), *by_kind, self.twins, self.octets // 1000))


@dataclass
class Trial:
    """Asks, and keeps what was found."""

    ground: Ground
    seed: str
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    """What should not have been answered, with the request."""

    def __post_init__(self) -> None:
        self._nobodys = self.ground.known.nobodys()
        self._words = _words(self.ground.known)
        self._secret = tuple(each.encode() for each in self.ground.secret.all())

    async def run(self, count: int, told: Told = lambda done, seconds: None) -> None:
        """Send so many requests, to every place in turns."""
        self._told, self._begun = told, time.monotonic()
        places = self.ground.places
        shares = [iter(range(first, count, len(places))) for first in range(len(places))]
        async with asyncio.TaskGroup() as group:
            for place, share in zip(places, shares, strict=True):
                for _ in range(AT_ONCE):
                    group.create_task(self._ask(place, share))

    async def _ask(self, place: Place, numbers: Iterator[int]) -> None:
        async with Wire(place) as wire:
            for number in numbers:
                await self._one(wire, place, number)
                if (done := self.statuses.total()) % TOLD_EACH == 0:
                    self._told(done, time.monotonic() - self._begun)

    async def _one(self, wire: Wire, place: Place, number: int) -> None:
        seed, twice = f"{self.seed}/{number}", number // len(self.ground.places) % TWINS == 0
        chance = random.Random(f"{seed}/face")  # noqa: S311 - the same each time
        face = chance.choice(tuple(FACES) if chance.random() < 0.1 else FACES_OF[place.name])
        token = chance.choice(self.ground.tokens)
        request = asked(seed, face, self.ground.known, straight=twice)
        sent = request.sent(place.authority, token)
        reply = await answered(wire, sent)
        tally = self.tallies.setdefault((place.name, face), Tally())
        tally.count(reply)
        self.statuses[reply.status] += 1
        self._look(f"{seed} to the {place.name}", request, sent, reply)
        if twice and reply.status >= 400:
            tally.twins += 1
            nobodys = asked(seed, face, self._nobodys, straight=True)
            twin = await answered(wire, nobodys.sent(place.authority, token))
            if _struck(reply, self.ground.known) != _struck(twin, self._nobodys):
                self.found.append(f"{seed} to the {place.name}: {request} is answered {reply}, and of nobody's {twin}")

    def _look(self, which: str, request: Request, sent: bytes, reply: Reply) -> None:
        """What was asked for may be said again; what is behind it, and what else is there, may not.

        A stream of events says what else this namespace asks for meanwhile, which is every word of the other's that it has heard of.
        """
        said, asked_for = reply.said.lower(), (sent + unquote_to_bytes(unquote_to_bytes(sent))).lower()
        is_of_events = request.target.partition("?")[0] == "/v1/events"
        words = () if is_of_events else tuple(each for each in self._words if each not in asked_for)
        if heard := [each.decode() for each in (*self._secret, *words) if each in said]:
            self.found.append(f"{which}: {request} is answered with {heard}: {reply}")

    def table(self) -> str:
        """Return who was asked what, and what came of it."""
        rows = [f"  {place:9} {face:6}{tally.row()}" for (place, face), tally in sorted(self.tallies.items())]
        return "\n".join((" " * 18 + "".join(f"{each:>9}" for each in _COLUMNS), *rows))


async def answered(wire: Wire, sent: bytes) -> Reply:
    """Ask, and ask again whoever is too busy, as every client does."""
    for pause in (0.1, 1.0, 5.0, 10.0, 0.0):
        reply = await wire.ask(sent)
        if reply.status not in BUSY:
            break
        await asyncio.sleep(pause)
    return reply


def _struck(reply: Reply, known: Known) -> tuple[int, bytes]:
    """Return an answer without the date, and with every word of the one who was asked for struck out."""
    words = re.compile(b"|".join(re.escape(word) for word in _words(known)), re.IGNORECASE)
    return reply.status, words.sub(lambda word: b"*" * len(word[0]), _DATE.sub(b"", reply.said))


def _words(known: Known) -> tuple[bytes, ...]:
    """Return what is random in the names, longest first, as answers are searched for it."""
    found = {word.lower().encode() for value in known.values() for word in _WORD.findall(value)}
    return tuple(sorted(found, key=len, reverse=True))
