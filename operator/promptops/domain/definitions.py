"""Whether the kinds as a cluster serves them have every field that we read and write: an older definition drops the rest."""

from collections.abc import Iterator

from pydantic import BaseModel

from promptops.api.v1alpha1.schema import Kind
from promptops.domain.findings import join
from promptops.domain.manifests import Manifest, mapping
from promptops.domain.stored import model_within


def lacking(kind: type[Kind], schema: Manifest) -> tuple[str, ...]:
    """Return the paths of the fields of a kind that a served schema does not know."""
    fields = ("spec", "status")
    properties = mapping(schema.get("properties"))
    return tuple(
        path
        for field in fields
        for path in _lacking(model_within(kind.model_fields[field].annotation), mapping(properties.get(field)), field)
    )


def _lacking(model: type[BaseModel] | None, schema: Manifest, path: str) -> Iterator[str]:
    if model is None:
        return
    properties = mapping((mapping(schema.get("items")) or schema).get("properties"))
    for name, field in model.model_fields.items():
        written = field.alias or name
        if written not in properties:
            yield join(path, written)
        else:
            yield from _lacking(model_within(field.annotation), mapping(properties[written]), join(path, written))
