"""Remarks in the forms that people and machines read."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from promptops.workspace.checking import Checked, Remark

_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_INFORMATION: Final = "https://promptops.io"


def as_text(checked: Checked) -> str:
    """Return a line for each remark, as compilers write them, and a line that counts them."""
    lines = [
        f"{each.file}:{each.line}:{each.column}: {each.severity}: {each.sentence} [{each.reason}]"
        for each in checked.remarks
    ]
    return "\n".join([*lines, summary(checked)])


def summary(checked: Checked) -> str:
    """Return what was looked at and what came of it."""
    counted = [_counted(checked.objects, "object")]
    counted += [_counted(checked.count(each), each) for each in ("error", "warning") if checked.count(each)]
    return ", ".join(counted) if len(counted) > 1 else f"{counted[0]}, nothing to mend"


def as_json(checked: Checked) -> str:
    """Return one JSON object."""
    remarks = [
        {
            "file": each.file,
            "line": each.line,
            "column": each.column,
            "severity": each.severity,
            "reason": each.reason,
            "subject": each.subject,
            "path": each.path,
            "message": each.message,
        }
        for each in checked.remarks
    ]
    counts = {f"{each}s": checked.count(each) for each in ("error", "warning")}
    return json.dumps({"objects": checked.objects, **counts, "findings": remarks}, indent=2, ensure_ascii=False)


def as_sarif(checked: Checked) -> str:
    """Return a SARIF 2.1.0 log, which code scanning services take."""
    reasons = sorted({each.reason for each in checked.remarks})
    driver = {"name": "promptops", "informationUri": _INFORMATION, "rules": [{"id": each} for each in reasons]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each) for each in checked.remarks],
    }
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def as_github(checked: Checked) -> str:
    """Return workflow commands, which GitHub shows beside the lines of a pull request."""
    return "\n".join([*(_annotation(each) for each in checked.remarks), summary(checked)])


FORMS: Final[Mapping[str, Callable[[Checked], str]]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _result(remark: Remark) -> dict[str, Any]:
    region = {"startLine": remark.line, "startColumn": remark.column}
    return {
        "ruleId": remark.reason,
        "level": remark.severity,
        "message": {"text": remark.sentence},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": remark.file}, "region": region}}],
    }


def _annotation(remark: Remark) -> str:
    named = {"file": remark.file, "line": remark.line, "col": remark.column, "title": remark.reason}
    properties = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in named.items())
    return f"::{remark.severity} {properties}::{_escaped(remark.sentence)}"


def _escaped(text: str, also: str = "") -> str:
    """Write what would end a workflow command or one of its properties as it asks for."""
    for character in ("%", "\r", "\n", *also):
        text = text.replace(character, f"%{ord(character):02X}")
    return text
