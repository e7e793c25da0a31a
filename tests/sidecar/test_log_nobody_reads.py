"""Whoever reads the log is gone or hangs: what is edited is served, renders go on, and SIGTERM ends the process."""

from __future__ import annotations

import fcntl
import os
import re
from functools import partial
from pathlib import Path

import pytest

from tests.support.manifests import sourced
from tests.support.sidecar import Sidecar, Start, write
from tests.support.waiting import wait_until

_F_SETPIPE_SZ = 1031


def dropped(sidecar: Sidecar) -> float:
    found = re.search(r"^promptops_log_lines_dropped_total (\S+)", sidecar.operations("/metrics").text, re.M)
    assert found
    return float(found[1])


def serves(sidecar: Sidecar, text: str) -> bool:
    return bool(sidecar.render("a").json()["rendered_content"] == text)


@pytest.mark.parametrize("is_gone", [True, False], ids=["the reader is gone", "the reader hangs"])
def test_a_log_that_nobody_reads_holds_nobody_up(start_sidecar: Start, tmp_path: Path, is_gone: bool) -> None:
    write(tmp_path / "a.json", sourced("a", {"text": "first"}))
    read, write_end = os.pipe()
    fcntl.fcntl(write_end, _F_SETPIPE_SZ, 4096)
    os.set_blocking(write_end, False)
    if not is_gone:
        os.write(write_end, b"x" * 4096)
    os.set_blocking(write_end, True)
    sidecar = start_sidecar(tmp_path, stderr=write_end)
    os.close(write_end)
    if is_gone:
        os.close(read)

    for text in ("second", "third"):
        write(tmp_path / "a.json", sourced("a", {"text": text}))
        wait_until(partial(serves, sidecar, text), text)

    assert sidecar.get("/v1/health").json()["status"] == "healthy"
    assert not is_gone or wait_until(lambda: dropped(sidecar) >= 2, "what was lost is counted")
    assert sidecar.stop() == 0
    if not is_gone:
        os.close(read)
