"""What names a render, so that feedback of an application finds what it is about: prompt, content, and a number that was drawn."""

from __future__ import annotations

import secrets
from typing import Final

from promptops.api import reasons
from promptops.api.feed import Entry, VersionReference
from promptops.cache.view import View
from promptops.rendering import selection
from promptops.rendering.errors import PromptNotFound

_DIGITS: Final = 16
"""So many digits of a digest tell the versions of one prompt apart."""
_ALGORITHM: Final = len("sha256:")


def render_id(prompt: str, digest: str, drawn: str | None = None) -> str:
    """Return a new id for a render of this content, by which any sidecar that holds it can be told what came of it.

    It names what was rendered, so nobody has to remember it. `drawn`: what no other render's ends with.
    """
    return f"{prompt}.{digest[_ALGORITHM : _ALGORITHM + _DIGITS]}.{drawn or secrets.token_hex(8)}"


def rendered(view: View, named: str) -> tuple[Entry, VersionReference]:
    """Return what a render was made from. Raises PromptNotFound when that is not held here (any more)."""
    prompt, _, rest = named.partition(".")
    entry = view.entries.get(prompt)
    digits, _, drawn = rest.partition(".")
    if entry is not None and len(digits) == _DIGITS and drawn:
        for reference in selection.versions(entry):
            if reference.digest[_ALGORITHM:].startswith(digits):
                return entry, reference
    raise PromptNotFound("no render of this id was made from what is held here", reason=reasons.RENDER_NOT_FOUND)
