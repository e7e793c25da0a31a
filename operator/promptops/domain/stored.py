"""Manifests without an API server: what it would store of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
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


@dataclass(frozen=True)
class _Shape:
    """What has to be known of a model to store a node of it: looked up once, for a thousand files ask for the same."""

    fields: Mapping[str, Any]
    """What each field takes, by its written name: a model, or its annotation."""
    defaults: Mapping[str, FieldInfo]


@cache
def _shape(model: type[BaseModel]) -> _Shape:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return _Shape(
        {key: model_within(field.annotation) or field.annotation for key, field in fields.items()},
        {key: field for key, field in fields.items() if not field.is_required() and field.default is not None},
    )


def _node(model: type[BaseModel], written: Any) -> Any:
    if not isinstance(written, dict):
        return written
    shape = _shape(model)
    stored = {
        key: _value(shape.fields[key], value) if key in shape.fields else value
        for key, value in without_nulls(model, written).items()
    }
    return stored | {key: _default(field) for key, field in shape.defaults.items() if key not in stored}


def _value(taken: Any, value: Any) -> Any:
    if not isinstance(taken, type) or not issubclass(taken, BaseModel):
        return _map(taken, value) if isinstance(value, dict) else _plain(value)
    if not issubclass(taken, Model):
        return value
    return [_node(taken, each) for each in value] if isinstance(value, list | tuple) else _node(taken, value)


def _map(annotation: Any, value: dict[str, Any]) -> Any:
    if annotation is Any:
        return _plain(value)
    return {key: each for key, each in value.items() if each is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return whole(value)


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
