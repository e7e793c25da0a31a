"""Every filter, test and way to read, over every type of value: what Jinja renders, unless the table of deviations says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pytest

from promptops.rendering.errors import InvalidInput
from promptops.rendering.execute.plan import plan
from tests.rendering import differential

TABLE = (Path(__file__).parents[2] / "docs" / "language" / "reference.md").read_text("utf-8")
VALUES: dict[str, Any] = {
    "nothing": "", "words": "Ada b", "markup": "<a href='x'>&\"</a>", "other scripts": "é漢😀", "lines": "a\r\nb\n\nc", "rare lines": "a\u2028b\x0bc", "digits": "12",
    "long": "word " * 60, "integer": 3, "negative": -7, "zero": 0, "fraction": 2.5, "whole": 2.0, "tiny": 1e-7, "true": True, "false": False, "null": None,
    "no items": [], "strings": ["b", "A", "a", "é"], "numbers": [3, 1, 2, 1], "fractions": [2.5, 1.0], "mixture": [1, "a", True], "lists": [[1], {"a": 1}], "objects": [{"k": "b", "n": 2}, {"k": "a"}, {"k": "B"}],
    "nulls": [None], "no fields": {}, "fields": {"b": 1, "a": "é"}, "names of methods": {"items": 1, "keys": 2},
}  # fmt: skip
FILTERS = (
    "upper", "lower", "title", "capitalize", "trim", "trim('a')", "default('d')", "default('d', true)", "length", "count", "first", "last", "join", "join(', ')", "join('-', 'k')", "replace('a', 'b')",
    "replace('', 'x')", "tojson", "tojson(2)", "round", "round(1)", "round(0, 'ceil')", "round(1, 'floor')", "truncate(3)", "truncate(5, true)", "truncate", "indent", "indent(2, true, true)", "list", "sort",
    "sort(true, true)", "sort(false, false, 'k')", "unique | list", "unique(true) | list", "unique(false, 'k') | list",
)  # fmt: skip
TESTS = (
    "boolean", "defined", "divisibleby(2)", "eq(1)", "even", "false", "float", "ge(1)", "gt(1)", "in([1, 'a'])", "integer", "iterable", "le(1)", "lower", "lt(1)", "mapping", "ne(1)", "none", "number", "odd",
    "sequence", "string", "true", "undefined", "upper",
)  # fmt: skip
READS = ("v", "v.items", "v.a", "v.k", "v[0]", "v[-1]", "v[9]", "not v", "v or 1", "v == '1'", "v == v", "v < 1", "'a' in v", "1 in v", "v if v", "[v, 'a']", "v == [1]")  # fmt: skip
LOOP = "{% for x in v %}{{ x }},{% endfor %}"
TEMPLATES = (
    *(f"{{{{ v | {each} }}}}" for each in FILTERS),
    *(f"{{{{ v is {each} }}}}" for each in TESTS),
    *(f"{{{{ {each} }}}}" for each in READS),
    LOOP,
)


def row(template: str, name: str, theirs: str) -> str:
    """Return the beginning of the row of the table that tells of a difference; where there is none, why it is not one."""
    value = VALUES[name]
    if "1e-07" in theirs:
        return "`1e-07`, `1e-05`"
    if template == LOOP:
        return "a loop goes over the characters of a string"
    if "join" in template and "'k'" not in template:
        return "`True`, `None`, `1.0`, `['a']`"
    if "'k'" in template:
        return "`join`, `sort` and `unique` by a field"
    if "indent" in template and name == "rare lines":
        return "`indent` also splits"
    if ("first" in template or "last" in template) and isinstance(value, dict):
        return "a loop goes over the characters of a string"
    if any(each in template for each in ("round", "even", "odd", "divisibleby", "is lower", "is upper")):
        return "`round`, `even`, `odd`"
    if "sort" in template or "unique" in template:
        return "items of different types are sorted or told apart"
    if ".items" in template:
        return "`order.items` is"
    if any(each in template for each in ("v.", "v[")):
        return "a missing field renders as nothing"
    return f"{template} of {name}: {theirs}"


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_differs_stands_in_the_table(template: str) -> None:
    variables = [{"name": "w", "type": "list", "trust": "trusted"}]
    ours = plan(msgspec.json.encode({"text": f"{{% for v in w %}}{template}{{% endfor %}}", "variables": variables}))
    theirs = differential.environment().from_string(template)

    untold = []
    for name, value in VALUES.items():
        one, other = (
            attempt(lambda value=value: ours.render({"w": [value]}).text),
            attempt(lambda value=value: theirs.render(v=value)),
        )
        if one != other and f"\n| {row(template, name, str(other))}" not in TABLE:
            untold.append((name, one, other))

    assert untold == []


def attempt(render: Any) -> str | None:
    """Return what is rendered; None when it is refused, or fails in Python."""
    try:
        return str(render())
    except (InvalidInput, jinja2.TemplateError, TypeError, AttributeError):
        return None
