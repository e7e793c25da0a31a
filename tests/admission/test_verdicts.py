"""What is said of an edit: what was wrong before does not stand in its way."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.admission.reviews import Asked
from promptops.admission.verdicts import validated, with_sidecar
from tests.admission.pods import INJECTED, PARAMETERS, REFUSED, pod
from tests.support.manifests import prompt, sourced, version

Manifest = dict[str, Any]
BROKEN = sourced("a", "Hello {{ nme }}")


def asked(new: Manifest, old: Manifest | None = None) -> Asked:
    """The question about a creation or a change."""
    return Asked("1", "UPDATE" if old is not None else "CREATE", new, old)


def going(manifest: Manifest) -> Manifest:
    """An object that waits for its finalizers."""
    return {**manifest, "metadata": {**manifest["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("new", "old", "refusal", "warnings"),
    [
        pytest.param(sourced("a", "Hi"), None, False, 0, id="a sound one"),
        pytest.param(BROKEN, None, True, 0, id="a broken one"),
        pytest.param(BROKEN, sourced("a", "Hi"), True, 0, id="broken by an edit"),
        pytest.param(BROKEN, BROKEN, False, 0, id="nothing of the spec was edited"),
        pytest.param(sourced("a", "Hello {{ nme }}", activeVersion="1.0.0"), BROKEN, False, 1, id="rolled back while the source is broken"),
        pytest.param(sourced("a", "Hello {{ other }}"), BROKEN, True, 0, id="broken in another way"),
        pytest.param(sourced("a", "Hi"), BROKEN, False, 0, id="mended"),
        pytest.param(going(BROKEN), sourced("a", "Hi"), False, 0, id="one that goes"),
        pytest.param(version("a", "1.0.0", "Ho"), version("a", "1.0.0", "Hi"), True, 0, id="content of a version"),
        pytest.param(prompt("a", activeVersion="9.9.9"), None, False, 0, id="what refers to something not there yet"),
        pytest.param({"apiVersion": "promptops.io/v9", "kind": "Other", "metadata": {}, "spec": {}}, None, True, 0, id="a kind that is not known"),
    ],
)  # fmt: skip
def test_an_edit(new: Manifest, old: Manifest | None, refusal: bool, warnings: int) -> None:
    verdict = validated(asked(new, old))

    assert (bool(verdict.refusal), len(verdict.warnings)) == (refusal, warnings)


@pytest.mark.parametrize("asking", [pytest.param(row[0], id=name) for name, row in REFUSED.items()])
def test_the_webhook_refuses_no_pod(asking: Manifest) -> None:
    verdict = with_sidecar(asked(asking), PARAMETERS)

    assert (verdict.refusal, verdict.patch) == ("", ())
    assert verdict.warnings[0].startswith("no sidecar was injected: ")


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(asked(INJECTED["volumes"], pod()), id="a change"),
        pytest.param(asked({**pod(), "metadata": {"name": "x"}}), id="a pod that does not ask"),
    ],
)
def test_who_is_left_alone(question: Asked) -> None:
    verdict = with_sidecar(question, PARAMETERS)

    assert (verdict.patch, verdict.warnings) == ((), ())
