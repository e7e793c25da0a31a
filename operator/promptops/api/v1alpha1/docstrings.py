"""What stands as a string below the fields of a model, as the descriptions of its schema."""

import ast
import inspect
import textwrap
from functools import lru_cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


def describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Enter what stands below each field. It is looked up here and not when the class is made, as pydantic would: parsing
    their own source takes half of the time that importing the kinds takes, and whoever serves never asks."""
    said = {name: text for each in reversed(model.__mro__) for name, text in _field_docstrings(each).items()}
    for name, declared in model.model_fields.items():
        if name in said:
            schema["properties"][declared.alias or name].setdefault("description", said[name])


@lru_cache
def _field_docstrings(model: type[Any]) -> dict[str, str]:
    """Return what stands as a string below each field in the body of a class, by the field's name."""
    if not issubclass(model, BaseModel) or model is BaseModel:
        return {}
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return {
        written.target.id: inspect.cleandoc(below.value.value)
        for written, below in pairwise(statements)
        if isinstance(written, ast.AnnAssign) and isinstance(written.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }
