"""A relay as a process: it waits for its certificate, takes up a new one, ends in order, and says what it lacks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest

from promptops.api.feed import Trust
from promptops.dev import kubeconfig
from promptops.dev.ports import free_ports
from promptops.web.certificates import Authority, valid_until
from tests.access.test_claims import GOOD, token
from tests.support.hop import Hop
from tests.support.plain import NO_TLS
from tests.support.sidecar import ROOT
from tests.support.waiting import until, until_told

AUTHORITY = Authority("relay test", datetime.now(UTC))


@dataclass
class Process:
    """A running relay, or one that ended."""

    process: asyncio.subprocess.Process
    folder: Path
    port: int
    operations_port: int

    def certify(self) -> bytes:
        """Write a certificate as a renewed Secret would bring it; return it."""
        identity = AUTHORITY.server("relay", ("127.0.0.1",), ())
        for name, content in (("tls.key", identity.key), ("tls.crt", identity.certificate)):
            (self.folder / f"{name}.new").write_bytes(content)
            (self.folder / f"{name}.new").replace(self.folder / name)
        return identity.certificate

    async def shown(self) -> str:
        """The certificate that is shown to whoever connects, in PEM."""
        return await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", self.port))

    async def readiness(self) -> str:
        """What /readyz says; nothing while nobody listens."""
        try:
            return (await self.operations("/readyz")).text
        except httpx.TransportError:
            return ""

    async def operations(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(verify=NO_TLS, trust_env=False, timeout=30) as http:
            return await http.get(f"http://127.0.0.1:{self.operations_port}{path}")

    async def ask(self, shown: str, path: str = "/v1/stream") -> httpx.Response:
        context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
        headers = {"Authorization": f"Bearer {shown}"}
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=30, headers=headers) as http:
            return await http.get(f"https://127.0.0.1:{self.port}{path}")

    async def until_ready(self, said: str) -> None:
        async def is_said() -> bool:
            return said in await self.readiness()

        await until_told(is_said, said)


@asynccontextmanager
async def relay_process(above: Hop, folder: Path, role: str = "relay", **more: str) -> AsyncIterator[Process]:
    """Run one below a hop, beside an API server that never answers."""
    (folder / "token").write_text("relay")
    (folder / "trust.json").write_bytes(msgspec.json.encode(Trust((above.signer.trusted,))))
    closed, port, operations = free_ports(3)
    server = f"https://127.0.0.1:{closed}"
    (folder / "kubeconfig").write_text(kubeconfig.for_token(server, AUTHORITY.certificate, "none"))
    environment = {
        "KUBECONFIG": str(folder / "kubeconfig"),
        "PROMPTOPS_FEED_URL": above.url,
        "PROMPTOPS_TOKEN_FILE": str(folder / "token"),
        "PROMPTOPS_TRUST_FILE": str(folder / "trust.json"),
        "PROMPTOPS_CERTIFICATE_DIRECTORY": str(folder),
        "PROMPTOPS_ADDRESS": f"127.0.0.1:{port}",
        "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
        "PROMPTOPS_LOG_FORMAT": "json",
        **more,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTOPS_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "promptops.cli.main",
        role,
        env={**inherited, **environment, "PYTHONPATH": str(ROOT / "operator")},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process, folder, port, operations)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("role", ["relay", "gateway"])
async def test_it_waits_for_its_certificate_and_takes_up_the_next(running: Hop, tmp_path: Path, role: str) -> None:
    async with relay_process(running, tmp_path, role) as relay:
        await relay.until_ready("tls.crt cannot be read: No such file or directory")

        first = relay.certify()
        await relay.until_ready("ok")
        assert await relay.shown() == first.decode()
        second = relay.certify()
        await until_told(lambda: _is_shown(relay, second), "the renewed certificate")

        metrics = (await relay.operations("/metrics")).text
        assert "promptops_feed_connected 1.0" in metrics
        assert "promptops_relay_scopes 2.0" in metrics
        assert _value(metrics, "promptops_certificate_expiry_timestamp_seconds") == valid_until(second).timestamp()


@pytest.mark.parametrize("role", ["relay", "operator"])
async def test_it_takes_up_what_its_file_says_while_it_runs(running: Hop, tmp_path: Path, role: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("logLevel: warning\n")
    async with relay_process(running, tmp_path, role, PROMPTOPS_SETTINGS_FILE=str(file)) as relay:

        async def stands(unusable: float) -> bool:
            metrics = (await relay.operations("/metrics")).text
            return _value(metrics, "promptops_settings_unusable") == unusable

        async def is_up() -> bool:
            return await relay.readiness() != ""

        await until_told(is_up, "the process")
        for text, unusable in (
            ("logLevel: loud\n", 1.0),
            ("logLevel: warning\n", 0.0),
            ("logLevel: warning\nnamespace: elsewhere\n", 1.0),
            ("logLevel: info\n", 0.0),
        ):
            file.write_text(text)
            await until_told(partial(stands, unusable), f"{unusable} for {text}")
        relay.process.terminate()
        said = (await relay.process.communicate())[1].decode()

    assert "PROMPTOPS_LOG_LEVEL is 'loud'" in said
    assert "in force from the next start on: namespace" in said
    assert "settings taken up" in said


def _value(metrics: str, name: str) -> float:
    (line,) = (each for each in metrics.splitlines() if each.startswith(f"{name} "))
    return float(line.partition(" ")[2])


async def _is_shown(relay: Process, certificate: bytes) -> bool:
    return await relay.shown() == certificate.decode()


@pytest.mark.parametrize("role", ["relay", "gateway"])
async def test_without_an_api_server_strangers_have_to_retry(running: Hop, tmp_path: Path, role: str) -> None:
    async with relay_process(running, tmp_path, role) as relay:
        relay.certify()
        await relay.until_ready("ok")

        garbage, plausible = await relay.ask("garbage"), await relay.ask(plausible_token())

    assert (garbage.status_code, garbage.json()["code"]) == (401, "Unauthenticated")
    assert (plausible.status_code, plausible.json()["code"]) == (503, "AuthenticationUnavailable")


def plausible_token() -> str:
    return token(GOOD | {"exp": time.time() + 600})


async def test_a_hop_above_that_goes_away_changes_nothing(running: Hop, tmp_path: Path) -> None:
    async with relay_process(running, tmp_path) as relay:
        relay.certify()
        await relay.until_ready("ok")

        await running.stop()
        await until_told(lambda: _is_disconnected(relay), "the hop above is gone")
        assert await relay.readiness() == "ok\n"

        await running.start()


async def _is_disconnected(relay: Process) -> bool:
    return "promptops_feed_connected 0.0" in (await relay.operations("/metrics")).text


async def test_it_ends_when_it_is_told_to(running: Hop, tmp_path: Path) -> None:
    async with relay_process(running, tmp_path) as relay:
        relay.certify()
        await relay.until_ready("ok")

        relay.process.send_signal(signal.SIGTERM)
        await until(lambda: relay.process.returncode is not None)
        assert relay.process.stderr is not None
        said = [json.loads(line) for line in (await relay.process.stderr.read()).splitlines()]

    assert relay.process.returncode == 0
    assert said[-1]["event"] == "stopped"
    assert not [line for line in said if "exception" in line]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        pytest.param({}, "PROMPTOPS_TOKEN_FILE is not set", id="no token"),
        pytest.param({"PROMPTOPS_ADDRESS": "here"}, "PROMPTOPS_ADDRESS is 'here'", id="an impossible address"),
        pytest.param({"KUBECONFIG": "/none"}, "the kubeconfig /none cannot be used", id="no way to the API server"),
        pytest.param({"PROMPTOPS_TRUST_FILE": "/none"}, "the trust file /none cannot be read", id="nobody to believe"),
    ],
)
def test_what_it_lacks_is_said_in_a_line(tmp_path: Path, environment: dict[str, str], says: str) -> None:
    (tmp_path / "kubeconfig").write_text(kubeconfig.for_token("https://127.0.0.1:1", AUTHORITY.certificate, "none"))
    address, operations = free_ports(2)
    enough = {
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "PROMPTOPS_TOKEN_FILE": "/token",
        "PROMPTOPS_TRUST_FILE": "/trust.json",
        "PROMPTOPS_CERTIFICATE_DIRECTORY": "/certificate",
        "PROMPTOPS_ADDRESS": f"127.0.0.1:{address}",
        "PROMPTOPS_OPERATIONS_ADDRESS": f"127.0.0.1:{operations}",
    }
    given = enough | environment if environment else {}
    done = subprocess.run(
        [sys.executable, "-m", "promptops.cli.main", "relay"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator"), **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert f"\nError: {says}" in f"\n{done.stderr}"
    assert "Traceback" not in done.stderr
