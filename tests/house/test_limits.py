"""A limit that more than one place keeps stands in promptops.api.limits, and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import promptops
from promptops.api import limits

PACKAGE = Path(promptops.__file__).parent
LIMITS = {name: value for name, value in vars(limits).items() if isinstance(value, int)}
MODULES = [path for path in PACKAGE.rglob("*.py") if path != Path(limits.__file__)]
_BOUND = re.compile(r"_?(?:MAX|MOST|LONGEST)_\w*?(BYTES|CHARACTERS)")


def number_of(node: ast.expr | None) -> int | None:
    """What a constant comes to, also one that is written as a product."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = number_of(node.left), number_of(node.right)
        return None if left is None or right is None else left * right
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else None


def constants(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = number_of(node.value) if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                yield target.id, value


def lengths_of_texts(tree: ast.Module) -> Iterator[int]:
    """The bounds that a model writes out as Annotated[str, Field(max_length=…)]."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Subscript) and ast.unparse(node).startswith("Annotated[str, ")):
            continue
        for word in (word for each in ast.walk(node) if isinstance(each, ast.Call) for word in each.keywords):
            value = number_of(word.value) if word.arg == "max_length" else None
            if value is not None:
                yield value


def second_spellings(source: str) -> list[str]:
    tree = ast.parse(source)
    known = {(name.rpartition("_")[2], value) for name, value in LIMITS.items()}
    found = [
        name
        for name, value in constants(tree)
        if name in LIMITS or ((bound := _BOUND.fullmatch(name)) and (bound[1], value) in known)
    ]
    lengths = {value for name, value in LIMITS.items() if name.endswith("CHARACTERS")}
    found += [f"max_length={value}" for value in lengths_of_texts(tree) if value in lengths]
    return found + [name for name in limits.PROTECTED_NAMESPACES if f"{name}'" in source or f'{name}"' in source]


def test_no_limit_is_spelt_a_second_time() -> None:
    found = {str(path.relative_to(PACKAGE)): second_spellings(path.read_text()) for path in MODULES}

    assert {path: each for path, each in found.items() if each} == {}


def test_a_second_spelling_is_found() -> None:
    source = (
        "MAX_TEMPLATE_CHARACTERS = 1\n_MAX_LINE_BYTES: Final = 2 * 128\nclosed = ['kube-system']\n"
        "MAX_AHEAD_BYTES = 64 * 1024\nage: Annotated[str, Field(max_length=40)]\nrows: Annotated[Items[Row], Field(max_length=40)]\n"
    )

    assert second_spellings(source) == ["MAX_TEMPLATE_CHARACTERS", "_MAX_LINE_BYTES", "max_length=40", "kube-system"]
