"""A file of settings may change, be wrong, vanish and come back while a process runs: what was last said well goes on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promptops.settings.environment import SettingsError
from promptops.settings.file import SettingsFile, key_of, variable_of
from promptops.settings.logs import LogSettings
from promptops.settings.redis import RedisSettings
from promptops.settings.sidecar import SidecarSettings


@dataclass
class Watched:
    """A file, and what callbacks were told of it."""

    path: Path
    file: SettingsFile[LogSettings]
    told: list[tuple[str, str]]

    def look(self) -> str:
        """Look at the file as a process does, and return the level that counts."""
        try:
            data = self.file.read()
            if data is not None:
                self.file.take(data)
        except OSError as error:
            self.file.lost(error)
        except SettingsError:
            pass
        return self.file.current.level


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return watching(tmp_path / "settings.yaml", "logLevel: debug\n")


def watching(path: Path, text: str | None, **environ: str) -> Watched:
    if text is not None:
        path.write_text(text)
    made = Watched(path, SettingsFile(path, LogSettings.from_environment, environ), [])
    made.file.listen(lambda before, now: made.told.append((before.level, now.level)))
    return made


@pytest.mark.parametrize("name", ["settings.yaml", "settings.json", "settings"])
def test_both_forms_say_the_same(tmp_path: Path, name: str) -> None:
    said: dict[str, Any] = {"logLevel": "warning", "logFormat": "json"}

    file = watching(tmp_path / name, json.dumps(said)).file

    assert file.current == LogSettings("warning", "json")


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    watched = watching(tmp_path / "s.yaml", "logLevel: debug\nlogFormat: json\n", PROMPTOPS_LOG_LEVEL="error")

    assert watched.file.current == LogSettings("error", "json")


def test_a_change_is_told_once_with_before_and_now(watched: Watched) -> None:
    watched.path.write_text("logLevel: error # louder\n")

    assert [watched.look(), watched.look()] == ["error", "error"]
    assert watched.told == [("debug", "error")]
    watched.path.write_text("logLevel: error\n")
    watched.look()
    assert watched.told == [("debug", "error")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("logLevel: loud\n", "PROMPTOPS_LOG_LEVEL is 'loud'", id="an impossible value"),
        pytest.param("loglevel: info\n", "no setting 'loglevel' here; did you mean logLevel", id="a typo"),
        pytest.param("colour: red\n", "no setting 'colour' here; known are logFormat, logLevel", id="unknown"),
        pytest.param("logLevel: [info]\n", "must be a text", id="a list"),
        pytest.param("- logLevel\n", "must be a mapping", id="no mapping"),
        pytest.param("logLevel: {", "cannot be read", id="half written"),
        pytest.param("logLevel: info\nlogLevel: error\n", "cannot be read", id="a key twice"),
        pytest.param("a" * 300_000, "more than 256 KiB", id="too large"),
    ],
)
def test_what_is_wrong_changes_nothing_and_is_said(watched: Watched, text: str, said: str) -> None:
    watched.path.write_text(text)

    assert watched.look() == "debug"
    assert said in (watched.file.problem or "")
    assert watched.told == []
    watched.path.write_text("logLevel: debug\n")
    watched.look()
    assert watched.file.problem is None


def test_a_file_that_is_wrong_at_the_start_ends_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean logLevel"):
        watching(tmp_path / "settings.yaml", "logLevl: info\n")


def test_a_file_that_vanishes_goes_on_and_counts_again_when_it_is_back(watched: Watched) -> None:
    watched.path.unlink()
    assert watched.look() == "debug"
    assert "No such file" in (watched.file.problem or "")

    watched.path.write_text("logLevel: error\n")

    assert watched.look() == "error"
    assert watched.file.problem is None


def test_a_file_that_comes_late_counts_from_then_on(tmp_path: Path) -> None:
    watched = watching(tmp_path / "settings.yaml", None)
    assert watched.file.current.level == "info"
    assert watched.file.problem is not None

    watched.path.write_text("logLevel: error\n")

    assert watched.look() == "error"


def test_a_mounted_config_map_is_followed_through_its_links(tmp_path: Path) -> None:
    """The kubelet writes a folder beside the one before and swaps one link."""
    for number, level in enumerate(("debug", "error")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "settings.yaml").write_text(f"logLevel: {level}\n")
    (tmp_path / "..data").symlink_to("..0")
    (tmp_path / "settings.yaml").symlink_to("..data/settings.yaml")
    watched = watching(tmp_path / "settings.yaml", None)
    assert watched.look() == "debug"

    (tmp_path / "..new").symlink_to("..1")
    (tmp_path / "..new").replace(tmp_path / "..data")

    assert watched.look() == "error"


def test_every_variable_has_a_key_that_leads_back_to_it() -> None:
    asked: list[str] = []

    class Asking(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.append(name)
            return {"PROMPTOPS_REDIS_URL": "redis://r", "PROMPTOPS_REDIS_KEY_FILE": "/k"}.get(name, default)

    for read in (SidecarSettings.from_environment, LogSettings.from_environment, RedisSettings.from_environment):
        read(Asking())

    assert len(set(asked)) > 15
    assert {variable_of(key_of(name)) for name in asked} == set(asked)


@pytest.mark.parametrize("variable", ["PROMPTOPS_INSTANCE", "PROMPTOPS_FEED_URL", "PROMPTOPS_DATA_ADDRESS"])
def test_a_variable_that_is_no_text_is_refused_at_the_start(variable: str) -> None:
    environ = {"PROMPTOPS_FEED_URL": "http://127.0.0.1:8282", variable: os.fsdecode(b"pod-\xff")}

    with pytest.raises(SettingsError, match=f"{variable} is .*not valid UTF-8; write it as UTF-8"):
        SettingsFile(None, SidecarSettings.from_environment, environ)
