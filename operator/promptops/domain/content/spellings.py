"""Values as other languages write them: they are text here, and their author may not know it."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from promptops.api import reasons
from promptops.domain.content.subject import Subject, Template
from promptops.domain.findings import Finding
from promptops.rendering.syntax.faults import Lines

_NAME: Final = "[A-Za-z_][A-Za-z0-9_]{0,62}"
_PLAIN: Final = (
    rf"\$\{{[ \t]*({_NAME})[ \t]*\}}",  # shells, JavaScript
    rf"\{{\$?({_NAME})(?:![rsa])?(?::[^{{}}\s]{{0,20}})?\}}(?!\}})",  # Python's formats, Smarty
    rf"#\{{[ \t]*({_NAME})[ \t]*\}}",  # Ruby
    rf"<%[=-]?[ \t]*@?({_NAME})[ \t]*-?%>",  # ERB, EJS
    rf"%\(({_NAME})\)[a-z]",  # Python's other formats
    rf"<<[ \t]*({_NAME})[ \t]*>>",
    rf"\[\[[ \t]*({_NAME})[ \t]*\]\]",
)
"""What hardly means anything but a value. Each begins with one character, for which a search looks in no time."""
_VAGUE: Final = (
    rf"\{{[ \t]*({_NAME})[ \t]*(?:[!:|][^{{}}\n]{{0,20}})?\}}(?!\}})",
    rf"\$({_NAME})",
    rf"\$\(({_NAME})\)",
    rf"%({_NAME})%",
    rf"<({_NAME})>",
    rf"\[({_NAME})\]",
)
"""What may be a value when one of that name is declared and never used."""
_WIDE: Final = re.compile(rf"[{{｛﹛❴]{{2}}[ \t\u3000]*({_NAME})[ \t\u3000]*[}}｝﹜❵]{{2}}")
_WIDE_SIGNS: Final = re.compile("[｛｝﹛﹜❴❵]")
_VALUE: Final = re.compile("|".join((*_PLAIN, *_VAGUE)))
_CLEAR_VALUE: Final = re.compile("|".join(_PLAIN))
_PART_OF_SOMETHING: Final = re.compile(r"[\w\\{}^]")
"""Behind such a character a brace belongs to what stands before it, as in LaTeX and code."""


def spellings(subject: Subject, names: Collection[str]) -> Mapping[str, Finding]:
    """Return, by name, where something stands that others would take for the value of one of these variables, which nobody reads."""
    found: dict[str, Finding] = {}
    for template in subject.templates:
        for place in _VALUE.finditer(template.text):
            name = str(place[place.lastindex or 0])
            if name in names and name not in found and f"</{name}>" not in template.text:
                said = f"{place[0]} is text, and {name} is declared and never used: did you mean {{{{ {name} }}}}?"
                found[name] = _warning(template, place, said)
    return found


def check_spellings(subject: Subject) -> Iterator[Finding]:
    """Who writes the braces of another script, or another language's values and not one of ours, hears that they are text."""
    for template in subject.templates:
        if _WIDE_SIGNS.search(template.text) and (place := _wide(template.text)):
            yield _warning(
                template,
                place,
                f"{place[0]} is text: write {{{{ {place[1]} }}}}, with braces of ASCII",
                reasons.TEMPLATE_SYNTAX,
            )
    if subject.variables or any("{{" in each.text or "{%" in each.text for each in subject.templates):
        return
    for template in subject.templates:
        if place := _clear(template.text):
            name = place[place.lastindex or 0]
            said = f"{place[0]} is text, and no variable is declared: a value is written {{{{ {name} }}}}, its name under variables"
            yield _warning(template, place, said, reasons.UNDECLARED_VARIABLE)


def _wide(text: str) -> re.Match[str] | None:
    return next((each for each in _WIDE.finditer(text) if not each[0].isascii()), None)


def _clear(text: str) -> re.Match[str] | None:
    places = _CLEAR_VALUE.finditer(text)
    return next((each for each in places if not _PART_OF_SOMETHING.match(text[each.start() - 1 : each.start()])), None)


def _warning(template: Template, place: re.Match[str], message: str, reason: str = reasons.UNUSED_VARIABLE) -> Finding:
    line, column = Lines(template.text).place(place.start())
    return Finding(reason, message, template.path, line, column, "warning")
