"""What a folder costs: every content is looked at once, and an edit costs nothing beside those that it leaves alone."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

from promptops.cache.view import View
from promptops.workspace.objects import SCOPE
from promptops.workspace.workspace import Outcome, Workspace
from tests.support.manifests import sourced
from tests.support.sidecar import write

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROMPTS = 20
TIMES = {
    "domain.content.yaml_reader.read": 1,
    "domain.content.canonical.canonical": 1,
    "domain.content.checks.check_well_formed": 1,
    "cache.index.encode_entry": 1,
    "domain.reconcile.prompt.decide_prompt": 2,  # a version is made; it is served
}
"""How often each may be called for a prompt with a source."""
LATER = 1_000.0
"""A monotonic time at which everything has come to rest."""


@contextmanager
def called() -> Iterator[Counter[str]]:
    """Count the calls of each function: as many on a fast machine as on a busy one."""
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            counted[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}".removeprefix("promptops.")] += 1

    sys.setprofile(count)
    try:
        yield counted
    finally:
        sys.setprofile(None)


def prompt(text: str) -> dict[str, object]:
    variables = [{"name": "name", "type": "string", "maxLength": 100}]
    return {"text": f"{text}, {{{{ name }}}}", "variables": variables, "parameters": {"temperature": 0.5}}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    for number in range(PROMPTS):
        write(tmp_path / f"{number}.yaml", sourced(f"p{number}", prompt(f"Hello {number}")))
    workspace = Workspace(tmp_path, lambda: NOW)
    yield workspace
    workspace.close()


def viewed(outcome: Outcome | None, before: View | None = None) -> View:
    assert outcome is not None
    decided = outcome.decided
    return View.unsigned(decided.entries, decided.blobs, 1, namespace=SCOPE, tenant=SCOPE, before=before)


def test_at_a_start_every_content_is_looked_at_once(workspace: Workspace) -> None:
    with called() as counted:
        viewed(workspace.load())

    assert {name: counted[name] / PROMPTS for name in TIMES} == TIMES


def test_an_edit_leaves_the_others_alone(workspace: Workspace, tmp_path: Path) -> None:
    with called() as at_start:
        before = viewed(workspace.load())
    write(tmp_path / "7.yaml", sourced("p7", prompt("Goodbye")))
    workspace.follow(LATER)

    with called() as counted:
        after = viewed(workspace.follow(LATER + 1), before)

    assert (counted["cache.index.encode_entry"], counted["domain.reconcile.prompt.decide_prompt"]) == (1, 2)
    assert counted.total() < at_start.total() / 4
    assert {name for name in after.index if after.index[name] is not before.index[name]} == {"p7"}


def test_what_is_taken_from_the_view_before_is_what_would_be_made(workspace: Workspace) -> None:
    before = viewed(workspace.load())
    left = [entry for name, entry in before.entries.items() if name != "p7"]

    after = View.unsigned(left, before.blobs, 2, namespace=SCOPE, tenant=SCOPE, before=before)

    assert after == View.unsigned(left, before.blobs, 2, namespace=SCOPE, tenant=SCOPE)
