"""Two namespaces on one plane: one asks, and of the other there is something to find in every part of the product."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from promptops.api.feed import AUDIENCE, WholeIndex
from promptops.api.wire import read
from promptops.cache.tiers.mirror import MirrorPlaces
from promptops.cache.tiers.sealing import Seal, scope_key
from promptops.cache.verifier import to_token
from promptops.dev.plane import Plane
from promptops.dev.stack import RelayEndpoints, Stack
from promptops.feed import frames
from tests.isolation.asked import Known, Request
from tests.isolation.wire import Place, Reply, Wire
from tests.support.manifests import config_map, sourced
from tests.support.redis import KEY
from tests.support.waiting import until_told, wait_until
from tests.support.world import World

FACES_OF = {
    "operator": ("feed",),
    "relay": ("feed",),
    "gateway": ("http", "batch", "mcp", "ofrep"),
    "sidecar": ("http", "batch", "mcp", "ofrep"),
    "socket": ("feed", "http"),
}
"""What each is asked."""
_FEEDS = ("operator", "relay")


@dataclass(frozen=True)
class Secrets:
    """What the other's prompt says. Nobody who asks has ever said it."""

    text: str
    value: str
    default: str
    variable: str

    def all(self) -> tuple[str, ...]:
        """Return every word of it."""
        return (self.text, self.value, self.default, self.variable)


@dataclass(frozen=True)
class Ground:
    """Where requests go to, whose they are, and what they must not find."""

    places: tuple[Place, ...]
    tokens: tuple[str, ...]
    """Good ones, of the namespace that asks; each of an account of its own, with a budget of its own."""
    owner: str
    """The other namespace's."""
    known: Known
    secret: Secrets

    def place(self, name: str) -> Place:
        """Return a place by its name."""
        return next(each for each in self.places if each.name == name)

    async def owned(self, place: str, method: str, target: str, body: Any = None) -> Reply:
        """Ask as the namespace whose it is."""
        said = b"" if body is None else json.dumps(body).encode()
        at = self.place(place)
        async with Wire(at) as wire:
            return await wire.ask(Request(method, target, (), said).sent(at.authority, self.owner))


@dataclass(frozen=True)
class Names:
    """What the other namespace's objects are called: what is random in it is told by no other name."""

    prompt: str
    prompt_id: str
    config_map: str


def drawn() -> tuple[Names, Secrets]:
    """Return names and words that stand nowhere else."""
    random = (secrets.token_hex(8) for _ in range(7))
    names = Names(*(form.format(next(random)) for form in ("b-of-{}", "b-id/{}", "b-map{}")))
    return names, Secrets(*(form.format(next(random)) for form in ("text-{}", "value-{}", "default-{}", "v{}")))


def manifests(names: Names, secret: Secrets) -> tuple[dict[str, Any], ...]:
    """A prompt that says the words: in its text, by a value from outside, by a default, and as a variable's name."""
    said = {"name": secret.variable, "type": "string", "fromValues": True, "default": secret.default}
    content = {"text": f"{secret.text} {{{{ {secret.variable} }}}}", "variables": [said]}
    values = config_map(names.config_map, {secret.variable: secret.value})
    taken = {"valuesFrom": [{"configMapName": names.config_map}], "promptId": names.prompt_id}
    return values, sourced(names.prompt, content, **taken)


@contextmanager
def ground(stack: Stack, other: str, accounts: int = 1, **relays: str) -> Iterator[Ground]:
    """Have a namespace's prompt served everywhere, by a relay and a gateway too; who asks is the stack's own sidecar's namespace.

    `accounts`: how many there are to ask as. `relays`: more settings of the relay.
    """
    plane, own = stack.plane, stack.sidecar.namespace
    names, secret = drawn()
    world = World(plane, other)
    world.apply(*manifests(names, secret))
    mine = sourced(f"own-{secrets.token_hex(4)}", "Hello")
    World(plane, own).apply(mine)
    world.until_decided(names.prompt, "1.0.0")
    relay = stack.start_relay("isolation-relay", environment=relays)
    try:
        gateway = stack.start_relay("isolation-gateway", "gateway")
        places = places_of(stack, relay, gateway)
        owner = stack.feed_token(other, other).read_text()
        tokens = tuple(token(plane, own, f"isolation-{number}") for number in range(accounts))
        known = asyncio.run(described(world, names, secret, places, owner))
        made = Ground(places, tokens, owner, known, secret)
        asyncio.run(until_all_answer(made, mine["metadata"]["name"]))
        yield made
    finally:
        for name in ("isolation-relay", "isolation-gateway"):
            plane.stop(name)
        plane.kubectl("delete", f"prompt/{mine['metadata']['name']}", "--namespace", own, "--wait=false")


