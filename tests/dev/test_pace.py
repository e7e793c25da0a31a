"""An estimate is of two ordinary cores until this machine was seen at work; then it is of this machine."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from promptops.dev.pace import Pace
from promptops.dev.progress import Progress


def announced(cache: Path, *took: float, kind: str = "build") -> str:
    """Return the last announcement of steps that take 100 s on two cores and took so many here."""
    for seconds in took:
        said, times = io.StringIO(), iter((0.0, seconds))
        with Pace(cache, lambda times=times: next(times)).step(Progress(Console(file=said)), kind, "building", 100):  # type: ignore[misc]
            pass
    return said.getvalue().splitlines()[0]


@pytest.mark.parametrize(
    ("took", "said"),
    [
        pytest.param((0,), "building (about 100 s on two cores)…", id="never seen"),
        pytest.param((300, 0), "building (about 300 s here)…", id="seen once"),
        pytest.param((300, 100, 0), "building (about 200 s here)…", id="seen twice"),
        pytest.param((0.001, 0), "building (about 5 s here)…", id="a clock that was set"),
    ],
)
def test_an_estimate(tmp_path: Path, took: tuple[float, ...], said: str) -> None:
    assert announced(tmp_path, *took) == said


def test_each_kind_of_work_has_its_own(tmp_path: Path) -> None:
    announced(tmp_path, 300)

    assert announced(tmp_path, 0, kind="demo") == "building (about 100 s on two cores)…"


@pytest.mark.parametrize("left", ["", "[]", '{"build": "fast"}', '{"build": 1e9}', "{"])
def test_what_cannot_be_read_is_forgotten(tmp_path: Path, left: str) -> None:
    (tmp_path / "pace.json").write_text(left)

    assert announced(tmp_path, 300, 0) == "building (about 300 s here)…"


def test_nothing_is_learned_from_what_failed(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="full"),
        Pace(tmp_path).step(Progress(Console(file=io.StringIO())), "build", "it", 9),
    ):
        raise OSError("the disk is full")

    assert list(tmp_path.iterdir()) == []
