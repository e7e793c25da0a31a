"""Reference pages of what is said and set: reasons, metrics and settings, read from the code that has them."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import TypeGuard

from promptops.api import reasons
from promptops.settings import admission as admission_settings
from promptops.settings import operator as operator_settings
from promptops.settings import redis as redis_settings
from promptops.settings import relay as relay_settings
from promptops.settings import sidecar as sidecar_settings
from promptops.telemetry.admission import AdmissionMetrics
from promptops.telemetry.exposition import described
from promptops.telemetry.gateway import GatewayMetrics
from promptops.telemetry.operator import OperatorMetrics
from promptops.telemetry.relay import RelayMetrics
from promptops.telemetry.sidecar import SidecarMetrics
from promptops.web import problems

_VARIABLES = ("PROMPTOPS_", "KUBECONFIG")


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    return {"metrics.md": _metrics(), "reasons.md": _reasons(), "settings.md": _settings()}


def _reasons() -> str:
    groups = [*_groups(reasons), ("Problems of HTTP alone", [name for _, names in _groups(problems) for name in names])]
    listed = (f"## {title}\n\n{', '.join(f'`{name}`' for name in names)}\n" for title, names in groups if names)
    opening = "# Reasons\n\nThe same word stands in a condition, an Event, the `code` of a problem and the label of a metric.\n"
    return "\n".join((opening, *listed))


def _groups(module: ModuleType) -> list[tuple[str, list[str]]]:
    """The constants of a module under the comments that stand above them."""
    groups: list[tuple[str, list[str]]] = [("", [])]
    for line in inspect.getsource(module).splitlines():
        name, _, value = line.partition(": Final = ")
        if line.startswith("# "):
            groups.append((line.removeprefix("# "), []))
        elif name.isupper() and value.startswith('"') and value.endswith('"'):
            groups[-1][1].append(value.strip('"'))
    return groups


def _metrics() -> str:
    parts = (
        ("The operator", OperatorMetrics),
        ("A sidecar", SidecarMetrics),
        ("A relay or gateway", RelayMetrics),
        ("A gateway alone", GatewayMetrics),
        ("The admission webhook", AdmissionMetrics),
    )
    tables = (f"## {title}\n\n| metric | type | |\n|---|---|---|\n{_rows(kind)}\n" for title, kind in parts)
    return "\n".join(("# Metrics\n\nServed at `/metrics` of the operations listener.\n", *tables))


def _rows(kind: type[OperatorMetrics | SidecarMetrics | RelayMetrics | GatewayMetrics | AdmissionMetrics]) -> str:
    families = described(kind)
    return "\n".join(f"| `{family.name}` | {family.kind} | {family.meaning} |" for family in families)


def _settings() -> str:
    parts = (
        ("The operator", operator_settings, operator_settings.OperatorSettings),
        ("A sidecar", sidecar_settings, sidecar_settings.SidecarSettings),
        ("A relay or gateway", relay_settings, relay_settings.RelaySettings),
        ("The mirror in Redis, of a sidecar, a relay and a client", redis_settings, redis_settings.RedisSettings),
        ("The admission webhook", admission_settings, admission_settings.AdmissionSettings),
    )
    opening = (
        "# Settings\n\nRead from the environment, once, when a process starts; an impossible value ends it with a message. All but the"
        " webhook read them from a file as well, which `PROMPTOPS_SETTINGS_FILE` names, behind the environment and again while they run:"
        " [a file that is read again](../guides/configuration.md#a-file-that-is-read-again).\n"
    )
    tables = (
        f"## {title}\n\n| variable | default | |\n|---|---|---|\n{chr(10).join(_variables(module, kind))}\n"
        for title, module, kind in parts
    )
    return "\n".join((opening, *tables))


def _variables(module: ModuleType, kind: type) -> Iterator[str]:
    source = ast.parse(inspect.getsource(module))
    explained = _explained(source, kind.__name__)
    functions = {node.name: node for node in ast.walk(source) if isinstance(node, ast.FunctionDef)}
    made = next(node for node in ast.walk(functions["from_environment"]) if _makes(node))
    assigned = {
        node.targets[0].id: node.value
        for node in ast.walk(functions["from_environment"])
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for field in made.keywords:
        value = assigned.get(field.value.id, field.value) if isinstance(field.value, ast.Name) else field.value
        called = functions.get(ast.unparse(value.func)) if isinstance(value, ast.Call) else None
        texts = _texts(called or value)
        variable = next((text for text in texts if text.startswith(_VARIABLES)), None)
        if variable is not None and field.arg is not None:
            default = _default(called or value, variable)
            yield f"| `{variable}` | {f'`{default}`' if default else ''} | {explained.get(field.arg, '')} |"


def _makes(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "cls"


def _texts(node: ast.AST) -> list[str]:
    """The strings of a piece of code in the order in which they stand there."""
    found = [each for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return [str(each.value) for each in sorted(found, key=lambda each: (each.lineno, each.col_offset))]


def _default(node: ast.AST, variable: str) -> str:
    """What is said beside a variable where it is read: a further argument of that call, or what follows it after `or`."""
    for each in ast.walk(node):
        parts = each.args if isinstance(each, ast.Call) else each.values if isinstance(each, ast.BoolOp) else []
        said = [ast.unparse(part) for part in parts]
        read = next((index for index, text in enumerate(said) if repr(variable) in text), None)
        beside = _constants(parts[read + 1 :]) if read is not None else []
        if beside:
            return beside[0]
    return ""


def _constants(nodes: list[ast.expr]) -> list[str]:
    said = [each.value for each in nodes if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return [each for each in said if " " not in each]  # what has blanks says what is missing


def _explained(source: ast.Module, name: str) -> dict[str, str]:
    """The docstrings of a class's fields."""
    body = next(node.body for node in source.body if isinstance(node, ast.ClassDef) and node.name == name)
    return {
        field.target.id: " ".join(str(said.value.value).split())
        for field, said in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
    }
