"""What a variable may be called, in declarations, templates and calls alike."""

import re

from promptops.api.limits import MAX_VARIABLE_CHARACTERS

_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_VARIABLE_CHARACTERS - 1}}}")

RESERVED = frozenset(
    {"and", "elif", "else", "endfor", "endif", "false", "for", "if", "in", "include", "is", "loop", "none", "not", "or",
     "recursive", "true"}
)  # fmt: skip
"""Words of the language. A variable of such a name could not be read."""

NAME_RULE = (
    "a name is a lower case letter followed by "
    f"at most {MAX_VARIABLE_CHARACTERS - 1} lower case letters, digits and underscores"
)


def is_variable_name(name: str) -> bool:
    """Whether callers and templates may use this name."""
    return _NAME.fullmatch(name) is not None and name not in RESERVED


def shown(name: str) -> str:
    """A name somebody sent, fit for a message: printable ASCII and short."""
    text = ascii(name)
    return text if len(text) <= 80 else f"{text[:76]}...'"
