"""Every block of the pages on Python runs as it stands, each in a process of its own: a real sidecar, and stand-ins for the vendors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.rendering.payloads.vendor import listening
from tests.support.sidecar import sidecars

ROOT = Path(__file__).parents[2]
PAGES = "".join((ROOT / "docs" / "guides" / page).read_text() for page in ("python.md", "patterns.md"))
BLOCKS = [
    (title, block)
    for title, section in re.findall(r"^## (.*?)$(.*?)(?=^## |\Z)", PAGES, re.MULTILINE | re.DOTALL)
    for block in re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
]
NOTEBOOK = ROOT / "docs" / "guides" / "notebook.ipynb"
KERNEL = """
import ast, asyncio, inspect, json, sys

async def run():
    names = {"__name__": "__main__"}
    for cell in json.load(open(sys.argv[1]))["cells"]:
        if cell["cell_type"] == "code":
            tree = compile("".join(cell["source"]), cell["id"], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if inspect.iscoroutine(done := eval(tree, names)):
                await done

asyncio.run(run())
"""
"""Runs the cells of a notebook as a kernel does: one after the other in one place, in a running event loop."""
COMPLETION: dict[str, Any] = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It is on its way."}}
    ],
}
MESSAGE: dict[str, Any] = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "It is on its way."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Where the blocks find a sidecar over the samples, and the vendors."""
    with ExitStack() as stack:
        openai = stack.enter_context(listening(COMPLETION))
        anthropic = stack.enter_context(listening(MESSAGE))
        for start in sidecars():
            sidecar = start(ROOT / "manifests" / "samples")
            yield {
                **{name: value for name, value in os.environ.items() if not name.startswith("PROMPTOPS_")},
                "PYTHONPATH": str(ROOT / "operator"),
                "PROMPTOPS_SOCKET": str(sidecar.socket),
                "OPENAI_BASE_URL": f"{openai.url}/v1",
                "OPENAI_API_KEY": "none",
                "ANTHROPIC_BASE_URL": anthropic.url,
                "ANTHROPIC_API_KEY": "none",
                "NO_PROXY": "127.0.0.1",
            }


@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_a_block_runs(environment: dict[str, str], title: str, block: str) -> None:
    done = run(environment, block)

    assert done.returncode == 0, f"{title}:\n{done.stderr}"


def test_the_notebook_runs_cell_by_cell(environment: dict[str, str]) -> None:
    done = run(environment, KERNEL, str(NOTEBOOK))

    assert done.returncode == 0, done.stderr
    assert "support-chat 1.0.0 active" in done.stdout
    assert "42: InvalidVariables" in done.stdout


def test_the_notebook_is_one_and_holds_nothing_of_who_wrote_it() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]

    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert all((cell["outputs"], cell["execution_count"]) == ([], None) for cell in code)


def run(environment: dict[str, str], *program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", *program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
