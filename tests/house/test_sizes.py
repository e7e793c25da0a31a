"""Modules and functions stay small enough to be read, imports go in no circle, and one name is one thing."""

from __future__ import annotations

import ast
import statistics
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

TWO_WIRE_FORMS = {
    "AnswerFormat",
    "Content",
    "Function",
    "Message",
    "Parameters",
    "Variable",
    "Variant",
    "VersionReference",
}
"""What authors write and what consumers read; tests/api/test_content.py pins one to the other."""


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    """Every module of the product by its path, as text."""
    package = Path(__file__).parents[2] / "operator" / "promptops"
    return {str(path.relative_to(package)): path.read_text() for path in sorted(package.rglob("*.py"))}


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function has, its docstring aside."""
    document = node.body[0] if ast.get_docstring(node) is not None else None
    said = (document.end_lineno or 0) - document.lineno + 1 if document is not None else 0
    return (node.end_lineno or 0) - node.lineno + 1 - said


def percentile(values: list[int], share: float) -> int:
    return sorted(values)[int(share * (len(values) - 1))]


def test_modules_are_neither_long_nor_paragraphs_of_their_neighbours(modules: dict[str, str]) -> None:
    lengths = {path: text.count("\n") for path, text in modules.items() if not path.endswith("__init__.py")}
    print(f"modules: median {statistics.median(lengths.values())}, 95 % up to {percentile([*lengths.values()], 0.95)}")

    assert {path: length for path, length in lengths.items() if length > 400} == {}
    assert 100 <= statistics.median(lengths.values()) <= 250


def test_functions_are_short(modules: dict[str, str]) -> None:
    functions = {
        f"{path}:{node.lineno} {node.name}": lines_of(node)
        for path, text in modules.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    longest = sorted(functions, key=functions.__getitem__)[-10:]
    print(f"functions: median {statistics.median(functions.values())}, longest {longest}")

    assert statistics.median(functions.values()) <= 8
    assert percentile([*functions.values()], 0.95) <= 25, longest


def test_no_two_classes_have_one_name(modules: dict[str, str]) -> None:
    places = defaultdict(list)
    for path, text in modules.items():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path)
    twice = {name: where for name, where in places.items() if len(where) > 1 and name not in TWO_WIRE_FORMS}

    assert twice == {}


def test_no_import_goes_in_a_circle() -> None:
    graph = grimp.build_graph("promptops", exclude_type_checking_imports=True)
    below = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    assert len(list(TopologicalSorter(below).static_order())) == len(graph.modules)
