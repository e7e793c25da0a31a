"""A sidecar process behind a real feed: what it serves, what it survives, what it tells the origin."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from promptops.api.feed import RenderCounters, Trust
from promptops.feed import serve
from promptops.feed.authentication import AuthenticationUnavailable
from tests.cache.scribe import content
from tests.support.hop import SCOPE, Hop, hop
from tests.support.sidecar import Sidecar, Start
from tests.support.waiting import until, wait_until


class Following:
    """A sidecar process that follows a hop."""

    def __init__(self, hop: Hop, start: Start, home: Path) -> None:
        self.hop = hop
        self._start = start
        self._token = home / "token"
        self._token.write_text("token-a\n")
        self._trust = home / "trust.json"
        self._trust.write_bytes(msgspec.json.encode(Trust((hop.signer.trusted,))))
        self._snapshot = home / "snapshot"
        self.sidecar: Sidecar

    async def start(self, **environment: str) -> None:
        settings = {
            "PROMPTOPS_FEED_URL": self.hop.url,
            "PROMPTOPS_TOKEN_FILE": str(self._token),
            "PROMPTOPS_TRUST_FILE": str(self._trust),
            "PROMPTOPS_SNAPSHOT_DIRECTORY": str(self._snapshot),
            "PROMPTOPS_INSTANCE": "sidecar-1",
        }
        self.sidecar = await asyncio.to_thread(lambda: self._start(None, stderr=None, **settings | environment))

    async def stop(self) -> int:
        return await asyncio.to_thread(self.sidecar.stop)

    async def render(self, prompt: str = "greeting") -> httpx.Response:
        return await asyncio.to_thread(self.sidecar.render, prompt)

    async def get(self, path: str) -> httpx.Response:
        return await asyncio.to_thread(self.sidecar.get, path)

    async def metrics(self) -> list[str]:
        return (await asyncio.to_thread(self.sidecar.operations, "/metrics")).text.splitlines()

    async def answers(self, text: str | None, prompt: str = "greeting") -> dict[str, Any]:
        """Return the answer as soon as it says this text; None: as soon as there is none."""

        def said() -> dict[str, Any] | None:
            answer = self.sidecar.render(prompt)
            found = answer.json()["rendered_content"] if answer.is_success else None
            return dict(answer.json()) if found == text else None

        answer = await asyncio.to_thread(
            wait_until, said, lambda: f"{prompt} never said {text}; log: {self.sidecar.log}"
        )
        assert answer is not None
        return answer


@pytest.fixture
async def followed(start_sidecar: Start, tmp_path: Path) -> AsyncIterator[Following]:
    async with hop(leads=True) as running:
        following = Following(running, start_sidecar, tmp_path)
        await following.start()
        yield following
        await following.stop()


async def test_what_is_published_is_served_live(followed: Following) -> None:
    answer = await followed.answers("Hello")

    assert answer["source"] == "live"
    assert answer["stale"] is False
    assert answer["age_seconds"] < 10
    assert answer["warnings"] == []
    assert answer["digest"] == content("Hello").digest


async def test_an_activation_changes_the_next_answer(followed: Following) -> None:
    await followed.answers("Hello")
    before = (await followed.get("/v1/prompts")).headers["etag"]

    followed.hop.put(("greeting", "Bonjour"), revision=2)

    answer = await followed.answers("Bonjour")
    assert answer["digest"] == content("Bonjour").digest
    assert (await followed.get("/v1/prompts")).headers["etag"] != before


async def test_content_beyond_this_version_of_the_sidecar_leaves_what_is_served(followed: Following) -> None:
    await followed.answers("Hello")

    followed.hop.put(("greeting", "{% of a later language %}"), ("farewell", "Cheerio"), revision=2)
    await followed.answers("Cheerio", "farewell")
    await until(lambda: any(each.nacks for each in followed.hop.reports.instances(SCOPE)))
    live = await followed.answers("Hello")
    await followed.hop.stop()
    await followed.stop()
    await followed.start()
    restarted = await followed.answers("Hello")

    assert [each.nacks for each in followed.hop.reports.instances(SCOPE)] == [{"greeting": ("uid-greeting", 2)}]
    assert live["source"] == "live"
    assert restarted["source"] == "snapshot"
    await followed.hop.start()
    followed.hop.put(("greeting", "Bonjour"), revision=3)
    await followed.answers("Bonjour")


async def test_a_report_that_is_refused_is_said(followed: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    await followed.answers("Hello")

    def reports() -> str:
        return str(followed.sidecar.get("/v1/health").json()["dependencies"].get("reports", "ok"))

    with monkeypatch.context() as patched:
        patched.setattr(serve, "MAX_REPORTS", 0)
        await asyncio.to_thread(wait_until, lambda: reports() != "ok", reports)
        health = (await followed.get("/v1/health")).json()
        lines = await followed.metrics()

    assert health["dependencies"]["reports"].startswith("InvalidRequest: status 400")
    assert health["status"] == "degraded"
    assert any(line.startswith('promptops_reports_refused_total{reason="InvalidRequest"}') for line in lines)
    assert "nobody knows what is served here" in followed.sidecar.log
    await asyncio.to_thread(wait_until, lambda: reports() == "ok", reports)


async def test_a_removed_prompt_is_gone_and_so_are_its_metrics(followed: Following) -> None:
    await followed.answers("Hello")

    followed.hop.origin.remove(SCOPE, "greeting", "uid-greeting")

    await followed.answers(None)
    lines = await followed.metrics()
    assert 'promptops_renders_total{code="PromptNotFound",outcome="failure",prompt=""} 1.0' in lines
    assert not [line for line in lines if 'prompt="greeting"' in line]


async def test_renders_go_on_without_the_feed_and_after_a_restart_without_it(followed: Following) -> None:
    await followed.answers("Hello")
    await until(lambda: any(each.position is not None for each in followed.hop.reports.instances(SCOPE)))
    await followed.hop.stop()
    alone = await followed.answers("Hello")
    await followed.stop()
    await followed.start()

    restarted = await followed.answers("Hello")

    health = (await followed.get("/v1/health")).json()
    assert alone["source"] == "live"
    assert restarted["source"] == "snapshot"
    assert restarted["age_seconds"] >= alone["age_seconds"]
    assert health["status"] == "degraded"
    assert health["dependencies"]["feed"] != "ok"
    assert health["dependencies"]["snapshot"] == "ok"
    assert (await asyncio.to_thread(followed.sidecar.operations, "/readyz")).status_code == 200
    await followed.hop.start()
    await until(lambda: followed.hop.reports.instances(SCOPE) != ())
    assert (await followed.answers("Hello"))["source"] in ("snapshot", "live")


async def test_a_sealed_snapshot_is_served_after_a_restart_and_read_by_nobody_else(
    followed: Following, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(base64.b64encode(b"k" * 32).decode())
    sealed = {"PROMPTOPS_SNAPSHOT_KEY_FILE": str(tmp_path / "key")}
    await followed.answers("Hello")
    await followed.stop()
    await followed.start(**sealed)
    live = await followed.answers("Hello")
    # What lay there before there was a key goes last.
    await until(lambda: is_sealed(tmp_path / "snapshot"))
    await followed.hop.stop()
    await followed.stop()
    await followed.start(**sealed)

    restarted = await followed.answers("Hello")

    assert (live["source"], restarted["source"]) == ("live", "snapshot")
    assert is_sealed(tmp_path / "snapshot")


def is_sealed(snapshot: Path) -> bool:
    """Whether there is a sealed snapshot, and nothing in the clear; files may come and go meanwhile."""
    written = b"".join(each for path in snapshot.rglob("*") if (each := read_bytes(path)) is not None)
    return b"promptops snapshot 1 sealed\n" in written and b"Hello" not in written and b"greeting" not in written


def read_bytes(path: Path) -> bytes | None:
    """What is in a file; None when it is none, or gone."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None


