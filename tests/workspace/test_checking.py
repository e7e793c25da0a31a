"""Files are checked together, and each finding says where in its file."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from promptops.workspace.checking import Checked, check
from promptops.workspace.reports import as_github, as_json, as_sarif, as_text
from tests.support.manifests import manifest, many, sourced, version

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK = """\
# a prompt
apiVersion: promptops.io/v1alpha1
kind: Prompt
metadata:
  name: a
spec:
  source:
    content:
      messages:
        - role: user
          content: |
            Hello {{ name }},
            hello {{ nmae }}!
      variables:
        - {name: name, type: string}
"""


def checked(*, partial: bool = False, **files: str) -> Checked:
    return check({f"{name}.yaml": text.encode() for name, text in files.items()}, NOW, partial=partial)


def places(found: Checked) -> list[tuple[str, int, int, str, str]]:
    return [(each.file, each.line, each.column, each.severity, each.reason) for each in found.remarks]


def test_sound_files_have_no_remarks() -> None:
    found = checked(
        a=many(sourced("a", "Hi"), version("b", "1.0.0", "Ho")), b=many(manifest("Prompt", "b", activeVersion="1.0.0"))
    )

    assert (found.remarks, found.objects) == ((), 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(BLOCK, (13, 22, "UndeclaredVariable"), id="in a block of text"),
        pytest.param(BLOCK.replace("type: string", "type: text"), (15, 24, "InvalidSpec"), id="a field's value"),
        pytest.param(BLOCK.replace("  source:", "  sauce: 1\n  source:").replace("nmae", "name"), (7, 3, "InvalidSpec"), id="an unknown field"),
        pytest.param(BLOCK.replace("nmae", "name") + "---\nkind: [\n", (18, 1, "Unreadable"), id="a second document that cannot be read"),
        pytest.param(BLOCK.replace("nmae", "name") + "kind: Prompt\n", (16, 1, "Unreadable"), id="a key that stands twice"),
        pytest.param(json.dumps(sourced("a", "Hi {{ x }}"), indent=1), (10, 20, "UndeclaredVariable"), id="JSON"),
        pytest.param("hello: world\n", (1, 1, "InvalidSpec"), id="no manifest"),
        pytest.param(many(manifest("Prompt", "a", activeVersion="1.0.0")), (1, 1, "VersionNotFound"), id="a missing version"),
    ],
)  # fmt: skip
def test_a_finding_says_where(text: str, expected: tuple[int, int, str]) -> None:
    (remark,) = checked(a=text).remarks

    assert (remark.line, remark.column, remark.reason) == expected


def test_what_refers_elsewhere_is_a_warning_in_a_part_of_the_files() -> None:
    found = checked(partial=True, a=many(manifest("Prompt", "a", activeVersion="1.0.0")))

    assert places(found) == [("a.yaml", 1, 1, "warning", "VersionNotFound")]


def test_two_objects_of_one_name_are_an_error() -> None:
    found = checked(a=many(sourced("a", "Hi")), b=many(sourced("a", "Ho")))

    assert places(found) == [("b.yaml", 1, 1, "error", "NotServed")]


def test_a_wrong_version_is_said_once() -> None:
    found = checked(a=many(manifest("Prompt", "a", activeVersion="1.0.0"), version("a", "1.0.0", "{{ x }}")))

    assert [each.reason for each in found.remarks] == ["UndeclaredVariable"]


def test_a_tenant_is_looked_at_and_others_are_not() -> None:
    written = many(manifest("Tenant", "t", namespaces=["kube-system"]), {"apiVersion": "v1", "kind": "Service"})

    found = checked(a=written)

    assert [(each.subject, each.path) for each in found.remarks] == [("Tenant t", "spec")]


def test_forms_of_a_report() -> None:
    found = checked(a=BLOCK)

    text, annotations = as_text(found), as_github(found)
    (finding,), (result,) = json.loads(as_json(found))["findings"], json.loads(as_sarif(found))["runs"][0]["results"]

    assert text.startswith(
        "a.yaml:13:22: error: Prompt a: spec.source.content.messages[0].content: line 2, column 10: "
    )
    assert text.endswith("[UndeclaredVariable]\n1 object, 1 error")
    assert annotations.startswith("::error file=a.yaml,line=13,col=22,title=UndeclaredVariable::Prompt a: spec")
    assert (finding["file"], finding["line"], finding["severity"]) == ("a.yaml", 13, "error")
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 13, "startColumn": 22}


def test_an_annotation_cannot_be_ended_by_what_stands_in_a_file() -> None:
    found = check({"a,b:c%0A.yaml": b"kind: [\n"}, NOW)

    annotation, _ = as_github(found).splitlines()

    assert annotation.startswith("::error file=a%2Cb%3Ac%250A.yaml,line=2,col=1,")
