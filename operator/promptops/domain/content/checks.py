"""Content is checked here, by a list of checks that can be read aloud; what they find says where and what to do."""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from promptops.api import reasons
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES, Content
from promptops.domain.content.canonical import canonical
from promptops.domain.content.declarations import check_declaration
from promptops.domain.findings import Finding, join
from promptops.domain.manifests import Manifest, mapping, parse_as, sequence, text
from promptops.rendering.errors import InvalidSpec, InvalidTemplate
from promptops.rendering.syntax.scan import Slot, parse

RESERVED_LATER = frozenset({"elif", "endfor", "endif", "for", "include", "loop", "recursive"})
"""Words that conditionals, loops and composition need. The others are refused together with the declaration."""
LEADING_ROLES = frozenset({"system", "developer"})

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
    slots: tuple[Slot, ...]
    error: InvalidTemplate | None

    @classmethod
    def of(cls, path: str, template: str) -> "Template":
        """Parse a template; that it cannot be parsed is for a check to say."""
        try:
            slots = tuple(segment for segment in parse(template) if isinstance(segment, Slot))
        except InvalidTemplate as error:
            return cls(path, template, (), error)
        return cls(path, template, slots, None)


@dataclass(frozen=True)
class Subject:
    """Content of the right shape, as the checks look at it."""

    messages: tuple[Manifest, ...]
    variables: tuple[Manifest, ...]
    templates: tuple[Template, ...]

    @classmethod
    def of(cls, content: Manifest) -> "Subject":
        """Read content."""
        messages = tuple(map(mapping, sequence(content.get("messages"))))
        texts = [("text", content["text"])] if isinstance(content.get("text"), str) else []
        texts += [(f"messages[{index}].content", text(each.get("content"))) for index, each in enumerate(messages)]
        variables = tuple(map(mapping, sequence(content.get("variables"))))
        return cls(messages, variables, tuple(Template.of(path, template) for path, template in texts))

    @property
    def declared(self) -> tuple[str, ...]:
        """The names of the variables, in their order."""
        return tuple(text(variable.get("name")) for variable in self.variables)

    def without_caller(self) -> Iterator[tuple[str, str]]:
        """Yield the path and text of everything that reaches a model without a caller's doing."""
        yield from ((template.path, template.text) for template in self.templates)
        for index, variable in enumerate(self.variables):
            if isinstance(variable.get("default"), str):
                yield f"variables[{index}].default", variable["default"]


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
    begun = False
    for index, message in enumerate(subject.messages):
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
            line, column = _place(template, found)
            message = f"{name} (U+{ord(found[0]):04X}): remove it"
            yield Finding(reasons.INVALID_CHARACTER, message, path, line, column)
        elif found := _HIDDEN.search(template):
            line, column = _place(template, found)
            message = f"an invisible character (U+{ord(found[0]):04X}): remove it unless the script needs it"
            yield Finding(reasons.INVALID_CHARACTER, message, path, line, column, "warning")


def no_role_markers(subject: Subject) -> Iterator[Finding]:
    """A message never carries the tokens with which models tell messages apart."""
    for path, template in subject.without_caller():
        if found := _ROLE_MARKER.search(template):
            line, column = _place(template, found)
            message = (
                "a chat marker such as <|im_start|> can end this message and begin another: use messages and roles"
            )
            yield Finding(reasons.ROLE_MARKER, message, path, line, column)


def templates_parse(subject: Subject) -> Iterator[Finding]:
    """Everything about variables needs the slots."""
    for template in subject.templates:
        if (error := template.error) is not None:
            message = error.message.removeprefix(f"line {error.line}, column {error.column}: ")
            yield Finding(error.reason, message, template.path, error.line, error.column)


def names_are_unique(subject: Subject) -> Iterator[Finding]:
    """One name, one declaration."""
    for index, name in enumerate(subject.declared):
        if name in subject.declared[:index]:
            message = f'variable "{name}" is declared twice: remove one of the declarations'
            yield Finding(reasons.DUPLICATE_VARIABLE, message, f"variables[{index}].name")


def declarations_are_sound(subject: Subject) -> Iterator[Finding]:
    """Names, bounds, enums and defaults fit their types."""
    for index, variable in enumerate(subject.variables):
        path = f"variables[{index}]"
        if (name := text(variable.get("name"))) in RESERVED_LATER:
            message = f"{name} is a word of the language and cannot be a variable's name"
            yield Finding(reasons.INVALID_VARIABLE, message, f"{path}.name")
        yield from check_declaration(variable, path)


def variables_declared(subject: Subject) -> Iterator[Finding]:
    """A typo in a name must not reach a model as an empty string."""
    declared = subject.declared
    for template in subject.templates:
        first_uses = {slot.name: slot for slot in reversed(template.slots)}
        for slot in sorted(first_uses.values(), key=lambda slot: (slot.line, slot.column)):
            if slot.name not in declared:
                close = difflib.get_close_matches(slot.name, declared, n=1)
                advice = f'write "{close[0]}", or declare it' if close else "declare it"
                message = f'variable "{slot.name}" is not declared: {advice} under variables'
                yield Finding(reasons.UNDECLARED_VARIABLE, message, template.path, slot.line, slot.column)


def required_variables_used(subject: Subject) -> Iterator[Finding]:
    """Callers should not have to give what nobody reads."""
    used = {slot.name for template in subject.templates for slot in template.slots}
    for index, variable in enumerate(subject.variables):
        name = text(variable.get("name"))
        if name not in used and "default" not in variable and not variable.get("optional"):
            message = f'variable "{name}" is required and never used: use it, or remove its declaration'
            yield Finding(reasons.UNUSED_VARIABLE, message, f"variables[{index}]", severity="warning")


CHECKS: tuple[Check, ...] = (
    system_speaks_first,
    characters_are_visible,  # before the parser: what cannot be seen is hard to find at a line and column
    no_role_markers,
    templates_parse,
    names_are_unique,
    declarations_are_sound,
    variables_declared,
    required_variables_used,
)
"""In the order in which an author should hear of it: the first error becomes the condition."""


def _place(template: str, found: re.Match[str]) -> tuple[int, int]:
    """Return line and column, both counted from 1."""
    before = template[: found.start()]
    return before.count("\n") + 1, found.start() - before.rfind("\n")
