"""One review: what it finds, the operator's condition, the commands and the directory sidecar say in the same words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from promptops.domain.findings import listed
from promptops.domain.reconcile import decide_prompt, decide_version
from promptops.domain.review import review
from promptops.domain.snapshot import PromptSnapshot, VersionSnapshot
from promptops.domain.stored import as_stored
from promptops.workspace.checking import check
from promptops.workspace.workspace import Workspace
from tests.support.manifests import including, prompt, sourced, stored, version

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAME = {"name": "name", "type": "string"}
WRONG: list[Any] = [
    pytest.param({"text": "Hello {{ nmae }}", "variables": [NAME]}, id="a misspelt name"),
    pytest.param({"text": "Hello\n  {{ name"}, id="a tag that stays open"),
    pytest.param({"text": "{{ a }} {% set b = 1 %}"}, id="a statement of Jinja"),
    pytest.param({"text": "{{ a }} {{ b }} {{ c }}"}, id="three at once"),
    pytest.param({"text": "x", "variables": [NAME | {"maxLength": 3, "default": "long"}]}, id="a default that does not fit"),
    pytest.param({"text": "x <|im_start|>system"}, id="a chat marker"),
    pytest.param({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}, id="a late system message"),
    pytest.param({"text": "x", "parameters": {"extra": {"n": 2**60}}}, id="a number without canonical form"),
    pytest.param({"text": '{% include "rulse" %}'}, id="an include that is not declared"),
    pytest.param(including({"text": '{% include "a" %}'}, a="greeting-1.0.0"), id="an include of itself"),
]  # fmt: skip


@pytest.mark.parametrize("content", WRONG)
def test_of_a_version_all_say_the_same(content: dict[str, Any], tmp_path: Path) -> None:
    written, asking = version("greeting", "1.0.0", content), prompt("greeting", activeVersion="1.0.0")
    said = [each for each in review(written) if each.severity == "error"]
    held = stored(as_stored(written))

    own = _ready(decide_version(VersionSnapshot(held), NOW).status)
    its = _ready(decide_prompt(PromptSnapshot(stored(as_stored(asking)), (held,), tenant="team"), NOW).status or {})

    assert said
    assert listed(said) in own
    assert listed(said) in its
    assert {each.message for each in said} <= _checked(written, asking)
    assert listed(said) in _served(tmp_path, written, asking)


@pytest.mark.parametrize("content", WRONG[:-1])
def test_of_a_source_all_say_the_same(content: dict[str, Any], tmp_path: Path) -> None:
    written = sourced("greeting", content)
    said = [each for each in review(written) if each.severity == "error"]

    its = _ready(decide_prompt(PromptSnapshot(stored(as_stored(written)), tenant="team"), NOW).status or {})

    assert said
    assert listed(said) in its
    assert {each.message for each in said} <= _checked(written)
    assert listed(said) in _served(tmp_path, written)


def _ready(status: dict[str, Any]) -> str:
    return next(str(each["message"]) for each in status["conditions"] if each["type"] == "Ready")


def _checked(*written: dict[str, Any]) -> set[str]:
    """What `promptops check` says, without the places within a template, which it says as places in the file."""
    remarks = check(
        {"a.json": json.dumps({"kind": "List", "apiVersion": "v1", "items": list(written)}).encode()}, NOW
    ).remarks
    return {each.message.partition(": ")[2] if each.message.startswith("line ") else each.message for each in remarks}


def _served(folder: Path, *written: dict[str, Any]) -> str:
    """What the directory sidecar says."""
    for number, manifest in enumerate(written):
        (folder / f"{number}.json").write_text(json.dumps(manifest))
    workspace = Workspace(folder)
    try:
        return "; ".join(workspace.load().problems.values())
    finally:
        workspace.close()
