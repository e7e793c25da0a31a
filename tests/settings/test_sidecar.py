"""What a sidecar is told, and what it cannot be told together."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops.settings.environment import SettingsError
from promptops.settings.sidecar import SidecarSettings

FEED = {"PROMPTOPS_FEED_URL": "http://127.0.0.1:8282"}


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        pytest.param(FEED | {"PROMPTOPS_DIRECTORY": "/prompts"}, None, id="both in the environment"),
        pytest.param(FEED, Path("/prompts"), id="the directory on the command line"),
    ],
)
def test_a_feed_and_a_directory_are_refused_together(environ: dict[str, str], directory: Path | None) -> None:
    with pytest.raises(SettingsError, match=r"^PROMPTOPS_FEED_URL is http.* and the directory /prompts .*unset one"):
        SidecarSettings.from_environment(environ, directory)


@pytest.mark.parametrize(
    ("environ", "directory", "follows", "serves"),
    [
        pytest.param(FEED, None, "http://127.0.0.1:8282", None, id="a feed"),
        pytest.param({}, Path("/a"), None, Path("/a"), id="a directory"),
        pytest.param({"PROMPTOPS_DIRECTORY": "/b"}, Path("/a"), None, Path("/a"), id="the command line wins"),
    ],
)
def test_one_of_them_is_taken(
    environ: dict[str, str], directory: Path | None, follows: str | None, serves: Path | None
) -> None:
    settings = SidecarSettings.from_environment(environ, directory)

    assert (settings.feed_url, settings.directory) == (follows, serves)


def test_trust_comes_from_one_place() -> None:
    both = FEED | {"PROMPTOPS_TRUST": "{}", "PROMPTOPS_TRUST_FILE": "/trust.json"}

    with pytest.raises(SettingsError, match=r"^PROMPTOPS_TRUST and PROMPTOPS_TRUST_FILE .* unset one"):
        SidecarSettings.from_environment(both)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "PROMPTOPS_SNAPSHOT_KEY_FILE cannot be read", id="no file"),
        pytest.param("secret!", "is not base64", id="not base64"),
        pytest.param("c2VjcmV0", "has 6 bytes; a key has 32", id="too short"),
    ],
)
def test_a_key_of_the_snapshot_that_is_none_is_refused_and_not_repeated(
    text: str | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    if text is not None:
        file.write_text(text)
    where = {"PROMPTOPS_SNAPSHOT_DIRECTORY": "/snapshot", "PROMPTOPS_SNAPSHOT_KEY_FILE": str(file)}
    settings = SidecarSettings.from_environment(FEED | where)

    with pytest.raises(SettingsError, match=said) as refused:
        settings.snapshot_key()

    assert "secret" not in str(refused.value)
    assert "c2VjcmV0" not in str(refused.value)


def test_a_key_is_refused_where_there_is_no_snapshot() -> None:
    with pytest.raises(SettingsError, match="there is no snapshot to seal"):
        SidecarSettings.from_environment(FEED | {"PROMPTOPS_SNAPSHOT_KEY_FILE": "/key"})


def test_without_a_key_a_snapshot_lies_there_as_it_is() -> None:
    assert SidecarSettings.from_environment(FEED).snapshot_key() is None
