"""Structural schemas from pydantic models: whatever the API server could not hold as strictly is refused, with its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

FREE_JSON = "x-kubernetes-preserve-unknown-fields"
_RULES = "x-kubernetes-validations"
_ANNOTATIONS = {"title", "description", "default", "additionalProperties", "$defs"}
_KEYWORDS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"enum", "minLength", "maxLength", "pattern", "const", _RULES}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required", "maxProperties", "minProperties", _RULES}),
}
_NO_UNION = "a union cannot be structural: give the field one type, or use two fields and a rule"


class NotStructural(Exception):
    """A model says what no structural schema can; the message starts with the path of the field."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


def structural_schema(model: type[BaseModel], path: str, *, defaults: bool = True) -> Schema:
    """Return the structural schema of `model`, whose place in the manifest is `path`.

    Raises NotStructural for unions, tuples, sets, recursion, a missing type and anything without a bound.
    """
    document = model.model_json_schema(by_alias=True)
    return _Translation(document.get("$defs", {}), defaults).node(document, path, ())


class _Translation:
    """One document of JSON schema on its way to a structural schema without references."""

    def __init__(self, definitions: Mapping[str, Schema], defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def node(self, schema: Schema, path: str, within: tuple[str, ...]) -> Schema:
        """Translate one node; `within` names the models around it."""
        if "$ref" in schema:
            return self._outer_text(self._referenced(schema["$ref"], path, within), schema)
        if "oneOf" in schema or "allOf" in schema:
            raise NotStructural(path, _NO_UNION)
        if "anyOf" in schema:
            return self._outer_text(self.node(_only_alternative(schema["anyOf"], path), path, within), schema)
        if schema.get(FREE_JSON):
            return self._outer_text({FREE_JSON: True}, schema)
        kind = _type_of(schema, path)
        _refuse_unknown_keywords(schema, kind, path)
        return self._outer_text(self._typed(schema, kind, path, within), schema)

    def _referenced(self, reference: str, path: str, within: tuple[str, ...]) -> Schema:
        name = reference.rsplit("/", 1)[-1]
        if name in within:
            raise NotStructural(path, f"{name} contains itself: a structural schema cannot be recursive")
        return self.node(self._definitions[name], path, (*within, name))

    def _typed(self, schema: Schema, kind: str, path: str, within: tuple[str, ...]) -> Schema:
        match kind:
            case "array":
                return self._array(schema, path, within)
            case "object":
                return self._object(schema, path, within)
            case "string":
                return _string(schema, path)
            case _:
                kept = _bounds(schema, "minimum", "maximum")
                return {"type": kind, **({"format": "int64"} if kind == "integer" else {}), **kept}

    def _array(self, schema: Schema, path: str, within: tuple[str, ...]) -> Schema:
        _require(schema, "maxItems", path, "a list needs max_length")
        if "items" not in schema:
            raise NotStructural(path, "a list needs the type of its items")
        kept = _bounds(schema, "minItems", "maxItems")
        items = self.node(schema["items"], f"{path}[]", within)
        # Atomic: "set" and "map" compare without order, and the order of what is rendered counts.
        return {"type": "array", **kept, "x-kubernetes-list-type": "atomic", "items": items}

    def _object(self, schema: Schema, path: str, within: tuple[str, ...]) -> Schema:
        translated: Schema = {"type": "object"}
        if "properties" not in schema:
            return translated | self._map(schema, path, within)
        if schema.get("required"):
            translated["required"] = schema["required"]
        if schema.get(_RULES):
            translated[_RULES] = schema[_RULES]
        translated["properties"] = {
            name: self.node(field, f"{path}.{name}", within) for name, field in schema["properties"].items()
        }
        return translated

    def _map(self, schema: Schema, path: str, within: tuple[str, ...]) -> Schema:
        values = schema.get("additionalProperties")
        if not isinstance(values, dict):
            # A typed free-form object compares equal in CEL when unknown keys differ: immutability would not see them.
            raise NotStructural(path, "a free-form object has no type for its values: use FreeJson")
        _require(schema, "maxProperties", path, "a map needs max_length")
        kept = _bounds(schema, "minProperties", "maxProperties")
        return {**kept, "additionalProperties": self.node(values, f"{path}.*", within)}

    def _outer_text(self, translated: Schema, schema: Schema) -> Schema:
        """Put what the field itself says around what its type says."""
        inner: Schema = {key: translated.pop(key, None) for key in ("description", "default")}
        described = " ".join(str(schema.get("description") or inner["description"] or "").split())
        default = schema.get("default", inner["default"])
        first = {"description": described} if described else {}
        last = {"default": default} if self._defaults and default is not None else {}
        return {**first, **translated, **last}


def _only_alternative(alternatives: list[Schema], path: str) -> Schema:
    """Return the one type of an optional field: absent is not null, so nothing is nullable."""
    kept = [alternative for alternative in alternatives if alternative.get("type") != "null"]
    if len(kept) != 1:
        raise NotStructural(path, _NO_UNION)
    return kept[0]


def _type_of(schema: Schema, path: str) -> str:
    kind = schema.get("type")
    if "prefixItems" in schema:
        raise NotStructural(path, "a tuple cannot be structural: use Items")
    if schema.get("uniqueItems"):
        raise NotStructural(path, "a set has no order and compares without it: use Items")
    if not isinstance(kind, str):
        raise NotStructural(path, "no type; JSON of any shape is written FreeJson")
    if kind not in _KEYWORDS:
        raise NotStructural(path, f"type {kind} cannot be structural")
    return kind


def _refuse_unknown_keywords(schema: Schema, kind: str, path: str) -> None:
    if unknown := sorted(schema.keys() - _KEYWORDS[kind] - _ANNOTATIONS - {"type"}):
        raise NotStructural(path, f"{', '.join(unknown)} cannot be said of {kind} in a structural schema")


def _string(schema: Schema, path: str) -> Schema:
    if "const" in schema:
        return {"type": "string", "enum": [schema["const"]]}
    if "enum" in schema:
        return {"type": "string", "enum": schema["enum"]}
    _require(schema, "maxLength", path, "a string needs max_length")
    return {"type": "string", **_bounds(schema, "minLength", "maxLength", "pattern", _RULES)}


def _bounds(schema: Schema, *keywords: str) -> Schema:
    return {keyword: schema[keyword] for keyword in keywords if keyword in schema}


def _require(schema: Schema, keyword: str, path: str, problem: str) -> None:
    if keyword not in schema:
        raise NotStructural(path, f"{problem}: without bounds the API server refuses the rules around it as too costly")
