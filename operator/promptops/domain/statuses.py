"""A status as its kind declares it: written from the model, and read into it without trusting what stands there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from promptops.api.v1alpha1.prompt_status import PromptStatus
from promptops.api.v1alpha1.prompt_version import PromptVersionStatus
from promptops.api.v1alpha1.tenant import TenantStatus
from promptops.domain.manifests import Manifest, mapping, sequence, status_of, text, whole
from promptops.domain.stored import model_within

Status = TypeVar("Status", bound=BaseModel)
_Read = Callable[[object], Any]


def written(status: BaseModel) -> dict[str, Any]:
    """Return a status as JSON; what is None is absent."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def said(model: type[Status], value: object) -> Status:
    """Read a status, or a part of one. What is not there or malformed was never said: it is None, or empty when required."""
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError:
        return model.model_construct(**{name: said_alone(model, value, name) for name in _fields(model)})


def said_alone(model: type[BaseModel], value: object, name: str) -> Any:
    """Read one field, where thousands of statuses are looked at. Raises KeyError for one that is not declared."""
    alias, read = _fields(model)[name]
    return read(mapping(value).get(alias))


def said_of_prompt(prompt: Manifest) -> PromptStatus:
    """Read the status of a Prompt."""
    return said(PromptStatus, status_of(prompt))


def said_of_version(version: Manifest) -> PromptVersionStatus:
    """Read the status of a PromptVersion."""
    return said(PromptVersionStatus, status_of(version))


def said_of_tenant(tenant: Manifest) -> TenantStatus:
    """Read the status of a Tenant."""
    return said(TenantStatus, status_of(tenant))


@cache
def _fields(model: type[BaseModel]) -> Mapping[str, tuple[str, _Read]]:
    return {name: (field.alias or name, _reader(field)) for name, field in model.model_fields.items()}


def _reader(field: FieldInfo) -> _Read:
    plain, optional = _without_none(field.annotation), field.default is None
    part = model_within(plain)
    if get_origin(plain) is tuple:
        return partial(_items, part, None if optional else ())
    if part is not None:
        return partial(_part, part, optional)
    if plain is bool:
        return partial(_boolean, None if optional else False)
    if plain is int:
        return partial(_whole, None if optional else 0 if field.is_required() else field.default)
    return partial(_text, None if optional else "")


def _without_none(annotation: Any) -> Any:
    """Return what an optional type is when it is there."""
    kept = [each for each in get_args(annotation) if each is not type(None)]
    has_none = type(None) in get_args(annotation)
    return _plain(kept[0] if has_none else annotation)


def _plain(annotation: Any) -> Any:
    """Return a type without what it is annotated with."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    return annotation


def _items(part: type[BaseModel] | None, absent: Any, value: object) -> Any:
    if part is None:
        return tuple(map(text, sequence(value))) or absent
    return tuple(said(part, each) for each in sequence(value) if isinstance(each, Mapping)) or absent


def _part(part: type[BaseModel], optional: bool, value: object) -> BaseModel | None:
    return said(part, value) if isinstance(value, Mapping) or not optional else None


def _boolean(absent: bool | None, value: object) -> bool | None:
    return value if isinstance(value, bool) else absent


def _whole(absent: int | None, value: object) -> int | None:
    return absent if absent is None and not _is_whole(value) else whole(value, absent or 0)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(absent: str | None, value: object) -> str | None:
    return text(value) or absent
