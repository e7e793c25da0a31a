"""A caller gets no byte of another scope: what is another's and what nobody has are the same answer, whatever is asked."""

from __future__ import annotations

import json
import random
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from promptops.api.feed import HELD_HEADER, Position
from promptops.cache import verifier
from promptops.feed import serve
from tests.cache.scribe import content
from tests.support.hop import OTHER_SCOPE, SCOPE, Hop, hop
from tests.support.waiting import until

CANARY, NAME = "canary-of-team-b", "prompt-of-team-b"
FOREIGN, ABSENT = content(CANARY).digest, content("nobody's").digest
REQUESTS = 2000
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
    for name in ("REQUESTS_OF_A_POD", "REQUESTS_OF_AN_ACCOUNT", "BYTES_OF_ONE"):
        monkeypatch.setattr(serve, name, PLENTY)
    async with hop() as running, caller(running) as http, caller(running, "token-b") as owner:
        await shared(running)
        chance, statuses = random.Random(11), set()  # noqa: S311 - the same requests each time
        for _ in range(REQUESTS):
            answer = await http.send(asked(http, chance, held_by_the_other(running)))
            statuses.add(answer.status_code)
            said = answer.content + str(answer.headers).encode()
            assert CANARY.encode() not in said, answer.request
            assert NAME.encode() not in said, answer.request

        assert {200, 404} <= statuses
        assert 429 not in statuses
        assert CANARY in (await owner.get(f"/v1/blobs/{FOREIGN}")).text


def asked(http: httpx.AsyncClient, chance: random.Random, held: str) -> httpx.Request:
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
        return http.build_request("GET", f"{path}{query}", headers=headers)
    return http.build_request("POST", f"{path}{query}", headers=headers, content=json.dumps(body).encode())


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
