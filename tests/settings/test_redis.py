"""What is said of a mirror, and what an impossible word of it is answered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops.settings.environment import SettingsError
from promptops.settings.redis import RedisSettings
from promptops.settings.sidecar import SidecarSettings

URL = {"PROMPTOPS_REDIS_URL": "rediss://redis.example:6380/1", "PROMPTOPS_REDIS_KEY_FILE": "/key"}


def test_without_an_address_there_is_no_mirror() -> None:
    assert RedisSettings.from_environment({"PROMPTOPS_REDIS_KEY_FILE": "/key"}) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param({"PROMPTOPS_REDIS_URL": "http://redis"}, "must begin with redis://", id="another protocol"),
        pytest.param({"PROMPTOPS_REDIS_URL": "redis://"}, "must begin with redis://", id="no host"),
        pytest.param({"PROMPTOPS_REDIS_URL": "redis://h:port"}, "port is no number", id="an impossible port"),
        pytest.param({"PROMPTOPS_REDIS_URL": "redis://u:secret@h"}, "PROMPTOPS_REDIS_PASSWORD_FILE", id="a password"),
        pytest.param({"PROMPTOPS_REDIS_URL": "redis://h?socket_timeout=99"}, "options in it", id="options"),
        pytest.param({"PROMPTOPS_REDIS_KEY_FILE": ""}, "PROMPTOPS_REDIS_KEY_FILE is not set", id="no key"),
        pytest.param({"PROMPTOPS_REDIS_WRITES": "maybe"}, "must be true or false", id="perhaps"),
    ],
)
def test_an_impossible_word_is_refused_and_no_password_repeated(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        RedisSettings.from_environment(URL | environ)

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "cannot be read", id="no file"),
        pytest.param("secret!", "is not base64", id="not base64"),
        pytest.param("c2VjcmV0", "has 6 bytes; a key has 32", id="too short"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_repeated(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    if text is not None:
        file.write_text(text)
    settings = RedisSettings.from_environment(URL | {"PROMPTOPS_REDIS_KEY_FILE": str(file)})
    assert settings is not None

    with pytest.raises(SettingsError, match=said) as refused:
        settings.key()

    assert "secret" not in str(refused.value)
    assert "c2VjcmV0" not in str(refused.value)


def test_a_directory_has_no_mirror() -> None:
    with pytest.raises(SettingsError, match="a directory needs no mirror"):
        SidecarSettings.from_environment(URL | {"PROMPTOPS_DIRECTORY": "/prompts"})
