"""Manifests without an API server: what it would store of them."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from promptops.api.v1alpha1.prompt import Prompt
from promptops.api.v1alpha1.prompt_version import PromptVersion
from promptops.api.v1alpha1.schema import Kind, Model, whole, without_nulls
from promptops.api.v1alpha1.tenant import Tenant

_KINDS: Mapping[str, type[Kind]] = {kind.NAMES.kind: kind for kind in (Prompt, PromptVersion, Tenant)}


class UnknownKind(ValueError):
    """A manifest of a kind that is none of ours."""


def as_stored(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest as the API server would store it: nulls gone, defaults there, 1.0 written 1.

    What is decided on a file is then decided as in a cluster, digests included. Raises UnknownKind; what else is
    wrong stays as it is.
    """
    return part_as_stored(manifest, _kind_of(manifest))


def part_as_stored(written: Mapping[str, Any], model: type[Model]) -> dict[str, Any]:
    """Do the same for a part of a manifest that came by another way, such as content from a ConfigMap's key."""
    stored: dict[str, Any] = _node(model, dict(written))
    return stored


def _kind_of(manifest: Mapping[str, Any]) -> type[Kind]:
    name = manifest.get("kind")
    if not isinstance(name, str) or name not in _KINDS:
        raise UnknownKind(f"kind: must be one of {', '.join(_KINDS)}")
    return _KINDS[name]


def _node(model: type[BaseModel], written: Any) -> Any:
    if not isinstance(written, dict):
        return written
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    kept = without_nulls(model, written)
    stored = {key: _value(fields[key], value) if key in fields else value for key, value in kept.items()}
    return stored | {key: _default(field) for key, field in fields.items() if key not in stored and _has_default(field)}


def _value(field: FieldInfo, value: Any) -> Any:
    model = model_within(field.annotation)
    if model is None:
        return _map(field, value) if isinstance(value, dict) else _plain(value)
    if not issubclass(model, Model):
        return value
    return [_node(model, each) for each in value] if isinstance(value, list | tuple) else _node(model, value)


def _map(field: FieldInfo, value: dict[str, Any]) -> Any:
    if field.annotation is Any:
        return _plain(value)
    return {key: each for key, each in value.items() if each is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return whole(value)


def _has_default(field: FieldInfo) -> bool:
    return not field.is_required() and field.default is not None


def _default(field: FieldInfo) -> Any:
    if isinstance(field.default, BaseModel):
        return field.default.model_dump(by_alias=True, exclude_none=True)
    return field.default


def model_within(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an optional model or a list of models speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is dict:
        return None
    found = (model_within(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)
