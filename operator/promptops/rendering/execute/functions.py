"""Our own source made into a function. Texts become constants of its code, which the interpreter loads fastest.

No character of an author's or a caller's is ever compiled: a mark stands where a text belongs, and gives way to it in the
finished code.
"""

import re
from collections.abc import Callable, Container, Mapping
from types import CodeType
from typing import Any

_NAME = re.compile(r"(?P<between>(?<=[}\"])\{)?(?P<name>\b[bc]\d[\d_]*)\b(?(between)\})")
_MARK = "§"


def function(source: str, name: str, bound: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function of that name, whose source may use what is `bound`."""
    # The compiler decides conditions on constants, and only the empty text is false.
    texts = {_MARK + each: value for each, value in bound.items() if type(value) is str and value}

    def marked(found: re.Match[str]) -> str:
        mark = _MARK + found["name"]
        if mark not in texts:
            return found[0]
        # Between the values of a formatted string a text needs no braces, in which it would be formatted.
        return mark if found["between"] else f"'{mark}'"

    made = _compiled(_NAME.sub(marked, source), name, bound)
    constants = made.__code__.co_consts
    if any(_keeps_a_mark(each, texts) for each in constants):
        return _compiled(source, name, bound)  # their names say the same, a little slower
    filled = tuple(texts.get(each, each) if type(each) is str else each for each in constants)
    made.__code__ = made.__code__.replace(co_consts=filled)
    return made


def _keeps_a_mark(constant: object, texts: Container[object]) -> bool:
    """Whether a mark stays where no text takes its place: put together with another, or in a function within."""
    if isinstance(constant, CodeType):
        return any(_keeps_a_mark(each, ()) for each in constant.co_consts)
    return constant not in texts and _MARK in repr(constant)


def _compiled(source: str, name: str, bound: Mapping[str, Any]) -> Callable[..., Any]:
    namespace = dict(bound)
    exec(compile(source, "<quick>", "exec"), namespace)  # noqa: S102  # our own source: it holds nothing an author wrote
    made: Callable[..., Any] = namespace[name]
    return made
