"""Objects as they came, read without trusting their shape; what is wrong with them in plain words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from promptops.api import reasons
from promptops.domain.findings import Finding, join
from promptops.rendering.names import shown

Manifest = Mapping[str, Any]
"""An object exactly as the API server returned it, or as it stands in a file."""
PARTIAL = "PartialObjectMetadata"
"""Kind of what tells of an object nothing but its metadata."""
Parsed = TypeVar("Parsed", bound=BaseModel)

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", type(None): "null"}


def mapping(value: object) -> Manifest:
    """Return the value when it is an object, else an empty one."""
    # Nearly always a dict: asking the abstract class costs thrice as much, and a decision asks a hundred times.
    return value if type(value) is dict or isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[Any]:
    """Return the value when it is a list, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object) -> str:
    """Return the value when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def whole(value: object, otherwise: int = 0) -> int:
    """Return the value when it is an integer, else `otherwise`."""
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def metadata(manifest: Manifest) -> Manifest:
    """Return an object's metadata."""
    return mapping(manifest.get("metadata"))


def name_of(manifest: Manifest) -> str:
    """Return an object's name."""
    return text(metadata(manifest).get("name"))


def is_going(manifest: Manifest) -> bool:
    """Tell whether an object's deletion has begun."""
    return bool(metadata(manifest).get("deletionTimestamp"))


def uid_of(manifest: Manifest) -> str:
    """Return an object's uid."""
    return text(metadata(manifest).get("uid"))


def generation_of(manifest: Manifest) -> int:
    """Return an object's generation."""
    return whole(metadata(manifest).get("generation"))


def label(manifest: Manifest, key: str) -> str:
    """Return the value of a label, empty when it is not there."""
    return text(mapping(metadata(manifest).get("labels")).get(key))


def annotation(manifest: Manifest, key: str) -> str:
    """Return the value of an annotation, empty when it is not there."""
    return text(mapping(metadata(manifest).get("annotations")).get(key))


def spec_of(manifest: Manifest) -> Manifest:
    """Return an object's spec."""
    return mapping(manifest.get("spec"))


def status_of(manifest: Manifest) -> Manifest:
    """Return an object's status."""
    return mapping(manifest.get("status"))


def age_key(manifest: Manifest) -> tuple[str, str]:
    """Order objects by age, the oldest first; the uid decides within a second."""
    return text(metadata(manifest).get("creationTimestamp")), uid_of(manifest)


def parse_as(model: type[Parsed], value: object, path: str) -> tuple[Parsed | None, tuple[Finding, ...]]:
    """Read a value as a model; the findings say in plain words why it is none."""
    try:
        return model.model_validate(value, by_alias=True, by_name=False), ()
    except ValidationError as refusal:
        details = refusal.errors(include_url=False)
        return None, tuple(_finding(each, path) for each in details if not _is_consequence(each, details))


def _is_consequence(detail: ErrorDetails, details: Iterable[ErrorDetails]) -> bool:
    """Items that are wrong themselves are not counted by pydantic; the list is not too short for it."""
    place = detail["loc"]
    within = (each["loc"] for each in details if len(each["loc"]) > len(place))
    return detail["type"] == "too_short" and any(each[: len(place)] == place for each in within)


def _finding(detail: ErrorDetails, root: str) -> Finding:
    return Finding(reasons.INVALID_SPEC, _plain(detail), join(root, _path(detail["loc"])))


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        path = f"{path}[{step}]" if isinstance(step, int) else join(path, step if step.isidentifier() else shown(step))
    return path


def _plain(detail: ErrorDetails) -> str:
    """Say one of pydantic's errors in the words of a manifest's author."""
    kind, context = detail["type"], detail.get("ctx") or {}
    sentences = {
        "missing": "is required",
        "extra_forbidden": "is not a field of this kind",
        "literal_error": f"must be one of {context.get('expected', '')}".replace("'", '"'),
        "string_too_long": f"must have at most {context.get('max_length')} characters",
        "string_too_short": f"must have at least {context.get('min_length')} characters",
        "too_long": f"must have at most {context.get('max_length')} items",
        "too_short": f"must have at least {context.get('min_length')} items",
        "greater_than_equal": f"must be at least {context.get('ge')}",
        "less_than_equal": f"must be at most {context.get('le')}",
        "finite_number": "must be a finite number",
        "string_unicode": "contains half of a surrogate pair: remove it",
    }
    if kind == "rule":
        return detail["msg"]
    return sentences.get(kind) or _wrong_type(kind, detail["input"])


def _wrong_type(kind: str, given: object) -> str:
    expected = {
        "string": "a string",
        "int": "an integer",
        "float": "a number",
        "bool": "true or false",
        "tuple": "a list",
        "list": "a list",
        "dict": "an object",
        "model": "an object",
    }.get(kind.partition("_")[0], "of another shape")
    if expected == "a number" == describe(given):
        return "is a number beyond what a program can hold: write a smaller one"
    return f"must be {expected}, not {describe(given)}"


def describe(value: object) -> str:
    """Name the JSON type of a value."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return _KINDS.get(type(value), "something else")