def places_of(stack: Stack, relay: RelayEndpoints, gateway: RelayEndpoints) -> tuple[Place, ...]:
    """Whoever can be asked."""
    assert stack.operator is not None
    context = stack.feed_context()
    secure = {"operator": stack.operator.feed_url, "relay": relay.url, "gateway": gateway.url}
    return (
        *(Place(name, urlsplit(url).port or 0, tls=context) for name, url in secure.items()),
        Place("sidecar", urlsplit(stack.sidecar.url).port or 0),
        Place("socket", socket=stack.sidecar.socket),
    )


def token(plane: Plane, namespace: str, account: str) -> str:
    """Make an account, and return a token of it for the feed."""
    made = ("serviceaccount", account, "--namespace", namespace)
    if plane.kubectl("get", *made, check=False).returncode:
        plane.kubectl("create", *made)
    asked = ("create", "token", account, "--namespace", namespace, "--audience", AUDIENCE, "--duration", "2h")
    return plane.kubectl(*asked).stdout.strip()


async def described(world: World, names: Names, secret: Secrets, places: tuple[Place, ...], owner: str) -> Known:
    """Wait until everybody serves the prompt to its owner, and return what all of it is called."""
    status = await asyncio.to_thread(wait_until, lambda: _complete(world.status(names.prompt)))
    digest, values = status["serving"]["stable"]["digest"], status["values"]["digest"]
    nothing = Known(world.namespace, *("",) * 9)
    asking = Ground(places, (), owner, nothing, secret)
    for feed in _FEEDS:

        async def is_there(feed: str = feed) -> bool:
            return secret.text.encode() in (await asking.owned(feed, "GET", f"/v1/blobs/{digest}")).body

        await until_told(is_there, f"the {feed} serves what there is to find")

    async def is_rendered() -> dict[str, Any]:
        answer = await asking.owned("gateway", "POST", f"/v1/prompts/{names.prompt}/render", {})
        said: dict[str, Any] = json.loads(answer.body) if answer.status == 200 else {}
        return said if said.get("rendered_content") == f"{secret.text} {secret.value}" else {}

    rendered = await until_told(is_rendered, "the gateway renders what there is to find")
    held, scope = await until_told(lambda: followed(asking), "the operator sends the index of it")
    mirror = MirrorPlaces(Seal(scope_key(base64.b64decode(KEY), scope))).head
    called = (names.prompt, names.prompt_id, names.config_map, digest, values, held, rendered["render_id"], mirror)
    return Known(world.namespace, scope, *called)


async def until_all_answer(made: Ground, own: str) -> None:
    """Wait until everybody knows the namespace that asks, and what it has."""
    for place in made.places:
        method, target, good = ("GET", "/v1/blobs/sha256:0", 404)
        if place.name not in _FEEDS:
            method, target, good = ("POST", f"/v1/prompts/{own}/render", 200)
        sent = Request(method, target, (), b"").sent(place.authority, made.tokens[0])

        async def is_known(place: Place = place, sent: bytes = sent, good: int = good) -> bool:
            async with Wire(place) as wire:
                return (await wire.ask(sent)).status == good

        await until_told(is_known, f"the {place.name} knows who asks")


def _complete(status: dict[str, Any]) -> dict[str, Any]:
    """The status, once all of it is decided: the ConfigMap may be heard of after the prompt."""
    return status if status.get("values") and status.get("serving") else {}


async def followed(asking: Ground) -> tuple[str, ...]:
    """Return what the operator signed for the namespace, as its followers show it, and the namespace's uid; or nothing yet."""
    stream = await asking.owned("operator", "GET", "/v1/stream")
    said = {frame.kind: frame.data for frame in frames.FrameReader().read(stream.body)}
    if not {frames.HELLO, frames.INDEX} <= said.keys():
        return ()
    return to_token(read(said[frames.INDEX], WholeIndex).signed), json.loads(said[frames.HELLO])["scope"]
