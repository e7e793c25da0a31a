"""The kinds of promptops.io/v1alpha1. Their docstrings are the CRDs' descriptions and the reference documentation."""

from promptops.api.v1alpha1.prompt import Prompt
from promptops.api.v1alpha1.prompt_version import PromptVersion
from promptops.api.v1alpha1.schema import API_VERSION, GROUP, VERSION
from promptops.api.v1alpha1.tenant import Tenant

WATCH_LABEL = "promptops.io/watch"
"""A ConfigMap is read only when it carries this label with the value "true"."""
KEEP_LABEL = "promptops.io/keep"
"""A generated version with this label is never pruned."""
GENERATED_LABEL = "promptops.io/generated"
"""Marks the versions that the operator made from a source; only those are pruned."""
PROMPT_LABEL = "promptops.io/prompt"
"""The Prompt that a generated version belongs to."""
ACCEPT_ANNOTATION = "promptops.io/accept"
"""The reasons of warnings that whoever wrote the object has read and means, with commas between them. Errors stay errors."""
PROJECTION_LABEL = "promptops.io/projection"
"""A ConfigMap that the operator made for a Prompt's projections; its value is the Prompt's name."""

KINDS: tuple[type[Prompt] | type[PromptVersion] | type[Tenant], ...] = (Prompt, PromptVersion, Tenant)

__all__ = [
    "API_VERSION",
    "GROUP",
    "VERSION",
    "ACCEPT_ANNOTATION",
    "WATCH_LABEL",
    "KEEP_LABEL",
    "GENERATED_LABEL",
    "PROMPT_LABEL",
    "PROJECTION_LABEL",
    "KINDS",
    "Prompt",
    "PromptVersion",
    "Tenant",
]
