"""How the kinds are written down: strict models, CEL rules beside the fields they bind, and what kubectl shows."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, core_schema

from promptops.api.limits import (
    DIGEST_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_PROMPT_ID_CHARACTERS,
    MAX_TIME_CHARACTERS,
    MAX_VARIABLE_CHARACTERS,
    MAX_VERSION_CHARACTERS,
)
from promptops.api.v1alpha1.docstrings import describe

GROUP = "promptops.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

VALIDATIONS = "x-kubernetes-validations"

Element = TypeVar("Element")
Items = Annotated[tuple[Element, ...], Strict(False)]
"""A list in the manifest, a tuple here. It is atomic in the schema: its order counts."""

FreeJson = Annotated[Any, Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
"""JSON of any shape. It has no type in the schema: CEL compares typed free-form objects by their known keys only."""

MAX_MESSAGE_CHARACTERS = 4096
"""Longest message of a condition; what would be longer is cut, for a refused status says nothing at all."""

MAX_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader understands alike."""


def whole(value: object) -> object:
    """Return 1.0 as 1, as the API server stores it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


WHOLE = BeforeValidator(whole)
"""Stands after the bounds of an int: a whole number, however it is spelled."""


def _without_null_values(value: object) -> object:
    return {key: each for key, each in value.items() if each is not None} if isinstance(value, dict) else value


WITHOUT_NULLS = BeforeValidator(_without_null_values)
"""Stands after the bounds of a map: a key with a null is an absent key, as the API server stores it."""


@dataclass(frozen=True)
class Rule:
    """A CEL rule of a schema node, and what is said when it does not hold."""

    rule: str
    message: str
    holds: Callable[[Any], bool] | None = None
    """The same rule over the parsed model, for those who have no API server. None: it compares with the object before."""
    message_expression: str = ""
    """CEL that says more than `message`, with what was written."""
    said: Callable[[Any], str] | None = None
    """The same words over the parsed model."""

    def written(self) -> dict[str, str]:
        """Return the rule as a schema holds it."""
        more = {"messageExpression": self.message_expression} if self.message_expression else {}
        return {"rule": self.rule, "message": self.message, **more}

    def sentence(self, model: Any) -> str:
        """Return what is said about a model that breaks the rule."""
        return self.said(model) if self.said else self.message


@dataclass(frozen=True)
class Spelling:
    """How a string must be spelled. Whoever spells it otherwise is told what to write, not shown a regular expression."""

    pattern: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        pattern = self.pattern.replace("\\", "\\\\")
        return {**handler(schema), VALIDATIONS: [{"rule": f"self.matches('{pattern}')", "message": self.message}]}

    def _checked(self, written: str) -> str:
        if re.fullmatch(self.pattern, written) is None:
            raise PydanticCustomError("rule", "{rule}", {"rule": self.message})
        return written


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
    describe(schema, model)
    if rules := model.rules():
        schema[VALIDATIONS] = [rule.written() for rule in rules]


class Model(BaseModel):
    """A node of a manifest: camelCase outside, immutable, unknown keys and wrong types are errors.

    Parsing gives the API server's verdict: a null is an absent field, and every rule that needs no earlier object holds.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        json_schema_extra=_add_rules,
    )
    RULES: ClassVar[tuple[Rule, ...]] = ()
    """What must hold between the fields."""

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return every rule of the node, the derived ones included."""
        return cls.RULES

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, written: Any) -> Any:
        return without_nulls(cls, written)

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules():
            if rule.holds and not rule.holds(self):
                raise PydanticCustomError("rule", "{rule}", {"rule": rule.sentence(self)})
        return self


def without_nulls(model: type[BaseModel], written: Any) -> Any:
    """Return a written node without the known fields that are null; the API server stores none of them."""
    if not isinstance(written, dict) or None not in written.values():
        return written  # nearly always: naming the fields costs more than looking at the values
    known = {field.alias or name for name, field in model.model_fields.items()} | model.model_fields.keys()
    return {key: value for key, value in written.items() if value is not None or key not in known}


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

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, written: Any) -> Any:
        return without_nulls(cls, written)


class OwnerReference(BaseModel):
    """A reference to the object that owns this one."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    kind: str
    name: str
    uid: str
    controller: bool = False


class Kind(Model):
    """A whole object of one of our kinds."""

    NAMES: ClassVar[Names]

    api_version: Literal["promptops.io/v1alpha1"] = "promptops.io/v1alpha1"
    metadata: ObjectMeta

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules that see the object's name."""
        return (*cls.NAMES.root_rules, *cls.RULES)


