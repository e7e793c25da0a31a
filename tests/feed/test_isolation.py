"""A caller gets no byte of another scope: what is another's and what nobody has are the same answer, whatever is asked."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from promptops.api.feed import HELD_HEADER, Position
from promptops.cache import verifier
from promptops.feed import serve
from promptops.feed.serve import FeedApp
from promptops.gateway import face
from tests.cache.scribe import content
from tests.support.gateway import RunningGateway, gateway
from tests.support.hop import OTHER_SCOPE, SCOPE, Hop
from tests.support.serving import served
from tests.support.waiting import until, until_told

CANARY, NAME = "canary-of-team-b", "prompt-of-team-b"
FOREIGN, ABSENT = content(CANARY).digest, content("nobody's").digest
REQUESTS = int(os.environ.get("PROMPTOPS_ISOLATION", "2000"))
"""`make isolation` asks for a hundred thousand."""
PLENTY = (1e9, 1e9)


async def shared(running: Hop) -> None:
    running.put((NAME, CANARY), scope=OTHER_SCOPE)
    await until(lambda: running.origin.position(OTHER_SCOPE) == Position(1, 1, 2))


def caller(running: Hop, token: str = "token-a") -> httpx.AsyncClient:  # noqa: S107
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=running.url, headers=headers, trust_env=False, timeout=60)


def shown(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    return answer.status_code, answer.content, [each for each in answer.headers.multi_items() if each[0] != "date"]


def held_by_the_other(running: Hop) -> str:
    store = running.origin.store(OTHER_SCOPE)
    assert store is not None
    assert store.current is not None
    assert store.current.signed is not None
    return verifier.to_token(store.current.signed)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/v1/blobs/{}", "", id="a blob"),
        pytest.param("POST", "/v1/blobs", '{{"digests":["{}"]}}', id="a batch of blobs"),
        pytest.param("GET", "/v1/blobs/{}?scopes=*", "", id="a blob of any scope"),
        pytest.param("POST", "/v1/blobs?scopes=*", '{{"digests":["{}"]}}', id="a batch of any scope"),
        pytest.param("GET", "/v1/prompts/{}", "", id="a sidecar's route"),
        pytest.param("POST", "/v1/reports", '{{"reports":[],"digest":"{}"}}', id="reports"),
    ],
)
async def test_anothers_and_nobodys_are_byte_for_byte_the_same(running: Hop, method: str, path: str, body: str) -> None:
    await shared(running)
    async with caller(running) as http:
        answers = [
            await http.request(method, path.format(digest), content=body.format(digest)) for digest in (FOREIGN, ABSENT)
        ]

    assert shown(answers[0]) == shown(answers[1])
    assert CANARY not in answers[0].text


async def test_random_requests_get_no_byte_of_another_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked of an operator's feed, of a relay's, and of a gateway."""
    for name in ("REQUESTS_OF_A_POD", "REQUESTS_OF_AN_ACCOUNT", "BYTES_OF_ONE"):
        monkeypatch.setattr(serve, name, PLENTY)
    monkeypatch.setattr(face, "REQUESTS_OF_ONE", PLENTY)
    async with (
        gateway() as rendering,
        served(relayed(rendering)) as relay,
        caller(rendering.hop) as http,
        caller(rendering.hop, "token-b") as owner,
    ):
        await shared(rendering.hop)
        feeds, renders = (rendering.hop.url, relay.url), rendering.url
        await until_held(owner, renders)
        chance, statuses = random.Random(11), Counter[int]()  # noqa: S311 - the same requests each time
        for _ in range(REQUESTS):
            held = held_by_the_other(rendering.hop)
            request = asked_of_a_feed(http, chance, held, chance.choice(feeds))
            if chance.random() < 0.4:
                request = asked_of_a_gateway(http, chance, renders)
            answer = await http.send(request)
            statuses[answer.status_code] += 1
            # What was asked for may be said again; what is behind it may not.
            said = answer.content + str(answer.headers).encode()
            assert CANARY.encode() not in said, answer.request
            assert NAME.encode() not in said.replace(asked_name(answer.request), b""), answer.request
        print(f"{REQUESTS} requests, answered {dict(sorted(statuses.items()))}")

        assert {200, 400, 404} <= statuses.keys()
        assert not {429, 500, 503} & statuses.keys()
        for url in feeds:
            assert CANARY in (await owner.get(f"{url}/v1/blobs/{FOREIGN}")).text


