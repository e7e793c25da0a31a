"""What the documentation shows is true: links lead somewhere, manifests are accepted, Python runs, commands exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from promptops.api.v1alpha1 import API_VERSION, KINDS
from promptops.cli.main import promptops_command

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HERE = re.compile(r"^cat > \S+\.yaml <<'EOF'\n(.*?)^EOF", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
MODELS = {kind.__name__: kind for kind in KINDS}


def blocks(language: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        yield from ((page, body) for found, body in BLOCK.findall(page.read_text()) if found == language)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = CODE.sub("", page.read_text())
    targets = [target for target in LINK.findall(prose) if "://" not in target]

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert missing == []


def test_manifests_are_accepted() -> None:
    typed = [body for _, page in blocks("bash") for body in HERE.findall(page)]
    shown = [*typed, *(body for _, body in blocks("yaml"))]
    manifests = [each for body in shown for each in yaml.safe_load_all(body) if each.get("apiVersion") == API_VERSION]

    for manifest in manifests:
        MODELS[manifest["kind"]].model_validate({"metadata": manifest["metadata"], "spec": manifest["spec"]})

    assert manifests, "the README shows at least one prompt"


def test_symptoms_are_told_in_words_that_are_said() -> None:
    page = (ROOT / "docs" / "guides" / "troubleshooting.md").read_text()
    reasons_page = (ROOT / "docs" / "reference" / "reasons.md").read_text()
    rows = re.findall(r"^\| (.*?) \|", page, re.MULTILINE)

    named = {word for row in rows for word in re.findall(r"`([A-Z][a-z]+[A-Z]\w+|Lagging)`", row)}

    assert {"VersionNotFound", "NotReady"} <= named
    assert {word for word in named if f"`{word}`" not in reasons_page} == {"ImagePullBackOff"}


def test_nobody_is_sent_to_another_project_of_this_name() -> None:
    """PyPI has one: a page names a file, or the place where it is kept."""
    by_name_alone = re.compile(r"pip install (?:-\S+ )*(?:promptops|'promptops(?:\[[\w,]+\])?')(?=[`\s])")

    found = {page.name for page in PAGES if by_name_alone.search(page.read_text())}

    assert found == {"packages.md"}, "which tells of the other"


def test_make_targets_exist() -> None:
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z][a-z0-9-]+)", page.read_text(), re.MULTILINE)
    }
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert named <= targets


def test_promptops_commands_exist() -> None:
    text = "\n".join(body for _, body in blocks("bash"))
    named = {tuple(match.split()) for match in re.findall(r"^promptops ([a-z]+(?: [a-z]+)?)", text, re.MULTILINE)}

    for words in named:
        done = CliRunner().invoke(promptops_command, [*words, "--help"])
        assert done.exit_code == 0, done.output

    assert ("sidecar",) in named


def test_decisions_are_numbered_one_after_the_other_and_as_they_say(root: Path) -> None:
    files = sorted((root / "docs/adr").glob("*.md"))

    said = [each.read_text().splitlines()[0].partition(". ")[0] for each in files]

    assert said == [f"# {number}" for number in range(1, len(files) + 1)]
    assert [int(each.name[:4]) for each in files] == [*range(1, len(files) + 1)]
