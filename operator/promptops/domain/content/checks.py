"""Content is checked here, by a list of checks that can be read aloud; what they find says where and what to do."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promptops.api import reasons
from promptops.api.content import Variable
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES, Content
from promptops.domain.content.canonical import canonical
from promptops.domain.content.declarations import check_declaration, read_variable
from promptops.domain.findings import Finding, join
from promptops.domain.manifests import Manifest, mapping, parse_as, sequence, text
from promptops.rendering.errors import InvalidSpec, InvalidTemplate
from promptops.rendering.syntax.faults import Lines, TemplateFault
from promptops.rendering.syntax.parse import parse
from promptops.rendering.syntax.scope import Scope
from promptops.rendering.syntax.tree import Text

_BLANKS = " \t\r\n\u00a0\u3000"
LEADING_ROLES = frozenset({"system", "developer"})
_WORTH_CACHING = 4096
"""Characters; providers cache prefixes of about a thousand tokens and more."""
_FEW = 4
"""What stands before the first value is too little when so many times as much stands behind it."""

_FORBIDDEN = re.compile(
    "(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n))"
    "|(?P<bidi>[\u202a-\u202e\u2066-\u2069])"
    "|(?P<tag>[\U000e0000-\U000e007f])"
    "|(?P<mark>\ufeff)"
)
_FORBIDDEN_NAMES = {
    "control": "a control character",
    "bidi": "a bidirectional control, which can hide text from a reviewer",
    "tag": "an invisible tag character",
    "mark": "a byte order mark",
}
_HIDDEN = re.compile("[\u200b\u2060-\u2064\U000e0100-\U000e01ef]")
_ROLE_MARKER = re.compile(
    r"<[|｜][^|｜<>\n]{1,64}[|｜]>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
    re.IGNORECASE,
)


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

    @classmethod
    def of(cls, path: str, template: str, variables: Sequence[Variable]) -> "Template":
        """Parse a template; what is wrong with it is for a check to say."""
        try:
            body = parse(template)
            scope = Scope.of(body, variables)
        except InvalidTemplate as error:
            fault = TemplateFault(Lines(template).offset(error.line, error.column), error.objection, error.reason)
            return cls(path, template, (fault,), frozenset())
        fixed = next((node.offset for node in body if not isinstance(node, Text)), len(template))
        literal = sum(len(node.text) for node in body if isinstance(node, Text))
        return cls(path, template, tuple(scope.faults), frozenset(scope.used), fixed, literal)


@dataclass(frozen=True)
class Saying:
    """A text or a list of messages: the content's own, or a variant's."""

    path: str
    """Where it stands below the content; empty for the content itself."""
    messages: tuple[Manifest, ...]
    templates: tuple[Template, ...]

    @classmethod
    def of(cls, node: Manifest, path: str, variables: Sequence[Variable]) -> "Saying":
        """Read the text and messages of a content or variant."""
        messages = tuple(map(mapping, sequence(node.get("messages"))))
        texts = [("text", node["text"])] if isinstance(node.get("text"), str) else []
        texts += [
            (f"messages[{index}].content", each["content"])
            for index, each in enumerate(messages)
            if isinstance(each.get("content"), str)
        ]
        return cls(path, messages, tuple(Template.of(join(path, place), text, variables) for place, text in texts))


@dataclass(frozen=True)
class Subject:
    """Content of the right shape, as the checks look at it."""

    variables: tuple[Variable, ...]
    sayings: tuple[Saying, ...]
    """The content's own, and each variant's."""

    @classmethod
    def of(cls, content: Manifest) -> "Subject":
        """Read content."""
        variables = tuple(read_variable(mapping(each)) for each in sequence(content.get("variables")))
        variants = enumerate(map(mapping, sequence(content.get("models"))))
        nodes = [("", content), *((f"models[{index}]", variant) for index, variant in variants)]
        return cls(variables, tuple(Saying.of(node, path, variables) for path, node in nodes))

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


Check = Callable[[Subject], Iterator[Finding]]


def check_content(content: object, path: str = "spec.content") -> tuple[Finding, ...]:
    """Return everything that is wrong with content, errors first; no error means that it may be served."""
    model, wrong_shape = parse_as(Content, content, path)
    if model is None:
        return wrong_shape
    manifest = mapping(content)
    try:
        size = len(canonical(manifest))
    except InvalidSpec as error:
        return (Finding(error.reason, error.message, join(path, error.path)),)
    return check_well_formed(manifest, size, path)


def check_well_formed(content: Manifest, size: int, path: str = "spec.content") -> tuple[Finding, ...]:
    """Do the same for content that has the right shape and this many bytes as canonical JSON."""
    if size > MAX_CONTENT_BYTES:
        return (Finding(reasons.CONTENT_TOO_LARGE, _too_large(size), path),)
    subject = Subject.of(content)
    found = (finding.below(path) for check in CHECKS for finding in check(subject))
    return tuple(sorted(found, key=lambda finding: finding.severity != "error"))


def _too_large(size: int) -> str:
    return (
        f"has {size} bytes as canonical JSON, at most {MAX_CONTENT_BYTES} are allowed: "
        "shorten it, or pass long passages as variables"
    )


def system_speaks_first(subject: Subject) -> Iterator[Finding]:
    """Instructions of system and developer precede the conversation; later ones could come from anybody."""
    for saying in subject.sayings:
        for finding in _late_instructions(saying.messages):
            yield finding.below(saying.path)


def _late_instructions(messages: Sequence[Manifest]) -> Iterator[Finding]:
    begun = False
    for index, message in enumerate(messages):
        if "placeholder" in message:
            leading_roles = [role for role in sequence(message.get("roles")) if role in LEADING_ROLES]
            for role in leading_roles:
                advice = f"callers would speak as {role}: leave it out unless you trust whoever gives the history"
                yield Finding(reasons.INVALID_MESSAGES, advice, f"messages[{index}].roles", severity="warning")
            begun = True
            continue
        leading = message.get("role") in LEADING_ROLES
        if leading and begun:
            role = message.get("role")
            advice = f"a message of the role {role} must stand before those of user, assistant and tool: move it up"
            yield Finding(reasons.INVALID_MESSAGES, advice, f"messages[{index}].role")
        begun = begun or not leading


def characters_are_visible(subject: Subject) -> Iterator[Finding]:
    """What a reviewer sees is what a model reads."""
    for path, template in subject.without_caller():
        if found := _FORBIDDEN.search(template):
            name = _FORBIDDEN_NAMES[str(found.lastgroup)]
            line, column = Lines(template).place(found.start())
            message = f"{name} (U+{ord(found[0]):04X}): remove it"
            yield Finding(reasons.INVALID_CHARACTER, message, path, line, column)
        elif found := _HIDDEN.search(template):
            line, column = Lines(template).place(found.start())
            message = f"an invisible character (U+{ord(found[0]):04X}): remove it unless the script needs it"
            yield Finding(reasons.INVALID_CHARACTER, message, path, line, column, "warning")


def no_role_markers(subject: Subject) -> Iterator[Finding]:
    """A message never carries the tokens with which models tell messages apart."""
    for path, template in subject.without_caller():
        if found := _ROLE_MARKER.search(template):
            line, column = Lines(template).place(found.start())
            message = (
                "a chat marker such as <|im_start|> can end this message and begin another: use messages and roles"
            )
            yield Finding(reasons.ROLE_MARKER, message, path, line, column)


def templates_parse(subject: Subject) -> Iterator[Finding]:
    """A typo in a name must not reach a model as an empty string, nor a statement as text."""
    for template in subject.templates:
        lines = Lines(template.text)
        for fault in template.faults:
            line, column = lines.place(fault.offset)
            yield Finding(fault.reason, fault.message, template.path, line, column)


def names_are_unique(subject: Subject) -> Iterator[Finding]:
    """One name, one declaration."""
    for index, name in enumerate(subject.declared):
        if name in subject.declared[:index]:
            message = f'variable "{name}" is declared twice: remove one of the declarations'
            yield Finding(reasons.DUPLICATE_VARIABLE, message, f"variables[{index}].name")


def declarations_are_sound(subject: Subject) -> Iterator[Finding]:
    """Names, bounds, enums and defaults fit their types."""
    for index, variable in enumerate(subject.variables):
        yield from check_declaration(variable, f"variables[{index}]")


def histories_are_declared(subject: Subject) -> Iterator[Finding]:
    """Where a caller's messages stand, a variable takes them; nothing else renders them."""
    histories = {variable.name for variable in subject.variables if variable.is_history}
    for path, message in subject.messages:
        name = text(message.get("placeholder"))
        if name and name not in histories:
            what = "is no list of messages" if name in subject.declared else "is not declared"
            advice = f'variable "{name}" {what}: declare it under variables with type: list and itemType: message'
            yield Finding(reasons.UNDECLARED_VARIABLE, advice, f"{path}.placeholder")


