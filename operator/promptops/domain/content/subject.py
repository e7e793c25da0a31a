"""Content as the checks look at it: its templates parsed once, its variables read, its messages with their places."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptops.api import reasons
from promptops.api.content import Variable
from promptops.domain.content.declarations import read_variable
from promptops.domain.content.references import Reference, references
from promptops.domain.findings import join
from promptops.domain.manifests import Manifest, mapping, sequence, text
from promptops.rendering.errors import InvalidTemplate
from promptops.rendering.syntax.faults import Lines, TemplateFault
from promptops.rendering.syntax.parse import parse
from promptops.rendering.syntax.scope import Scope, Taken
from promptops.rendering.syntax.tree import Text


@dataclass(frozen=True)
class Template:
    """One template of the content, parsed once for all checks."""

    path: str
    text: str
    faults: tuple[TemplateFault, ...]
    used: frozenset[str]
    """The variables it reads."""
    fixed: int = 0
    """The offset of the first thing in it that is no text."""
    literal: int = 0
    """How many characters of text it has, blocks aside."""
    includes: tuple[Taken, ...] = ()
    """Where it takes other versions in."""

    @classmethod
    def of(cls, path: str, template: str, variables: Sequence[Variable], aliases: Collection[str]) -> "Template":
        """Parse a template; what is wrong with it is for a check to say."""
        try:
            body = parse(template)
            scope = Scope.of(body, variables, aliases)
        except InvalidTemplate as error:
            fault = TemplateFault(Lines(template).offset(error.line, error.column), error.objection, error.reason)
            return cls(path, template, (fault,), frozenset())
        fixed = next((node.offset for node in body if not isinstance(node, Text)), len(template))
        literal = sum(len(node.text) for node in body if isinstance(node, Text))
        return cls(path, template, tuple(scope.faults), frozenset(scope.used), fixed, literal, tuple(scope.includes))


@dataclass(frozen=True)
class Saying:
    """A text or a list of messages: the content's own, or a variant's."""

    path: str
    """Where it stands below the content; empty for the content itself."""
    messages: tuple[Manifest, ...]
    templates: tuple[Template, ...]

    @classmethod
    def of(cls, node: Manifest, path: str, variables: Sequence[Variable], aliases: Collection[str]) -> "Saying":
        """Read the text and messages of a content or variant."""
        messages = tuple(map(mapping, sequence(node.get("messages"))))
        texts = [("text", node["text"])] if isinstance(node.get("text"), str) else []
        texts += [
            (f"messages[{index}].content", each["content"])
            for index, each in enumerate(messages)
            if isinstance(each.get("content"), str)
        ]
        templates = (Template.of(join(path, place), text, variables, aliases) for place, text in texts)
        return cls(path, messages, tuple(templates))


@dataclass(frozen=True)
class Subject:
    """Content of the right shape, as the checks look at it."""

    variables: tuple[Variable, ...]
    sayings: tuple[Saying, ...]
    """The content's own, and each variant's."""
    includes: tuple[Reference, ...] = ()
    written: Manifest = field(default_factory=dict)
    """The content itself, for what stands beside its templates."""

    @classmethod
    def of(cls, content: Manifest) -> "Subject":
        """Read content."""
        variables = tuple(read_variable(mapping(each)) for each in sequence(content.get("variables")))
        variants = enumerate(map(mapping, sequence(content.get("models"))))
        nodes = [("", content), *((f"models[{index}]", variant) for index, variant in variants)]
        includes = references(content)
        aliases = tuple(each.alias for each in includes)
        sayings = tuple(Saying.of(node, path, variables, aliases) for path, node in nodes)
        return cls(variables, sayings, includes, content)

    @property
    def variants(self) -> tuple[tuple[str, Manifest], ...]:
        """What differs for some models, with its path."""
        models = map(mapping, sequence(self.written.get("models")))
        return tuple((f"models[{index}]", each) for index, each in enumerate(models))

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every template of it."""
        return tuple(template for saying in self.sayings for template in saying.templates)

    @property
    def messages(self) -> Iterator[tuple[str, Manifest]]:
        """Every message with its path."""
        for saying in self.sayings:
            for index, message in enumerate(saying.messages):
                yield join(saying.path, f"messages[{index}]"), message

    @property
    def declared(self) -> tuple[str, ...]:
        """The names of the variables, in their order."""
        return tuple(variable.name for variable in self.variables)

    @property
    def is_parsed(self) -> bool:
        """Whether every template could be read."""
        return not any(fault.reason == reasons.TEMPLATE_SYNTAX for each in self.templates for fault in each.faults)

    @property
    def included(self) -> frozenset[str]:
        """The aliases that a template includes."""
        return frozenset(taken.alias for template in self.templates for taken in template.includes)

    def used(self) -> frozenset[str]:
        """Return the names of the variables that something reads."""
        placeholders = (text(message.get("placeholder")) for _, message in self.messages)
        return frozenset(placeholders).union(*(template.used for template in self.templates))

    def without_caller(self) -> Iterator[tuple[str, str]]:
        """Yield the path and text of everything that reaches a model without a caller's doing."""
        yield from ((template.path, template.text) for template in self.templates)
        for index, variable in enumerate(self.variables):
            default: Any = variable.default
            yield from ((f"variables[{index}].default", each) for each in _texts_in(default))


def _texts_in(value: object) -> Iterator[str]:
    """Yield every string in a JSON value, keys included; content that reached the checks is not deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts_in(each)
