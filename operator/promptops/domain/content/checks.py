"""Content is checked here, by a list of checks that can be read aloud; what they find says where and what to do."""

import re
from collections.abc import Callable, Iterator, Sequence

from promptops.api import reasons
from promptops.api.content import HISTORY_ROLES, Variable
from promptops.api.v1alpha1.content import MAX_CONTENT_BYTES, Content
from promptops.domain.content.canonical import canonical, json_bytes
from promptops.domain.content.declarations import check_declaration
from promptops.domain.content.model_side import check_model_side
from promptops.domain.content.parameters import check_parameters
from promptops.domain.content.repetitions import check_repetitions
from promptops.domain.content.spellings import check_spellings, spellings
from promptops.domain.content.subject import Subject, Template
from promptops.domain.findings import Finding, join
from promptops.domain.manifests import Manifest, mapping, parse_as, sequence, text
from promptops.rendering.errors import InvalidSpec
from promptops.rendering.names import shown
from promptops.rendering.syntax.faults import Lines

_BLANKS = " \t\r\n\u00a0\u3000"
LEADING_ROLES = frozenset({"system", "developer"})
_WORTH_CACHING = 4096
"""Characters; providers cache prefixes of about a thousand tokens and more."""
_FEW = 4
"""What stands before the first value is too little when so many times as much stands behind it."""

_RARE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u115f\u1160\u180e\u200b-\u200d\u202a-\u202e\u2060-\u206f\u3164\ue000-\uf8ff"
    "\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff9-\uffff\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
"""At least what the two below find; one class of characters is looked for ten times as fast as alternatives are."""
_FORBIDDEN = re.compile(
    "(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n))"
    "|(?P<bidi>[\u202a-\u202e\u2066-\u2069])"
    "|(?P<tag>[\U000e0000-\U000e007f])"
    "|(?P<mark>\ufeff)"
    "|(?P<deprecated>[\u206a-\u206f\ufff9-\ufffb])"
    "|(?P<none>[\ufdd0-\ufdef\ufffe\uffff])"
    "|(?P<run>[\u180e\u200b-\u200d\u2060-\u2065\ufe00-\ufe0f\U000e0080-\U000e0fff]{8})"
)
_FORBIDDEN_NAMES = {
    "control": "a control character",
    "bidi": "a bidirectional control, which can hide text from a reviewer",
    "tag": "an invisible tag character",
    "mark": "a byte order mark",
    "deprecated": "an invisible format character, which can hide text from a reviewer",
    "none": "a code point that is no character",
    "run": "eight invisible characters in a row, which can hide text from a reviewer",
}
_HIDDEN = re.compile(
    "(?P<invisible>[\u061c\u115f\u1160\u180e\u200b\u2060-\u2065\u3164\uffa0\U0001d173-\U0001d17a\U000e0080-\U000e0fff])"
    "|(?P<private>[\ue000-\uf8ff\ufffc\U000f0000-\U0010ffff])"
)
_HIDDEN_NAMES = {
    "invisible": "an invisible character (U+{:04X}): remove it unless the script needs it",
    "private": "a character that means something else in every font (U+{:04X}): write what it stands for",
}
_ROLE_MARKER = re.compile(
    r"<[|｜][^|｜<>\n]{1,64}[|｜]>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
    re.IGNORECASE,
)


_ROLE_LINE = re.compile(
    r"(?:#[ \t]*)?(system|developer|user|assistant)[ \t]*:[ \t]*(?:\r?\n|\Z)"
    r"|<message[ \t]+role=[\"']?(system|developer|user|assistant)\b[\"']?",
    re.IGNORECASE,
)
"""How Prompty, Semantic Kernel and others begin a message within one text."""
_SETTING = re.compile(r"^(model|inputs?|variables|parameters|config|template)[ \t]*:", re.MULTILINE)
"""What Prompty, Dotprompt and others say of a prompt above it, between two lines of dashes."""

Check = Callable[[Subject], Iterator[Finding]]


def check_content(content: object, path: str = "spec.content") -> tuple[Finding, ...]:
    """Return everything that is wrong with content, errors first; no error means that it may be served."""
    model, wrong_shape = parse_as(Content, content, path)
    if model is None:
        return wrong_shape
    manifest = mapping(content)
    try:
        size = json_bytes(canonical(manifest))
    except InvalidSpec as error:
        return (Finding(error.reason, error.message, join(path, error.path)),)
    return check_well_formed(manifest, size, path)


def check_words(text: object, path: str = "spec.fallback") -> tuple[Finding, ...]:
    """Return everything that is wrong with a text for which nobody gives values; None is none, and nothing is wrong with it."""
    return () if text is None else check_content({"text": text}, path)


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
        if not _RARE.search(template):
            continue
        if found := _FORBIDDEN.search(template):
            name = _FORBIDDEN_NAMES[str(found.lastgroup)]
            line, column = Lines(template).place(found.start())
            message = f"{name} (U+{ord(found[0][0]):04X}): remove {'them' if len(found[0]) > 1 else 'it'}"
            yield Finding(reasons.INVALID_CHARACTER, message, path, line, column)
        elif found := _HIDDEN.search(template):
            line, column = Lines(template).place(found.start())
            message = _HIDDEN_NAMES[str(found.lastgroup)].format(ord(found[0]))
            yield Finding(reasons.INVALID_CHARACTER, message, path, line, column, "warning")


