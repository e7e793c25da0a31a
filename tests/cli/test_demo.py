"""While the control plane is being built, the demo shows what needs none."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from rich.console import Console

from promptops.cli.demo_folder import meanwhile
from promptops.dev.errors import BuildFailed
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings


class Watched(io.StringIO):
    """What is said; remembers when the new version was served."""

    def __init__(self) -> None:
        super().__init__()
        self.served = threading.Event()

    def write(self, text: str) -> int:
        """Take it down."""
        if "greeting 1.1.0, from a directory" in text:
            self.served.set()
        return super().write(text)


def test_a_folder_is_served_and_edited_before_the_build_ends(root: Path, dev_settings: DevSettings) -> None:
    said, done = Watched(), []

    def build() -> None:
        assert said.served.wait(60), "the build was waited for"
        done.append("built")

    meanwhile(build, root / "manifests" / "samples", dev_settings, Progress(Console(file=said, soft_wrap=True)))

    assert done == ["built"]
    assert "greeting 1.0.0, from a directory: “Greet Ada in one short, friendly sentence.”" in said.getvalue()


def test_a_build_that_fails_is_told(root: Path, dev_settings: DevSettings) -> None:
    def build() -> None:
        raise BuildFailed("the disk is full", "free some space")

    with pytest.raises(BuildFailed, match="the disk is full"):
        meanwhile(build, root / "manifests" / "samples", dev_settings, Progress(Console(file=io.StringIO())))
