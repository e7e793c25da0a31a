"""A caller gets no byte of another scope: what is another's and what nobody has are the same answer. `tests/isolation` asks at random."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from promptops.api.feed import Position
from tests.cache.scribe import content
from tests.support.hop import OTHER_SCOPE, SCOPE, Hop
from tests.support.waiting import until

CANARY, NAME = "canary-of-team-b", "prompt-of-team-b"
FOREIGN, ABSENT = content(CANARY).digest, content("nobody's").digest


async def shared(running: Hop) -> None:
    running.put((NAME, CANARY), scope=OTHER_SCOPE)
    await until(lambda: running.origin.position(OTHER_SCOPE) == Position(1, 1, 2))


def caller(running: Hop) -> httpx.AsyncClient:
    headers = {"Authorization": "Bearer token-a"}
    return httpx.AsyncClient(base_url=running.url, headers=headers, trust_env=False, timeout=60)


def shown(answer: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    return answer.status_code, answer.content, [each for each in answer.headers.multi_items() if each[0] != "date"]


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