def no_role_markers(subject: Subject) -> Iterator[Finding]:
    """A message never carries the tokens with which models tell messages apart."""
    for path, template in subject.without_caller():
        if found := _ROLE_MARKER.search(template):
            line, column = Lines(template).place(found.start())
            marker = found[0] if found[0].isprintable() else shown(found[0])
            message = f"the chat marker {marker} can end this message and begin another: use messages and roles; in prose, put a blank behind its first character"
            yield Finding(reasons.ROLE_MARKER, message, path, line, column)


def roles_are_said_by_messages(subject: Subject) -> Iterator[Finding]:
    """What other formats read as the beginning of a message is text to a provider, and its author means the message."""
    for path, node in (("", subject.written), *subject.variants):
        written = node.get("text")
        if isinstance(written, str) and (found := _ROLE_LINE.match(written.lstrip(_BLANKS))):
            role = (found[1] or found[2]).lower()
            message = f"{found[0].strip()} is text here, and no message begins with it: write messages, as in {{role: {role}, content: …}}"
            yield Finding(reasons.ROLE_MARKER, message, join(path, "text"), severity="warning")


def settings_are_said_by_fields(subject: Subject) -> Iterator[Finding]:
    """What stands above a prompt in other tools' files is text to a model."""
    for template in subject.templates:
        above, closing, _ = template.text.partition("\n---")
        if closing and above.startswith("---") and (found := _SETTING.search(above)):
            message = f"what stands between two lines of dashes is text here, {found[1]}: too; write variables, parameters and models beside the text"
            yield Finding(reasons.TEMPLATE_SYNTAX, message, template.path, 1, 1, "warning")


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
    histories = {variable.name: variable for variable in subject.variables if variable.is_history}
    for path, message in subject.messages:
        name = text(message.get("placeholder"))
        if name and name not in histories:
            what = "is no list of messages" if name in subject.declared else "is not declared"
            advice = f'variable "{name}" {what}: declare it under variables with type: list and itemType: message'
            yield Finding(reasons.UNDECLARED_VARIABLE, advice, f"{path}.placeholder")
        elif name:
            yield from _default_may_speak(histories[name], message, path)


def _default_may_speak(history: Variable, place: Manifest, path: str) -> Iterator[Finding]:
    allowed = sequence(place.get("roles")) or HISTORY_ROLES
    for index, each in enumerate(map(mapping, sequence(history.default))):
        role = each.get("role")
        if isinstance(role, str) and role not in allowed:
            advice = f"messages[{index}] of its default speaks as {shown(role)}, and no call without a history would be answered: name the role under roles, or change the default"
            yield Finding(reasons.INVALID_MESSAGES, advice, f"{path}.placeholder")
            return


def includes_are_sound(subject: Subject) -> Iterator[Finding]:
    """One alias, one version; and who names a version means to take it in."""
    aliases = [each.alias for each in subject.includes]
    for index, alias in enumerate(aliases):
        if alias in aliases[:index]:
            message = f'include "{alias}" is named twice: remove one, or give it another alias'
            yield Finding(reasons.INVALID_INCLUDE, message, f"includes[{index}].alias")
        elif subject.is_parsed and alias not in subject.included:
            message = f'include "{alias}" is named and never taken in: write {{% include "{alias}" %}} where it belongs'
            yield Finding(reasons.INVALID_INCLUDE, message, f"includes[{index}]", severity="warning")


def variables_are_used(subject: Subject) -> Iterator[Finding]:
    """Callers should not have to give what nobody reads, and who declares something means to use it."""
    if not subject.is_parsed or subject.included:  # what is included may read it, and is looked at with it
        return
    unused = frozenset(subject.declared) - subject.used()
    spelt = spellings(subject, unused) if unused else {}
    for index, variable in enumerate(subject.variables):
        if variable.name not in unused:
            continue
        if place := spelt.get(variable.name):
            yield place
        else:
            message = f'variable "{variable.name}" is declared and never used: did you mean {{{{ {variable.name} }}}}?'
            yield Finding(reasons.UNUSED_VARIABLE, message, f"variables[{index}]", severity="warning")


def something_is_said(subject: Subject) -> Iterator[Finding]:
    """A text of nothing but blanks is hardly meant."""
    for template in subject.templates:
        if not template.text.strip(_BLANKS):
            message = "there is nothing but blanks in it: write the text, or remove it"
            yield Finding(reasons.EMPTY_TEXT, message, template.path, severity="warning")


def prefixes_can_be_cached(subject: Subject) -> Iterator[Finding]:
    """Providers price what they have read before far lower, up to the first character that differs."""
    for saying in subject.sayings if not subject.included else ():
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
    roles_are_said_by_messages,
    settings_are_said_by_fields,
    names_are_unique,
    declarations_are_sound,
    histories_are_declared,
    includes_are_sound,
    templates_parse,
    check_repetitions,
    check_model_side,
    check_parameters,
    variables_are_used,
    check_spellings,
    something_is_said,
    prefixes_can_be_cached,
)
"""In the order in which an author should hear of it: the first error becomes the condition."""
