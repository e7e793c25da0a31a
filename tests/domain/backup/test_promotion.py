"""A backup that somebody changed is found out by its digests."""

from __future__ import annotations

from typing import Any

import pytest

from promptops.domain.backup.promotion import CannotPromote, altered, assessments, exported, once, verified
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


def test_what_two_exports_have_comes_once() -> None:
    both = exported([BASE]) + exported([BASE, OUTER])

    assert [each["metadata"]["name"] for each in once(both)] == ["base-1.0.0", "outer-1.0.0"]


def test_two_versions_under_one_name_are_refused() -> None:
    """Else the digest of the one would stand for the other."""
    right, wrong = exported([BASE])[0], exported([placed(version("base", "1.0.0", "Be cruel."), "team")])[0]

    with pytest.raises(CannotPromote, match=r"base-1\.0\.0 stands there twice, and not as the same"):
        once([wrong | {"metadata": right["metadata"]}, right])


@pytest.mark.parametrize(
    "claims", [{"base-1.0.0": "sha256:of-another"}, {"nobody-1.0.0": "sha256:of-nobody"}, {"-": ""}]
)
def test_what_is_claimed_of_a_version_has_to_be_so(claims: dict[str, str]) -> None:
    with pytest.raises(CannotPromote, match="it is said to be"):
        verified(exported([BASE]), claims)