def variables_are_used(subject: Subject) -> Iterator[Finding]:
    """Callers should not have to give what nobody reads, and who declares something means to use it."""
    if not subject.is_parsed:
        return
    used = subject.used()
    for index, variable in enumerate(subject.variables):
        if variable.name in used:
            continue
        if place := _other_spelling(subject, variable.name):
            yield place
        else:
            message = f'variable "{variable.name}" is declared and never used: did you mean {{{{ {variable.name} }}}}?'
            yield Finding(reasons.UNUSED_VARIABLE, message, f"variables[{index}]", severity="warning")


def _other_spelling(subject: Subject, name: str) -> Finding | None:
    """Return where a declared variable stands as it is written in other languages, as {name} or ${name}."""
    spelling = re.compile(rf"\$?(?<!\{{)\{{[ \t]*{re.escape(name)}[ \t]*\}}(?!\}})")
    for template in subject.templates:
        if found := spelling.search(template.text):
            line, column = Lines(template.text).place(found.start())
            message = f"{found[0]} is text, and {name} is declared and never used: did you mean {{{{ {name} }}}}?"
            return Finding(reasons.UNUSED_VARIABLE, message, template.path, line, column, "warning")
    return None


def something_is_said(subject: Subject) -> Iterator[Finding]:
    """A text of nothing but blanks is hardly meant."""
    for template in subject.templates:
        if not template.text.strip(_BLANKS):
            message = "there is nothing but blanks in it: write the text, or remove it"
            yield Finding(reasons.EMPTY_TEXT, message, template.path, severity="warning")