async def test_a_silent_origin_is_called_stale(followed: Following) -> None:
    await followed.answers("Hello")
    await followed.hop.stop()

    def stale() -> dict[str, Any] | None:
        answer = followed.sidecar.render("greeting").json()
        return dict(answer) if answer["stale"] else None

    answer = await asyncio.to_thread(wait_until, stale)

    assert answer is not None

    assert answer["stale"] is True
    assert 10 <= answer["age_seconds"] < 12
    assert [warning["code"] for warning in answer["warnings"]] == ["Stale"]
    assert answer["rendered_content"] == "Hello"
    assert "promptops_feed_stale 1.0" in await followed.metrics()
    assert "promptops_feed_connected 0.0" in await followed.metrics()


async def test_renders_are_reported_by_digest(followed: Following) -> None:
    seen: list[RenderCounters] = []
    record = followed.hop.reports.record

    def recorded(caller: Any, report: Any, now: float) -> Any:
        seen.extend(report.renders)
        return record(caller, report, now)

    followed.hop.reports.record = recorded  # type: ignore[method-assign]
    await followed.answers("Hello")
    await followed.render()

    await until(lambda: any(counters.succeeded == 2 for counters in seen))

    assert seen[-1].digest == content("Hello").digest
    assert sum(seen[-1].latency_buckets) == 2
    assert seen[-1].failed == 0


async def test_the_end_is_reported(followed: Following) -> None:
    await followed.answers("Hello")
    await until(lambda: len(followed.hop.reports.instances(SCOPE)) == 1)

    code = await followed.stop()

    assert code == 0
    assert [instance.goodbye for instance in followed.hop.reports.instances(SCOPE)] == [True]


async def test_a_sidecar_without_index_or_snapshot_is_not_ready_and_says_so(
    start_sidecar: Start, tmp_path: Path
) -> None:
    async with hop(leads=True) as running:
        running.refusal = AuthenticationUnavailable("the API server is away")
        following = Following(running, start_sidecar, tmp_path)
        await following.start()

        answer = await following.render()
        ready = await asyncio.to_thread(following.sidecar.operations, "/readyz")
        started = await asyncio.to_thread(following.sidecar.operations, "/startupz")
        alive = await asyncio.to_thread(following.sidecar.operations, "/healthz")
        health = await following.get("/v1/health")

        assert answer.status_code == 503
        assert answer.json()["code"] == "NotReady"
        assert answer.json()["retryable"] is True
        assert (ready.status_code, started.status_code, alive.status_code) == (503, 503, 200)
        assert health.status_code == 503
        assert health.json()["status"] == "unhealthy"
        running.refusal = None
        await following.answers("Hello")
        await following.stop()
