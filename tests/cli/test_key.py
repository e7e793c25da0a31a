"""`promptops key` prints what a namespace's sidecars open their mirror with."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner

from promptops.cache.tiers.sealing import Derived, Sole
from promptops.cli.key import key

MASTER = base64.b64encode(b"m" * 32).decode()


def test_what_a_relay_seals_for_a_namespace_is_opened_by_its_key(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_text(f"{MASTER}\n")

    printed = CliRunner().invoke(key, ["--master", str(tmp_path / "master.key"), "uid-of-team-a"])

    sealed = Derived(b"m" * 32).of("uid-of-team-a").seal(b"text", "uid-of-team-a", "head")
    assert printed.exit_code == 0
    assert Sole(base64.b64decode(printed.output)).of("").open(sealed, "head") == ("uid-of-team-a", b"text")


@pytest.mark.parametrize("text", ["", "secret!", base64.b64encode(b"short").decode()])
def test_what_is_no_master_key_is_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    (tmp_path / "master.key").write_text(text)

    refused = CliRunner().invoke(key, ["--master", str(tmp_path / "master.key"), "uid"])

    assert refused.exit_code == 1
    assert "is no master key, which is 32 bytes in base64" in refused.output
    assert not text or text not in refused.output
