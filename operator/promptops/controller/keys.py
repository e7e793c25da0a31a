"""What a decision is about: a Prompt, a PromptVersion, or who holds which namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["Prompt", "PromptVersion", "Tenancy"]


@dataclass(frozen=True, order=True, slots=True)
class Key:
    """Names a decision. Holds no object: what is decided on is gathered when it is decided."""

    kind: Kind
    namespace: str = ""
    name: str = ""


TENANCY = Key("Tenancy")
"""All tenants and namespaces are decided on together; they are few."""


def prompt_key(namespace: str, name: str) -> Key:
    """Return the key of a Prompt."""
    return Key("Prompt", namespace, name)


def version_key(namespace: str, name: str) -> Key:
    """Return the key of a PromptVersion."""
    return Key("PromptVersion", namespace, name)


def namespace_of(key: Key) -> str:
    """Return whose turn a key is: those of one namespace wait for each other."""
    return key.namespace
