"""One template made ready to render. What can go wrong while it runs comes back as an error with line and column."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any

from promptops.api import reasons
from promptops.api.content import Variable
from promptops.api.http import MAX_OUTPUT_BYTES
from promptops.rendering.control_tokens import break_tokens
from promptops.rendering.errors import InvalidInput
from promptops.rendering.execute.generate import generate
from promptops.rendering.execute.values import MAX_STEPS, NOTHING, Fuel, RenderFault, TooMuchOutput, TooMuchWork
from promptops.rendering.syntax.faults import Lines
from promptops.rendering.syntax.parse import parse
from promptops.rendering.syntax.scope import Scope
from promptops.rendering.syntax.tree import Text, is_substitution

_FILE = "<template>"


class Program:
    """A template and the variables it may read. Raises InvalidTemplate when it is made of anything else."""

    def __init__(self, template: str, variables: Sequence[Variable], path: str) -> None:
        self.template = template
        self.path = path
        self.body = parse(template)
        self.scope = Scope.of(self.body, variables)
        if self.scope.faults:
            raise self.scope.faults[0].located(template)
        self.names = tuple(self.scope.used)
        self.is_substitution = is_substitution(self.body)

    @cached_property
    def run(self) -> Callable[..., None]:
        """The generated function: `run(*values, fuel, say, free)`. Made when it is first needed."""
        namespace = dict(self._generated.bound)
        exec(compile(self._generated.source, _FILE, "exec"), namespace)  # noqa: S102  # our own source: it holds nothing an author wrote
        made: Callable[..., None] = namespace["run"]
        return made

    @cached_property
    def _generated(self) -> Any:
        return generate(self.body, self.scope, self.names)

    @cached_property
    def literal_length(self) -> int:
        """Characters that are rendered whatever the values are, of a template that only substitutes."""
        return sum(len(node.text) for node in self.body if isinstance(node, Text))

    @cached_property
    def fixed_length(self) -> int:
        """Characters at the beginning that are rendered whatever the values are."""
        literal = itertools.takewhile(lambda node: isinstance(node, Text), self.body)
        return sum(len(node.text) for node in literal if isinstance(node, Text))

    def render(self, values: Mapping[str, Any], fuel: Fuel) -> tuple[str, bool]:
        """Return the text, and whether the values had made a chat control token in it.

        Raises InvalidInput when the values do not fit what the template does with them.
        """
        said: list[str] = []
        free: set[int] = set()
        try:
            self.run(
                *[values.get(name, NOTHING) for name in self.names], fuel, said.append, lambda: free.add(len(said))
            )
        except RenderFault as fault:
            raise InvalidInput(f"{self._place(fault.__traceback__)}: {fault}", reasons.RENDER_FAILED) from None
        except TooMuchWork:
            raise InvalidInput(
                f"{self.path}: it would take more than {MAX_STEPS} steps: give shorter lists and values",
                reasons.BUDGET_EXCEEDED,
            ) from None
        except TooMuchOutput:
            raise too_large() from None
        if sum(map(len, said)) > MAX_OUTPUT_BYTES:
            raise too_large()
        filled = "".join(said)
        literals = self._generated.literals
        text = break_tokens(filled, said, lambda index: id(said[index]) in literals or index in free)
        return text, text != filled

    def _place(self, traceback: TracebackType | None) -> str:
        line = 1
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == _FILE:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        row, column = Lines(self.template).place(self._generated.offsets[line - 1])
        return f"{self.path}: line {row}, column {column}"


def too_large() -> InvalidInput:
    """Return the refusal of an output beyond the limit."""
    return InvalidInput(
        f"what would be rendered is larger than {MAX_OUTPUT_BYTES // 1024} KiB; give shorter values",
        reasons.OUTPUT_TOO_LARGE,
    )
