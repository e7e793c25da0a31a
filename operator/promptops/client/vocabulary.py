"""The words in which an application asks: providers, variables, items of a batch, and what it learns of a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from promptops.api.http import VariableError, Warning


class ModelProvider(StrEnum):
    """Who serves a model. Wherever one is asked for, its name as a string will do, also of one that is not listed here."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    AZURE = "azure"
    GOOGLE = "google"
    BEDROCK = "bedrock"
    MISTRAL = "mistral"
    OLLAMA = "ollama"
    COHERE = "cohere"
    HUGGINGFACE = "huggingface"
    LOCAL = "local"


class PromptVariables(dict[str, Any]):
    """Variables of a render: a dictionary that grows by name.

    PromptVariables(name="Ada").adding(count=2)
    """

    def adding(self, /, **values: Any) -> Self:
        """Return these variables and those, which win."""
        return type(self)({**self, **values})


@dataclass(frozen=True)
class RenderItem:
    """One render of a batch."""

    prompt_id: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    strict: bool = False
    model_provider: str | None = None
    model_name: str | None = None
    format: str | None = None
    prefix_cache: bool = False
    session: str | None = None


@dataclass(frozen=True)
class PromptValidation:
    """Whether a render with some variables would be answered."""

    valid: bool
    errors: tuple[VariableError, ...] = ()
    """Every variable that is missing or wrong."""
    detail: str = ""
    """What is wrong, in words; empty when nothing is."""
    warnings: tuple[Warning, ...] = ()

    def __bool__(self) -> bool:
        return self.valid


@dataclass(frozen=True)
class ModelCompatibility:
    """For which models a version says something of its own. Every other model gets its content as it is."""

    prompt_id: str
    version: str | None
    variants: tuple[str, ...]
    """Patterns over provider/model, the first that matches answers."""
    variant: str | None
    """The one that answers for the model that was asked about; None: the content as it is."""


Fallback = str | Sequence[Mapping[str, str]]
"""What is answered when a prompt cannot be had: a text, or messages with role and content."""
