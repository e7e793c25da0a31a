"""A backup that somebody changed is found out by its digests."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.backup.promotion import altered, assessments
from tests.support.manifests import including, placed, version

BASE = placed(version("base", "1.0.0", "Be kind."), "team")
OUTER = placed(version("outer", "1.0.0", including({"text": "{% include 'it' %} Now."}, it="base-1.0.0")), "team")


def saying(manifest: dict[str, Any], digest: str | None) -> dict[str, Any]:
    """The version with the digest that its status says."""
    return manifest | {"status": {"digest": digest}}


def test_content_with_what_it_includes_has_its_digest() -> None:
    found = assessments([BASE, OUTER])

    assert list(altered([saying(each, found["team", each["metadata"]["name"]].digest) for each in (BASE, OUTER)])) == []


@pytest.mark.parametrize(
    ("tampered", "names"),
    [
        pytest.param(placed(version("base", "1.0.0", "Be kinD."), "team"), ["base-1.0.0", "outer-1.0.0"], id="one letter"),
        pytest.param(placed(version("base", "1.0.0", "Be {{ unkind"), "team"), ["base-1.0.0"], id="what can never be served"),
    ],
)  # fmt: skip
def test_a_letter_changes_the_version_and_whatever_includes_it(tampered: dict[str, Any], names: list[str]) -> None:
    found = assessments([BASE, OUTER])
    changed = [saying(tampered, found["team", "base-1.0.0"].digest), saying(OUTER, found["team", "outer-1.0.0"].digest)]

    assert [each["metadata"]["name"] for each, _ in altered(changed)] == names


def test_what_is_included_and_elsewhere_is_no_change() -> None:
    assert list(altered([saying(OUTER, "sha256:of-all")])) == []
