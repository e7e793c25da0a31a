"""A tree of errors is drawn at the top of the file that has its root: which branch to catch is seen, not searched for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import promptops
from promptops.rendering.errors import PromptError

PACKAGE = Path(promptops.__file__).parent
_ENTRY_POINTS = ("__main__",)


def branches(root: type[BaseException]) -> Iterator[type[BaseException]]:
    """Everything that is caught with the root, in its own file."""
    for branch in root.__subclasses__():
        if branch.__module__ == root.__module__:
            yield branch
            yield from branches(branch)


def roots() -> list[type[BaseException]]:
    """Our own errors that have branches and are none themselves."""
    names = (module.name for module in walk_packages([str(PACKAGE)], "promptops."))
    modules = [import_module(name) for name in names if not name.endswith(_ENTRY_POINTS)]
    own = {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, BaseException) and found.__module__ == module.__name__
    }
    return sorted((each for each in own if not own & set(each.__mro__[1:]) and any(branches(each))), key=repr)


@pytest.mark.parametrize("root", roots(), ids=lambda root: root.__name__)
def test_a_tree_is_drawn_where_its_root_is(root: type[BaseException]) -> None:
    drawn = inspect.getdoc(inspect.getmodule(root)) or ""

    missing = [branch.__name__ for branch in branches(root) if f"─ {branch.__name__} " not in drawn]

    assert (root.__name__ in drawn, missing) == (True, [])


def test_the_trees_are_found() -> None:
    assert PromptError in roots()
