"""Which versions a content takes in."""

from collections.abc import Iterator
from typing import NamedTuple

from promptops.api import reasons
from promptops.domain.findings import Finding
from promptops.domain.manifests import Manifest, mapping, sequence, text


class Reference(NamedTuple):
    """An include: what templates call it, and the version it means."""

    alias: str
    prompt: str
    version: str

    @property
    def name(self) -> str:
        """The name of the PromptVersion."""
        return f"{self.prompt}-{self.version}"


def references(content: Manifest) -> tuple[Reference, ...]:
    """Return the includes of a content, in their order, whatever its shape."""
    return tuple(
        Reference(text(each.get("alias")), text(mapping(each.get("promptRef")).get("name")), text(each.get("version")))
        for each in map(mapping, sequence(content.get("includes")))
    )


def includes_itself(spec: Manifest) -> Iterator[Finding]:
    """Return where the spec of a PromptVersion includes itself."""
    name = f"{text(mapping(spec.get('promptRef')).get('name'))}-{text(spec.get('version'))}"
    for index, each in enumerate(references(mapping(spec.get("content")))):
        if each.name == name:
            message = f"{name} includes itself: include another version"
            yield Finding(reasons.INCLUDE_CYCLE, message, f"spec.content.includes[{index}]")
