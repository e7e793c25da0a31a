"""The reference pages: every field of every kind, and every right of the operator, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from promptops.api.v1alpha1 import API_VERSION
from promptops.codegen import calls, crds, handbook, rbac
from promptops.codegen.structural import FREE_JSON, Schema

_RULES = "x-kubernetes-validations"


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    return {"api.md": _api(), "http.md": calls.page(), "permissions.md": _permissions(), **handbook.pages()}


def _api() -> str:
    kinds = "\n".join(_kind(crd) for crd in crds.definitions())
    return f"# API reference: {API_VERSION}\n\nOptional fields may be absent; a null counts as absent.\n\n{kinds}"


def _kind(crd: dict[str, Any]) -> str:
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]
    scope = "one per namespace and name" if crd["spec"]["scope"] == "Namespaced" else "cluster-scoped"
    shown = ", ".join(f"`{column['name'].upper()}`" for column in version["additionalPrinterColumns"])
    lines = [
        f"## {names['kind']}",
        "",
        root["description"],
        "",
        f"`kubectl get {names['plural']}` (short: `{', '.join(names['shortNames'])}`), {scope}. Columns: {shown}.",
    ]
    if selectable := version.get("selectableFields"):
        paths = ", ".join(f"`{field['jsonPath'].removeprefix('.')}`" for field in selectable)
        lines.append(f"Field selectors: {paths}.")
    lines += ["", *_rules(root, names["kind"])]
    for part in ("spec", "status"):
        lines += [f"### {names['kind']}.{part}", "", root["properties"][part]["description"], ""]
        lines += ["| field | type | |", "|---|---|---|", *_rows(root["properties"][part], part), ""]
        lines += _all_rules(root["properties"][part], part)
    return "\n".join(lines)


def _rows(schema: Schema, path: str) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        required = ", required" if name in schema.get("required", ()) else ""
        described = field.get("description", "").replace("|", "\\|")
        yield f"| `{path}.{name}` | {_type(field)}{required} | {described} |"
        yield from _rows(field.get("items", field), f"{path}.{name}[]" if "items" in field else f"{path}.{name}")


def _type(field: Schema) -> str:
    if field.get(FREE_JSON):
        return "any JSON"
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"]) + _default(field)
    if field["type"] == "array":
        return f"list of {_type(field['items'])}{_range(field, 'minItems', 'maxItems', ' items')}"
    if "additionalProperties" in field:
        return (
            f"map of {_type(field['additionalProperties'])}{_range(field, 'minProperties', 'maxProperties', ' keys')}"
        )
    if field["type"] == "string":
        pattern = f", `{field['pattern']}`".replace("|", "\\|") if "pattern" in field else ""
        return f"string{_range(field, 'minLength', 'maxLength', ' characters')}{pattern}{_default(field)}"
    return f"{field['type']}{_range(field, 'minimum', 'maximum', '')}{_default(field)}"


def _range(field: Schema, low: str, high: str, unit: str) -> str:
    lowest, highest = field.get(low), field.get(high)
    if lowest is None and highest is None:
        return ""
    if lowest is None:
        return f" (≤ {highest}{unit})"
    return f" (≥ {lowest}{unit})" if highest is None else f" ({lowest}–{highest}{unit})"


def _default(field: Schema) -> str:
    return f", default `{field['default']}`" if "default" in field else ""


def _all_rules(schema: Schema, path: str) -> Iterator[str]:
    yield from _rules(schema, path)
    for name, field in schema.get("properties", {}).items():
        yield from _all_rules(field.get("items", field), f"{path}.{name}[]" if "items" in field else f"{path}.{name}")


def _rules(schema: Schema, path: str) -> list[str]:
    rules = schema.get(_RULES, ())
    return [f"Rules of `{path}`:", "", *(f"- {rule['message']}" for rule in rules), ""] if rules else []


def _permissions() -> str:
    parts = (
        ("The operator, in every namespace", rbac.CLUSTER_GRANTS),
        ("The operator, in its own namespace", rbac.OWN_NAMESPACE_GRANTS),
        ("The operator, in the cluster, with the webhook", rbac.WEBHOOK_GRANTS),
        ("The operator, in its own namespace, with the webhook", rbac.OWN_WEBHOOK_GRANTS),
        ("A relay, or a gateway, in every namespace", rbac.RELAY_GRANTS),
        *((f"The role promptops-{role.name}: {role.why}", role.grants) for role in rbac.PEOPLE),
    )
    opening = (
        "# Permissions\n\nNo wildcard, no list of Secrets, and no write to a Prompt but to its status. Tenants are"
        " read and written by the cluster's administrators only.\n"
    )
    return "\n".join((opening, *(_grants(title, grants) for title, grants in parts)))


def _grants(title: str, grants: tuple[rbac.Grant, ...]) -> str:
    rows = (f"| {_resources(grant)} | {', '.join(grant.verbs)} | {grant.why} |" for grant in grants)
    return "\n".join((f"## {title}", "", "| resource | verbs | why |", "|---|---|---|", *rows, ""))


def _resources(grant: rbac.Grant) -> str:
    named = f" named {', '.join(grant.names)}" if grant.names else ""
    return ", ".join(f"`{resource}{f'.{grant.group}' if grant.group else ''}`" for resource in grant.resources) + named
