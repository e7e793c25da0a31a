"""Every block of the language's pages is what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from promptops.api.content import json_of
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.checks import check_content
from promptops.domain.content.resolving import Resolver
from promptops.domain.content.sourcing import SourceText, judge
from promptops.domain.findings import combined
from promptops.rendering.errors import InvalidInput
from promptops.rendering.execute.plan import plan
from promptops.rendering.syntax.vocabulary import FILTERS, LOOP_FIELDS, TESTS
from tests.support.manifests import version

PAGES = Path(__file__).parents[2] / "docs" / "language"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (PAGES / "guide.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0][:60])
def test_a_block_of_the_guide_is_what_it_says(block: str) -> None:
    shown: dict[str, Any] = yaml.safe_load(block)

    assert outcome(shown) == (shown.get("renders"), shown.get("refused"), shown.get("failed"))


def outcome(shown: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    content = {key: shown[key] for key in ("text", "messages", "variables") if key in shown}
    if "includes" not in shown and (error := combined(check_content(content))):
        return None, error.sentence.removeprefix("spec.content.text: "), None
    if "tests" in shown:
        failure = judge(SourceText("", "", content, shown["tests"])).failure
        return None, None, failure.message if failure else None
    if "includes" in shown:
        assessment = resolved(content | {"includes": shown["includes"]}, shown["versions"])
        if assessment.canonical is None:
            return None, "; ".join(each.sentence for each in assessment.findings), None
        content = msgspec.json.decode(json_of(assessment.canonical))
    try:
        return plan(msgspec.json.encode(content)).render(shown.get("given", {})).text, None, None
    except InvalidInput as refusal:
        return None, str(refusal), None


def resolved(content: dict[str, Any], others: dict[str, Any]) -> Assessment:
    versions = {name: version(name.removesuffix("-1.0.0"), "1.0.0", others[name]) for name in others}
    return Resolver(versions.get).assess(version("shown", "1.0.0", content))


@pytest.mark.parametrize("word", [*FILTERS, *TESTS, *LOOP_FIELDS])
def test_the_reference_knows_every_word(word: str) -> None:
    assert re.search(rf"`{word}[`(]", (PAGES / "reference.md").read_text())
