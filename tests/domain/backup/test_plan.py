"""What becomes of each object of a backup, and what is said of what stays."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.backup.plan import plan
from tests.support.manifests import config_map, placed, prompt, stored, tenant, version

RESTORING = {"promptops.io/restoring": "true"}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "promptops-keys"}, "data": {"keys": "b2xk"}}
OVERWRITE = ": add --overwrite for what the backup has"


def serving(number: str) -> dict[str, Any]:
    """A status that says so."""
    return {"serving": {"stable": {"version": number, "digest": f"sha256:{number}"}}}


ROWS = [
    pytest.param(prompt("a", activeVersion="1.0.0"), None, "create", "", id="it is not there"),
    pytest.param(
        prompt("a", activeVersion="1.0.0"),
        stored(prompt("a"), annotations=RESTORING),
        "finish",
        "",
        id="a restore was aborted",
    ),
    pytest.param(
        prompt("a", activeVersion="1.0.0"),
        stored(prompt("a", activeVersion="1.0.0", historyLimit=10)),
        "same",
        "",
        id="defaults are no difference",
    ),
    pytest.param(
        prompt("a", activeVersion="1.0.0"),
        stored(prompt("a", activeVersion="2.0.0", historyLimit=10)),
        "differs",
        f"spec.activeVersion is 2.0.0, the backup has 1.0.0{OVERWRITE}",
        id="another version is asked for",
    ),
    pytest.param(
        prompt("a", activeVersion="2.0.0") | {"status": serving("1.0.0")},
        stored(prompt("a", activeVersion="2.0.0", historyLimit=10), status=serving("2.0.0")),
        "differs",
        f"it serves 2.0.0, the backup 1.0.0{OVERWRITE}",
        id="the same is asked for and something else served",
    ),
    pytest.param(
        prompt("a", promptId="shop/a"),
        stored(prompt("a", promptId="shop/b", historyLimit=10)),
        "differs",
        "spec.promptId never changes: delete it first if the backup's is meant",
        id="an id that cannot be changed",
    ),
    pytest.param(
        version("a", "1.0.0", "Secret plan"),
        stored(version("a", "1.0.0", "Other plan", lifecycle="Available")),
        "differs",
        "spec.content never changes: delete it first if the backup's is meant",
        id="another content under the number",
    ),
    pytest.param(
        version("a", "1.0.0", "x", lifecycle="Archived"),
        stored(version("a", "1.0.0", "x", lifecycle="Available")),
        "differs",
        f"spec.lifecycle is Available, the backup has Archived{OVERWRITE}",
        id="archived and used again",
    ),
    pytest.param(
        placed(config_map("a", "old text"), "team"),
        stored(config_map("a", "new text")),
        "differs",
        f"data.text differs{OVERWRITE}",
        id="a text is not quoted",
    ),
    pytest.param(
        SECRET, SECRET | {"data": {"keys": "bmV3"}}, "differs", f"data.keys differs{OVERWRITE}", id="nor is a key"
    ),
    pytest.param(
        tenant("a", "one"),
        stored(tenant("a", "two")),
        "differs",
        f"spec.namespaces differs{OVERWRITE}",
        id="other namespaces",
    ),
    pytest.param(
        prompt("a"),
        stored(prompt("a"), deletionTimestamp="2026-01-01T00:00:00Z"),
        "differs",
        "it is being deleted: wait until it is gone",
        id="it is going",
    ),
]


@pytest.mark.parametrize(("record", "found", "verdict", "why"), ROWS)
def test_plan(record: dict[str, Any], found: dict[str, Any] | None, verdict: str, why: str) -> None:
    step = plan(record, found, overwrite=False)

    assert (step.verdict, step.why) == (verdict, why)


@pytest.mark.parametrize(("record", "found", "verdict", "why"), ROWS)
def test_asked_to_overwrite(record: dict[str, Any], found: dict[str, Any] | None, verdict: str, why: str) -> None:
    step = plan(record, found, overwrite=True)

    assert step.verdict == ("replace" if why.endswith(OVERWRITE) else verdict)
