"""The command line of an installation that has only what an application needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.sidecar import ROOT

WITHOUT = "import sys; sys.modules['{missing}'] = None; sys.argv = ['promptops', *{arguments}]; "
RUN = "from promptops.cli.entry import main; main()"


def run(missing: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = WITHOUT.format(missing=missing, arguments=list(arguments)) + RUN
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "operator"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        pytest.param("click", [], "cli", id="nothing asked for"),
        pytest.param("click", ["--version"], "cli", id="the version"),
        pytest.param("click", ["sidecar", "--directory", "x"], "sidecar", id="a sidecar"),
        pytest.param("click", ["operator"], "operator", id="an operator"),
        pytest.param("uvloop", ["sidecar"], "sidecar", id="half of what a sidecar needs"),
        pytest.param("uvloop", ["operator"], "operator", id="half of what an operator needs"),
    ],
)
def test_it_says_which_extra_to_install(missing: str, arguments: list[str], extra: str) -> None:
    done = run(missing, *arguments)

    assert done.returncode == 1
    assert f"pip install 'promptops[{extra}]'" in done.stderr
    assert missing in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("role", ["operator", "sidecar"])
@pytest.mark.parametrize(("variable", "value"), [("PROMPTOPS_LOG_LEVEL", "loud"), ("PROMPTOPS_LOG_FORMAT", "xml")])
def test_impossible_logs_are_a_clear_word(role: str, variable: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "promptops.cli.main", role],
        env={"PYTHONPATH": str(ROOT / "operator"), "PATH": "/usr/bin:/bin", variable: value},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert f"Error: {variable} is '{value}'; it must be one of" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("form", "begins"), [("json", '{"key": 1'), ("text", ""), ("auto", '{"key": 1')])
def test_logs_of_a_form(form: str, begins: str) -> None:
    program = (
        "import structlog; from promptops.cli.running import configure_logs; configure_logs()\n"
        "log = structlog.get_logger(); log.info('it happened', key=1); log.debug('never')"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "operator"), "PROMPTOPS_LOG_FORMAT": form},
        capture_output=True,
        text=True,
    )

    assert done.stderr.startswith(begins)
    assert done.stderr.count("\n") == 1
    assert "it happened" in done.stderr
    assert "\x1b" not in done.stderr