def relayed(running: RunningGateway) -> FeedApp:
    """The feed of a relay that holds what the gateway does."""
    relay, above = running.relay, running.hop
    return FeedApp(relay.store, above.authenticate, relay.reported, relay.shown, verifier=above.verifier)


async def until_held(owner: httpx.AsyncClient, url: str) -> None:
    async def is_rendered() -> bool:
        answer = await owner.post(f"{url}/v1/prompts/{NAME}/render", json={})
        return answer.status_code == 200 and CANARY in answer.text

    await until_told(is_rendered, "the other namespace gets its own")


def asked_name(request: httpx.Request) -> bytes:
    """The name that a path asks for, as far as it says it: a refusal may quote it."""
    return NAME.encode() if NAME in request.url.path else b"-"


def asked_of_a_gateway(http: httpx.AsyncClient, chance: random.Random, url: str) -> httpx.Request:
    """A call of a sidecar's, about a prompt of the other scope."""
    name = chance.choice([NAME, NAME[:-1], "greeting", quote(f"team-b/{NAME}", safe=""), OTHER_SCOPE, FOREIGN])
    query = chance.choice(["", "", "", f"?namespace={OTHER_SCOPE}", "?scopes=*"])
    headers = {"promptops-scope": OTHER_SCOPE, "host": "team-b"} if chance.random() < 0.2 else {}
    if chance.random() < 0.5:
        path = chance.choice(
            ["/v1/prompts", "/v1/prompts/{}", "/v1/prompts/{}/versions", "/v1/prompts/{}/versions/1.0.0", "/v1/health"]
        )
        return http.build_request("GET", f"{url}{path.format(name)}{query}", headers=headers)
    body = chance.choice(
        [{}, {"variables": {}}, {"version": "1.0.0"}, {"namespace": "team-b"}, {"variables": {"scope": OTHER_SCOPE}}]
    )
    return http.build_request("POST", f"{url}/v1/prompts/{name}/render{query}", headers=headers, json=body)


def asked_of_a_feed(http: httpx.AsyncClient, chance: random.Random, held: str, url: str) -> httpx.Request:
    """A request for something of the other scope, in one of many spellings."""
    digest = chance.choice([FOREIGN, FOREIGN.upper(), quote(FOREIGN, safe=""), ABSENT, content("Hello").digest])
    query = chance.choice(["", "", "?scopes=*", f"?scope={OTHER_SCOPE}", "?namespace=team-b", "?"])
    headers = {
        name: value
        for name, value in ((HELD_HEADER, held), ("x-forwarded-user", "team-b"), ("promptops-scope", OTHER_SCOPE))
        if chance.random() < 0.3
    }
    path, body = chance.choice(
        [
            (f"/v1/blobs/{digest}", None),
            (f"/v1/blobs/../blobs/{digest}", None),
            (f"/v1/blobs/{OTHER_SCOPE}/{digest}", None),
            ("/v1/blobs", {"digests": chance.choices([FOREIGN, ABSENT, digest], k=chance.randint(0, 5))}),
            ("/v1/blobs", {"digests": [digest], "scope": OTHER_SCOPE}),
            ("/v1/reports", {"reports": [{"instance": NAME[:3], "position": None, "scope": OTHER_SCOPE}]}),
        ]
    )
    if body is None:
        return http.build_request("GET", f"{url}{path}{query}", headers=headers)
    return http.build_request("POST", f"{url}{path}{query}", headers=headers, content=json.dumps(body).encode())


async def test_neither_memory_nor_snapshot_have_anything_of_another_scope(running: Hop, tmp_path: Path) -> None:
    await shared(running)
    following = running.follow(directory=tmp_path)
    await until(lambda: following.serves("Hello"))
    await following.stop()

    assert following.store.current is not None
    assert following.store.current.header.scope == SCOPE
    assert FOREIGN not in following.store.current.blobs
    kept = files(tmp_path)
    assert any(b"Hello" in each for each in kept)
    assert not any(each in one for each in (CANARY.encode(), NAME.encode(), OTHER_SCOPE.encode()) for one in kept)


def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
