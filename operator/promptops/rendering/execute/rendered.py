"""What comes out of a render."""

from __future__ import annotations

import msgspec

from promptops.api.http import RenderedMessage, Warning

MESSAGE_SEPARATOR = "\n\n"


class Rendered(msgspec.Struct, frozen=True, gc=False):
    """The messages, the variables that stand in them, and what was done to values: no circle can go through it."""

    messages: tuple[RenderedMessage, ...]
    variables_used: tuple[str, ...]
    warnings: tuple[Warning, ...] = ()

    @property
    def text(self) -> str:
        """All messages as one text."""
        if len(self.messages) == 1:
            return self.messages[0]["content"]
        return MESSAGE_SEPARATOR.join(message["content"] for message in self.messages)
