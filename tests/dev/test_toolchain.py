"""Any Go will do that runs and is not too old; where it comes from has an order."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptops.dev.toolchain import first_new_enough, parse_version, version_of


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("go version go1.26.8 linux/amd64\n", (1, 26), id="a release"),
        pytest.param("go version go1.27rc1 darwin/arm64\n", (1, 27), id="a candidate"),
        pytest.param("go version devel go1.28-1a2b3c linux/amd64\n", (1, 28), id="a build of its source"),
        pytest.param("go: not found\n", None, id="something else"),
    ],
)
def test_parse_version(text: str, version: tuple[int, int] | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        pytest.param({"path": (1, 26), "usual": (1, 27)}, "path", id="the one on PATH wins"),
        pytest.param({"path": (1, 25), "usual": (1, 26)}, "usual", id="too old on PATH"),
        pytest.param({"path": None, "usual": None, "fetched": (1, 26)}, "fetched", id="one fetched earlier"),
        pytest.param({"path": (2, 0)}, "path", id="a later major"),
        pytest.param({"path": (1, 25), "usual": None}, None, id="none: it is fetched"),
    ],
)
def test_first_new_enough(versions: dict[str, tuple[int, int] | None], chosen: str | None) -> None:
    found = first_new_enough(map(Path, versions), lambda path: versions[str(path)])

    assert found == (Path(chosen) if chosen else None)


def test_a_stand_in_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    stand_in = tmp_path / "go"
    stand_in.write_text("#!/bin/sh\necho 'go version go1.99 linux/amd64'; exit 1\n")
    stand_in.chmod(0o755)

    assert version_of(stand_in) is None
    assert version_of(tmp_path / "absent") is None
