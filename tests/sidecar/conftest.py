"""Sidecars for tests: one to start, and one over a directory of typical prompts that the module shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.manifests import manifest, sourced, version
from tests.support.sidecar import Sidecar, Start, sidecars, write

STRING = {"name": "text", "type": "string"}
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ text }}"}]
TYPED: list[dict[str, Any]] = [
    {"name": "word", "type": "string", "maxLength": 5},
    {"name": "count", "type": "integer", "minimum": 1, "maximum": 10},
    {"name": "ratio", "type": "number"},
    {"name": "loud", "type": "boolean"},
    {"name": "tone", "type": "string", "enum": ["formal", "friendly"], "default": "formal"},
    {"name": "hint", "type": "string", "optional": True},
]


@pytest.fixture
def start_sidecar() -> Iterator[Start]:
    """Start a sidecar; it ends with the test."""
    yield from sidecars()


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar over prompts that no test changes."""
    directory = tmp_path_factory.mktemp("prompts")
    write(
        directory / "prompts.yaml",
        sourced("echo", {"text": "<{{ text }}>", "variables": [STRING]}),
        sourced("chat", {"messages": CHAT, "variables": [STRING], "parameters": {"temperature": 0.2, "maxTokens": 9}}),
        sourced(
            "typed", {"text": "{{ word }}|{{ count }}|{{ ratio }}|{{ loud }}|{{ tone }}|{{ hint }}", "variables": TYPED}
        ),
        sourced("secret", {"text": "canary-of-the-secret-prompt"}, promptId="other/x"),
        sourced("many", {"text": "{{ text }}" * 300, "variables": [STRING]}),
        sourced("off", {"text": "off"}, disabled=True),
        manifest("Prompt", "two", activeVersion="1.0.0"),
        version("two", "1.0.0", {"text": "one"}),
        version("two", "1.1.0", {"text": "two"}),
        sourced("slashed", {"text": "ends in a route"}, promptId="team/render"),
    )
    for start in sidecars():
        yield start(directory)
