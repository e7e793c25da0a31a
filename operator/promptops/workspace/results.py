"""Results of tests in the forms that people and machines read."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from xml.etree import ElementTree

from promptops.workspace.testing import Tested

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_text(tested: Sequence[Tested]) -> str:
    """Return a line for each test, and a line that counts them."""
    lines = []
    for one in tested:
        if one.problem is not None:
            lines.append(f"{one.place}: {one.subject}: failed: {one.problem}")
        for each in one.tests:
            ended = "passed" if each.objection is None else f"failed: {each.objection}"
            lines.append(f"{one.place}: {one.subject}: {each.name}: {ended}")
    return "\n".join([*lines, summary(tested)])


def summary(tested: Sequence[Tested]) -> str:
    """Return how many tests there are, and how many failed."""
    tests, failed = sum(len(one.tests) for one in tested), sum(one.failures for one in tested)
    counted = "no prompt has tests" if not tests else "1 test" if tests == 1 else f"{tests} tests"
    if failed:
        return f"{counted}, {failed} failed"
    return f"{counted}, all passed" if tests else counted


def as_json(tested: Sequence[Tested]) -> str:
    """Return one JSON object."""
    results = [
        {
            "place": one.place,
            "subject": one.subject,
            "problem": one.problem,
            "tests": [{"name": each.name, "failure": each.objection} for each in one.tests],
        }
        for one in tested
    ]
    counted = {"tests": sum(len(one.tests) for one in tested), "failed": sum(one.failures for one in tested)}
    return json.dumps({**counted, "results": results}, indent=2, ensure_ascii=False)


def as_junit(tested: Sequence[Tested]) -> str:
    """Return a JUnit report, which CI services show: a suite for each object, a case for each test."""
    root = ElementTree.Element("testsuites", _counts(tested), name="promptops")
    for one in tested:
        file, _, line = one.place.rpartition(":")
        suite = ElementTree.SubElement(root, "testsuite", _counts((one,)), name=one.subject)
        cases = [(each.name, each.objection) for each in one.tests]
        if one.problem is not None:
            cases.append(("can be tested", one.problem))
        for name, objection in cases:
            place = {"classname": one.subject, "file": _xml(file), "line": line}
            case = ElementTree.SubElement(suite, "testcase", place, name=_xml(name))
            if objection is not None:
                ElementTree.SubElement(case, "failure", message=_xml(objection)).text = _xml(objection)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _counts(tested: Sequence[Tested]) -> dict[str, str]:
    cases = sum(len(one.tests) + (one.problem is not None) for one in tested)
    return {"tests": str(cases), "failures": str(sum(one.failures for one in tested)), "errors": "0"}


def _xml(text: str) -> str:
    """Return a text without the characters that no XML can carry."""
    return _NOT_IN_XML.sub("\ufffd", text)


RESULTS: Final[Mapping[str, Callable[[Sequence[Tested]], str]]] = {
    "text": as_text,
    "json": as_json,
    "junit": as_junit,
}
