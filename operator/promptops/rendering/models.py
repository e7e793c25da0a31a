"""Which of a content's variants answers for a model, and what the content is then."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from promptops.api.content import Content, Parameters, Variant


def variant_for(variants: Sequence[Variant], provider: str | None, model: str | None) -> Variant | None:
    """Return the first variant whose pattern the model matches; None when none does, or no model was named.

    Without a provider only patterns match that leave it open, as in */small-*.
    """
    if model is None and provider is None:
        return None
    named = f"{provider or ''}/{model or ''}"
    return next((variant for variant in variants if fnmatchcase(named, variant.match)), None)


def varied(content: Content, variant: Variant) -> Content:
    """Return the content as it is for the variant's models: its text or messages, and the parameters merged."""
    text, messages = content.text, content.messages
    if variant.text is not None or variant.messages is not None:
        text, messages = variant.text, variant.messages
    return msgspec.structs.replace(
        content, text=text, messages=messages, parameters=merged(content.parameters, variant.parameters), models=()
    )


def merged(base: Parameters | None, differing: Parameters | None) -> Parameters | None:
    """Return `base` with what `differing` sets. What is free beside them is merged key by key, one level deep."""
    if base is None or differing is None:
        return differing or base
    changed = {
        name: value
        for name in Parameters.__struct_fields__
        if (value := getattr(differing, name)) is not None and value is not msgspec.UNSET
    }
    if isinstance(base.extra, dict) and isinstance(differing.extra, dict):
        changed["extra"] = {**base.extra, **differing.extra}
    return msgspec.structs.replace(base, **changed)