def prefixes_can_be_cached(subject: Subject) -> Iterator[Finding]:
    """Providers price what they have read before far lower, up to the first character that differs."""
    for saying in subject.sayings:
        before, after, first = _around_first_value(saying.templates)
        if first is not None and after >= _WORTH_CACHING and after > _FEW * before:
            message = (
                f"a value stands here, before {after} characters that never change: below them, a provider's prefix "
                "cache could keep them"
            )
            line, column = Lines(first.text).place(first.fixed)
            yield Finding(reasons.PREFIX_NOT_CACHEABLE, message, first.path, line, column, "warning")


def _around_first_value(templates: Sequence[Template]) -> tuple[int, int, Template | None]:
    """Return the literal characters before the first value and after it, and the template in which it stands."""
    before = after = 0
    first: Template | None = None
    for template in templates:
        if first is None:
            before += template.fixed
            first = template if template.fixed < len(template.text) else None
            after += template.literal - template.fixed if first is not None else 0
        else:
            after += template.literal
    return before, after, first


CHECKS: tuple[Check, ...] = (
    system_speaks_first,
    characters_are_visible,  # before the parser: what cannot be seen is hard to find at a line and column
    no_role_markers,
    names_are_unique,
    declarations_are_sound,
    histories_are_declared,
    templates_parse,
    variables_are_used,
    something_is_said,
    prefixes_can_be_cached,
)
"""In the order in which an author should hear of it: the first error becomes the condition."""
