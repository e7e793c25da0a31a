"""Content is checked here, by a list of checks that can be read aloud; what they find says where and what to do."""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator

from promptops.api import reasons
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES, Content
from promptops.domain.errors import InvalidSpec, InvalidTemplate
from promptops.domain.findings import Finding, join
from promptops.domain.language.parse import Slot, parse
from promptops.domain.manifests import mapping, sequence, text
from promptops.domain.manifests import parse as parse_model
from promptops.domain.snapshot import Manifest
from promptops.domain.variables import check_declaration
from promptops.domain.versions import canonical

Check = Callable[[Manifest], Iterator[Finding]]

RESERVED_LATER = frozenset({"elif", "endfor", "endif", "for", "include", "loop", "recursive"})
"""Words that conditionals, loops and composition will need."""
_LEADING_ROLES = frozenset({"system", "developer"})

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
    r"<[|｜][^|｜<>\n]{1,64}[|｜]>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>",
    re.IGNORECASE,
)


def check_content(content: object, path: str = "spec.content") -> tuple[Finding, ...]:
    """Return everything that is wrong with content, errors first; no error means that it may be served."""
    model, wrong_shape = parse_model(Content, content, path)
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
    found = (finding.below(path) for check in CHECKS for finding in check(content))
    return tuple(sorted(found, key=lambda finding: finding.severity != "error"))


def first_error(findings: tuple[Finding, ...]) -> Finding | None:
    """Return the finding that forbids serving, or None."""
    return next((finding for finding in findings if finding.severity == "error"), None)


def _too_large(size: int) -> str:
    return (
        f"has {size} bytes as canonical JSON, at most {MAX_CONTENT_BYTES} are allowed: "
        "shorten it, or pass long passages as variables"
    )


def system_speaks_first(content: Manifest) -> Iterator[Finding]:
    """Instructions of system and developer precede the conversation; later ones could come from anybody."""
    begun = False
    for index, message in enumerate(map(mapping, sequence(content.get("messages")))):
        leading = message.get("role") in _LEADING_ROLES
        if leading and begun:
            yield Finding(
                reasons.INVALID_MESSAGES,
                f"a message of the role {message.get('role')} must come before those of user, assistant and tool: move it up",
                f"messages[{index}].role",
            )
        begun = begun or not leading


def characters_are_visible(content: Manifest) -> Iterator[Finding]:
    """What a reviewer sees is what a model reads."""
    for path, template in _texts(content):
        if found := _FORBIDDEN.search(template):
            name = _FORBIDDEN_NAMES[str(found.lastgroup)]
            yield _at(template, found, path, reasons.INVALID_CHARACTER, f"{name} (U+{ord(found[0]):04X}): remove it")
        elif found := _HIDDEN.search(template):
            message = f"an invisible character (U+{ord(found[0]):04X}): remove it unless the script needs it"
            yield _at(template, found, path, reasons.INVALID_CHARACTER, message, "warning")


def no_role_markers(content: Manifest) -> Iterator[Finding]:
    """A message never carries the tokens with which models tell messages apart."""
    for path, template in _texts(content):
        if found := _ROLE_MARKER.search(template):
            message = (
                "a chat marker such as <|im_start|> can end a message and begin another one: use messages with roles"
            )
            yield _at(template, found, path, reasons.ROLE_MARKER, message)


def templates_parse(content: Manifest) -> Iterator[Finding]:
    """Everything about variables needs the slots."""
    for path, template in _templates(content):
        try:
            parse(template)
        except InvalidTemplate as error:
            message = error.message.removeprefix(f"line {error.line}, column {error.column}: ")
            yield Finding(error.reason, message, path, error.line, error.column)


def variables_declared(content: Manifest) -> Iterator[Finding]:
    """A typo in a name must not reach a model as an empty string."""
    declared = _declared_names(content)
    for path, template in _templates(content):
        for name, slot in {slot.name: slot for slot in reversed(_slots(template))}.items():
            if name not in declared:
                close = difflib.get_close_matches(name, declared, n=1)
                advice = f'write "{close[0]}" or declare it' if close else "declare it"
                message = f'variable "{name}" is not declared: {advice} under variables'
                yield Finding(reasons.UNDECLARED_VARIABLE, message, path, slot.line, slot.column)


def names_are_unique(content: Manifest) -> Iterator[Finding]:
    """One name, one declaration."""
    seen: Counter[str] = Counter()
    for index, name in enumerate(_declared_names(content)):
        if seen[name] == 1:
            message = f'variable "{name}" is declared twice: remove one of the declarations'
            yield Finding(reasons.DUPLICATE_VARIABLE, message, f"variables[{index}].name")
        seen[name] += 1


def declarations_are_sound(content: Manifest) -> Iterator[Finding]:
    """Names, bounds, enums and defaults fit their types."""
    for index, variable in enumerate(map(mapping, sequence(content.get("variables")))):
        path = f"variables[{index}]"
        if variable.get("name") in RESERVED_LATER:
            message = f"{variable.get('name')} is a word of the language and cannot be a variable's name"
            yield Finding(reasons.INVALID_VARIABLE, message, f"{path}.name")
        for objection in check_declaration(variable, path):
            yield Finding(objection.reason, objection.message, objection.path)


def required_variables_used(content: Manifest) -> Iterator[Finding]:
    """Callers should not have to give what nobody reads."""
    used = {slot.name for _, template in _templates(content) for slot in _slots(template)}
    for index, variable in enumerate(map(mapping, sequence(content.get("variables")))):
        name = text(variable.get("name"))
        if name not in used and "default" not in variable and not variable.get("optional"):
            message = f'variable "{name}" is required and never used: use it, or remove its declaration'
            yield Finding(reasons.UNUSED_VARIABLE, message, f"variables[{index}]", severity="warning")


CHECKS: tuple[Check, ...] = (
    system_speaks_first,
    characters_are_visible,  # before the parser: it must not quote what cannot be seen
    no_role_markers,
    templates_parse,
    names_are_unique,
    declarations_are_sound,
    variables_declared,
    required_variables_used,
)
"""In the order in which an author should hear of it: the first error becomes the condition."""


def _templates(content: Manifest) -> Iterator[tuple[str, str]]:
    if isinstance(content.get("text"), str):
        yield "text", content["text"]
    for index, message in enumerate(map(mapping, sequence(content.get("messages")))):
        yield f"messages[{index}].content", text(message.get("content"))


def _texts(content: Manifest) -> Iterator[tuple[str, str]]:
    """Yield what can reach a model without a caller: templates and defaults."""
    yield from _templates(content)
    for index, variable in enumerate(map(mapping, sequence(content.get("variables")))):
        if isinstance(variable.get("default"), str):
            yield f"variables[{index}].default", variable["default"]


def _slots(template: str) -> list[Slot]:
    try:
        return [segment for segment in parse(template) if isinstance(segment, Slot)]
    except InvalidTemplate:
        return []


def _declared_names(content: Manifest) -> list[str]:
    return [text(mapping(variable).get("name")) for variable in sequence(content.get("variables"))]


def _at(template: str, found: re.Match[str], path: str, reason: str, message: str, severity: str = "error") -> Finding:
    before = template[: found.start()]
    line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
    return Finding(reason, message, path, line, column, "warning" if severity == "warning" else "error")
