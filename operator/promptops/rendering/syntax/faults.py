"""A place in a template where it is wrong, as an offset; whoever has the template makes a line and a column of it."""

from bisect import bisect_right

from promptops.api import reasons
from promptops.rendering.errors import InvalidTemplate


class TemplateFault(Exception):
    """What is wrong at an offset of a template, and the way out."""

    def __init__(self, offset: int, message: str, reason: str = reasons.TEMPLATE_SYNTAX) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.reason = reason

    def located(self, template: str) -> InvalidTemplate:
        """Return the error with line and column."""
        line, column = Lines(template).place(self.offset)
        return InvalidTemplate(self.message, line, column, reason=self.reason)


class Lines:
    """Lines and columns of a text by offset, both counted from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column."""
        return self._starts[line - 1] + column - 1
