"""How the kinds are written down: strict models, CEL rules beside the fields they bind, and what kubectl shows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict
from pydantic.alias_generators import to_camel

Element = TypeVar("Element")
Items = Annotated[tuple[Element, ...], Strict(False)]
"""A list in the manifest, a tuple here. It is atomic in the schema: its order counts."""

FreeJson = Annotated[Any, Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""JSON of any shape. It has no type in the schema, because CEL compares typed free-form objects by their known keys only."""


@dataclass(frozen=True)
class Rule:
    """A CEL rule of a schema node, and what is said when it does not hold."""

    rule: str
    message: str
    holds: Callable[[Any], bool] | None = None
    """The same rule over the parsed model, for those who have no API server. None: it compares with the object before."""


@dataclass(frozen=True)
class Column:
    """A printer column of kubectl get."""

    name: str
    type: str
    json_path: str
    priority: int = 0
    description: str = ""


@dataclass(frozen=True)
class Names:
    """What the CRD says about a kind beside its schema."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    scope: str
    columns: tuple[Column, ...]
    selectable_fields: tuple[str, ...] = ()
    root_rules: tuple[Rule, ...] = field(default=())


def _add_rules(schema: dict[str, Any], model: type[Any]) -> None:
    if rules := model.rules():
        schema["x-kubernetes-validations"] = [{"rule": rule.rule, "message": rule.message} for rule in rules]


class Model(BaseModel):
    """A node of a manifest: camelCase outside, immutable, unknown keys and wrong types are errors."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        json_schema_extra=_add_rules,
    )
    RULES: ClassVar[tuple[Rule, ...]] = ()
    """What must hold between the fields."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return every rule of the node, the derived ones included."""
        return cls.RULES


class ObjectMeta(BaseModel):
    """The part of an object's metadata that decisions read."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple["OwnerReference", ...] = ()
    managed_fields: tuple[dict[str, Any], ...] = ()


class OwnerReference(BaseModel):
    """A reference to the object that owns this one."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    kind: str
    name: str
    uid: str
    controller: bool = False


class Condition(BaseModel):
    """A kstatus condition."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    type: Annotated[str, Field(max_length=316)]
    """Ready, Converged, Reconciling, Stalled or InUse."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=1024)]
    """One CamelCase word for why."""
    message: Annotated[str, Field(max_length=32768)]
    """What is the case, where, and what to do."""
    last_transition_time: Annotated[str, Field(max_length=64)]
    """When `status` last changed."""
    observed_generation: int = 0
    """The generation of the object this condition speaks of."""


DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
VERSION_PATTERN = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[a-z0-9]+([.-][a-z0-9]+)*)?$"
VARIABLE_PATTERN = "^[a-z][a-z0-9_]{0,62}$"
DIGEST_PATTERN = "^sha256:[a-f0-9]{64}$"
PROMPT_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$"

VersionNumber = Annotated[str, Field(max_length=40, pattern=VERSION_PATTERN)]
Digest = Annotated[str, Field(max_length=71, pattern=DIGEST_PATTERN)]
PromptName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
