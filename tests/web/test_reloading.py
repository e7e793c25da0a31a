"""A file of settings, looked at again: what counts at once, what waits for a restart, and what is said of either."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from promptops.settings.environment import SettingsError
from promptops.settings.file import SettingsFile
from promptops.settings.logs import LogSettings
from promptops.telemetry.process import ProcessMetrics
from promptops.web.reloading import Reloading, Told


@dataclass(frozen=True)
class Wanted:
    """What a made-up role asks for."""

    colour: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Wanted:
        colour = environ.get("PROMPTOPS_COLOUR") or "red"
        if colour == "none":
            raise SettingsError("PROMPTOPS_COLOUR is none")
        return cls(colour)


@pytest.fixture
def logs() -> Iterator[None]:
    """What a test does to the logs of the process is undone."""
    configured, levels = structlog.get_config(), {name: logging.getLogger(name).level for name in ("", "kopf", "httpx")}
    yield
    structlog.configure(**configured)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@dataclass
class Followed:
    """A file and who looks at it."""

    path: Path
    file: SettingsFile[Told[Wanted]]
    reloading: Reloading[Wanted]
    registry: CollectorRegistry

    async def says(self, text: str | None) -> tuple[str | None, float | None]:
        """Write the file, or take it away; return what is wrong after a look, and what is scraped of it."""
        self.path.unlink(missing_ok=True) if text is None else self.path.write_text(text)
        await self.reloading.look()
        return self.reloading.problem, self.registry.get_sample_value("promptops_settings_unusable")


@pytest.fixture
def follow(tmp_path: Path, logs: None) -> Callable[[str], Followed]:
    """Follow a file that begins like this."""

    def followed(text: str) -> Followed:
        path, registry = tmp_path / "settings.yaml", CollectorRegistry()
        path.write_text(text)
        file: SettingsFile[Told[Wanted]] = SettingsFile(
            path, lambda environ: Told(Wanted.from_environment(environ), LogSettings.from_environment(environ)), {}
        )
        return Followed(path, file, Reloading(file, ProcessMetrics(registry)), registry)

    return followed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("colour: red\nlogLevel: debug\n", None, id="another level"),
        pytest.param("colour: blue\n", "in force from the next start on: colour", id="what waits for a restart"),
        pytest.param("colour: blue\nlogFormat: text\n", "in force from the next start on: colour, format", id="two that wait"),
        pytest.param("colour: none\n", "PROMPTOPS_COLOUR is none", id="what is impossible"),
        pytest.param("colours: red\n", "there is no setting 'colours' here; did you mean colour?", id="an unknown key"),
        pytest.param("colour: [\n", "cannot be read", id="half a file"),
        pytest.param(None, "cannot be read: No such file", id="no file"),
    ],
)  # fmt: skip
async def test_what_a_file_comes_to(follow: Callable[[str], Followed], text: str | None, problem: str | None) -> None:
    followed = follow("colour: red\n")

    said, unusable = await followed.says(text)

    assert (said is None, unusable) == (problem is None, 0.0 if problem is None else 1.0)
    assert problem is None or problem in (said or "")
    assert await followed.says("colour: red\n") == (None, 0.0)


async def test_an_impossible_change_keeps_what_was_said_before(follow: Callable[[str], Followed]) -> None:
    followed = follow("colour: red\nlogLevel: warning\n")
    await followed.says("colour: none\nlogLevel: debug\n")

    assert followed.file.current == Told(Wanted("red"), LogSettings("warning", "auto"))


async def test_a_level_silences_nobody_less_who_was_silenced(follow: Callable[[str], Followed]) -> None:
    logging.getLogger("kopf").setLevel(logging.CRITICAL)
    followed = follow("logLevel: error\n")
    await followed.says("logLevel: info\n")

    assert logging.getLogger("kopf").level == logging.CRITICAL
    assert logging.getLogger("httpx").level == logging.WARNING
