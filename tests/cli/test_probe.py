"""`promptops probe` asks as a sidecar and the API server do, and fails with the words of what does not answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from promptops.api import reasons
from promptops.api.feed import Trust
from promptops.cache.signing import Signer
from promptops.cli.probe import probe
from promptops.feed.authentication import NotEntitled, Unauthenticated
from tests.support.hop import SCOPE, Hop, hop


async def asked(feed: Hop, folder: Path, *options: str, within: float = 60.0, signer: Signer | None = None) -> Result:
    """Ask this feed, believing its signer unless it is another one."""
    (folder / "token").write_text("token-a\n")
    (folder / "trust.json").write_bytes(msgspec.json.encode(Trust(((signer or feed.signer).trusted,))))
    files = (f"--token-file={folder / 'token'}", f"--trust-file={folder / 'trust.json'}")
    arguments = ("--feed", feed.url, *files, f"--within={within}", *options)
    return await asyncio.to_thread(CliRunner().invoke, probe, arguments)


async def test_a_feed_that_is_signed_is_described(tmp_path: Path) -> None:
    async with hop(leads=True) as feed:
        done = await asked(feed, tmp_path)

    assert done.exit_code == 0, done.output
    assert "feed: an index of 1 prompts for namespace team-a, signed, at position 1.1." in done.output
    assert feed.reports.instances(SCOPE) == ()


async def test_who_is_no_tenant_was_answered(tmp_path: Path) -> None:
    async with hop(leads=True) as feed:
        feed.refusal = NotEntitled(reasons.TENANT_UNKNOWN, "no Tenant claims this namespace")
        done = await asked(feed, tmp_path)

    assert (done.exit_code, done.output) == (
        0,
        "feed: answers; this namespace is no Tenant's, and is shown nothing\n",
    )


@pytest.mark.parametrize(
    ("refusal", "signer", "said"),
    [
        pytest.param(Unauthenticated("nobody"), None, "Unauthenticated: status 401: nobody", id="a token that is not taken"),
        pytest.param(None, Signer(bytes(32)), "UnknownKey", id="somebody else's signature"),
    ],
)  # fmt: skip
async def test_what_cannot_be_followed_is_said(
    tmp_path: Path, refusal: Exception | None, signer: Signer | None, said: str
) -> None:
    async with hop(leads=True) as feed:
        feed.refusal = refusal
        done = await asked(feed, tmp_path, signer=signer)

    assert done.exit_code == 1
    assert f"feed: {feed.url} cannot be followed: " in done.output
    assert said in done.output


async def test_nobody_behind_an_address_is_said(tmp_path: Path) -> None:
    async with hop(leads=True) as feed:
        done = await asked(feed, tmp_path, "--webhook=https://127.0.0.1:1", within=0.5)

    assert done.exit_code == 1
    assert "webhook: https://127.0.0.1:1 cannot be asked: " in done.output


@pytest.mark.parametrize("trust", ["", "{}", '{"keys": 1}'])
def test_nothing_to_believe_is_said(tmp_path: Path, trust: str) -> None:
    (tmp_path / "token").write_text("token")
    (tmp_path / "trust.json").write_text(trust)
    files = (f"--token-file={tmp_path / 'token'}", f"--trust-file={tmp_path / 'trust.json'}")

    done = CliRunner().invoke(probe, ["--feed=https://127.0.0.1:1", "--webhook=https://127.0.0.1:1", *files])

    assert done.exit_code == 1
    assert done.output.count("trust.json must be JSON like") == 2
