"""A sidecar that runs takes up what its file of settings says by now, and says what it cannot."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.support.manifests import sourced
from tests.support.sidecar import Start, write
from tests.support.waiting import wait_until


def test_a_running_sidecar_takes_up_what_its_file_says(start_sidecar: Start, tmp_path: Path) -> None:
    write(tmp_path / "prompts" / "prompts.yaml", sourced("greeting", "Hello"))
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"directory: {tmp_path / 'prompts'}\nlogLevel: warning\n")
    sidecar = start_sidecar(tmp_path, PROMPTOPS_SETTINGS_FILE=str(settings))

    def stands() -> str:
        return str(sidecar.get("/v1/health").json()["dependencies"]["settings"])

    def says(said: str) -> bool:
        return said in stands()

    def metric() -> bool:
        return "promptops_settings_unusable 1.0" in sidecar.operations("/metrics").text

    assert stands() == "ok"
    assert "directory served" not in sidecar.log
    settings.write_text(f"directory: {tmp_path / 'prompts'}\nlogLevel: info\n")
    wait_until(lambda: "settings taken up" in sidecar.log)
    for text, said in (
        (f"directory: {tmp_path}\nlogLevel: info\n", "in force from the next start on: directory"),
        ("logLevel: loud\n", "PROMPTOPS_LOG_LEVEL is 'loud'"),
        (None, "cannot be read: No such file"),
    ):
        settings.unlink() if text is None else settings.write_text(text)
        wait_until(partial(says, said), stands)
        assert metric()
        assert sidecar.render("greeting").is_success

    settings.write_text(f"directory: {tmp_path / 'prompts'}\nlogLevel: info\n")

    wait_until(lambda: stands() == "ok", stands)
    assert not metric()
    assert sidecar.get("/v1/health").json()["status"] == "healthy"