TimeText = Annotated[str, Field(max_length=MAX_TIME_CHARACTERS)]
"""When something was, in RFC 3339."""
VersionText = Annotated[str, Field(max_length=MAX_VERSION_CHARACTERS)]
"""A version's number in a status: what a spec may ask for without its being one stands there too."""
DigestText = Annotated[str, Field(max_length=DIGEST_CHARACTERS)]
"""A digest in a status: the operator's own word, so its form is not checked again."""


class Condition(BaseModel):
    """A kstatus condition."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, json_schema_extra=describe
    )

    type: Annotated[str, Field(max_length=316)]
    """Ready, Converged, Reconciling, Stalled or InUse."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=1024)]
    """One CamelCase word for why."""
    message: Annotated[str, Field(max_length=MAX_MESSAGE_CHARACTERS)]
    """What is the case, where, and what to do."""
    last_transition_time: TimeText
    """When `status` last changed."""
    observed_generation: int = 0
    """The generation of the object this condition speaks of."""


DNS_LABEL = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
VERSION_PATTERN = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[a-z0-9]+([.-][a-z0-9]+)*)?$"
VARIABLE_PATTERN = f"^[a-z][a-z0-9_]{{0,{MAX_VARIABLE_CHARACTERS - 1}}}$"
DIGEST_PATTERN = "^sha256:[a-f0-9]{64}$"
PROMPT_ID_PATTERN = f"^[A-Za-z0-9][A-Za-z0-9._/-]{{0,{MAX_PROMPT_ID_CHARACTERS - 1}}}$"

VERSION_NUMBER = Spelling(
    VERSION_PATTERN,
    "write a version number as 1.0.0 or 1.0.0-rc.1: major.minor.patch in digits, without a leading v, without leading zeros, "
    "lower case after the dash",
)
DIGEST = Spelling(DIGEST_PATTERN, "write a digest as sha256: and 64 lower-case hexadecimal digits")
NAME = Spelling(
    DNS_LABEL, "write a name of lower-case letters, digits and dashes that begins and ends with a letter or digit"
)
PROMPT_ID = Spelling(
    PROMPT_ID_PATTERN,
    "write an id of letters, digits, dots, underscores, slashes and dashes that begins with a letter or digit",
)
OBJECT_NAME = Spelling(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    "write an object's name of lower-case letters, digits, dashes and dots, whose parts begin and end with a letter or digit",
)
DATA_KEY = Spelling(
    "^([-._]*[a-zA-Z0-9][-._a-zA-Z0-9]*|[-_][-._]*)$", "write a key of letters, digits, dots, dashes and underscores"
)
VARIABLE_NAME = Spelling(
    VARIABLE_PATTERN,
    "write a variable's name of lower-case letters, digits and underscores that begins with a letter",
)

STALENESS = Spelling(
    "^([1-9][0-9]{1,5}s|[1-9][0-9]{0,4}[mh])$",
    "write a number and s, m or h, as in 90s, 15m or 12h, of at least 10s: the origin confirms what is held every five seconds",
)

PUBLIC_KEY = Spelling(
    "^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$",
    "write an Ed25519 public key as `promptops sign --public` prints it: the line between BEGIN PUBLIC KEY and END PUBLIC KEY",
)
SIGNATURE = Spelling("^[A-Za-z0-9+/]{86}==$", "write a signature as `promptops sign` prints it: 64 bytes in base64")

VersionNumber = Annotated[str, Field(max_length=MAX_VERSION_CHARACTERS), VERSION_NUMBER]
Digest = Annotated[str, Field(max_length=DIGEST_CHARACTERS), DIGEST]
PublicKey = Annotated[str, Field(max_length=60), PUBLIC_KEY]
"""An Ed25519 key in base64, as in a file of OpenSSL's."""
Signature = Annotated[str, Field(max_length=88), SIGNATURE]
"""64 bytes in base64."""
Staleness = Annotated[str, Field(max_length=7), STALENESS]
"""How old what is held may be."""
Label = Annotated[str, Field(min_length=1, max_length=MAX_LABEL_CHARACTERS), NAME]
"""The name of a Prompt, or of a namespace."""
VariableName = Annotated[str, Field(max_length=MAX_VARIABLE_CHARACTERS), VARIABLE_NAME]


def is_dns_label(name: str) -> bool:
    """Tell whether a name is a DNS label: of lower-case letters, digits and dashes, at most 63."""
    return len(name) <= MAX_LABEL_CHARACTERS and re.fullmatch(DNS_LABEL, name) is not None
