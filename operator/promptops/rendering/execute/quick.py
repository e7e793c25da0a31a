"""The short way: one function made for one content that checks and renders a usual call, and gives up on any other.

It gives up whenever a value is missing, unknown, of another type, out of bounds, or needs a second look; the long way then says
what is wrong, cleans what can be cleaned, or renders what was fine after all. What the short way answers, the long way would
answer too, without a warning: a test compares the two. No character of an author's or a caller's stands in the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from promptops.api.content import Variable
from promptops.rendering.control_tokens import has_token, may_complete_token, may_continue_token, may_make_tokens
from promptops.rendering.execute import checking
from promptops.rendering.execute.checking import GIVEN_UP, CheckWriter, has_free_values
from promptops.rendering.execute.functions import function
from promptops.rendering.execute.generate import BOUND as CALLED
from promptops.rendering.execute.loops import MAX_CHARACTERS, SCALAR_CHARACTERS, Bound, LogicWriter
from promptops.rendering.execute.program import Program
from promptops.rendering.execute.rendered import Rendered
from promptops.rendering.execute.values import (
    CHARACTERS_IN_A_STEP,
    MAX_STEPS,
    NOTHING,
    Fuel,
    RenderFault,
    TooMuchOutput,
    TooMuchWork,
)
from promptops.rendering.syntax.tree import Body, For, If, Name, Output, Text, constants, texts
from promptops.rendering.values import text_of

Quick = Callable[[Mapping[str, Any]], Rendered | None]

_MAX_PIECES = 500
_MAX_REPEATED = 4
"""So often a value may be repeated before the output is counted: no more is made than a few times what the caller holds."""


def quick_render(
    variables: Sequence[Variable], said: Sequence[tuple[str, Program]], used: Sequence[str]
) -> Quick | None:
    """Return the function, or None for content that is too large to have one.

    `said` has the role and the template of each message. Of variables that are not `used` only the type is looked at.
    """
    read = [variable for variable in variables if variable.name in used]
    if sum(len(program.body) for _, program in said) > _MAX_PIECES or any(map(has_free_values, read)):
        return None
    unread = frozenset(variable.name for variable in variables).difference(used)
    writer = _Writer(unread, gathers_trusted=not _shows_in_output(read, [program for _, program in said]))
    source = writer.whole(variables, said, used)
    return function(source, "quick", {**CALLED, **_BOUND, **checking.BOUND, **writer.bound})


class _Writer(CheckWriter):
    """Adds what renders to what checks."""

    def whole(self, variables: Sequence[Variable], said: Sequence[tuple[str, Program]], used: Sequence[str]) -> str:
        """Return the source for a content."""
        names = {variable.name: (f"v{index}", variable) for index, variable in enumerate(variables)}
        programs = [program for _, program in said]
        logic = {
            index: self._logic(index, program, names)
            for index, program in enumerate(programs)
            if not _is_inlined(program)
        }
        self.lines = ["def quick(given):", " try:"]
        self._begin(logic.values())
        self.variables(variables)
        self._pay(logic.values())
        self._bound_output(names, programs)
        made = [
            self._said(f"m{index}", logic[index]) if index in logic else self._substitution(f"m{index}", program, names)
            for index, program in enumerate(programs)
        ]
        self._look_at_output(
            made,
            programs,
            [_text_of(name, each) for name, each in names.values() if each.type == "string" and each.name in used],
        )
        self._refuse_tokens(made, programs, variables)
        spoken = zip(said, made, strict=True)
        messages = "".join(f"{{'role': {self.bind(role)}, 'content': {text}}}, " for (role, _), text in spoken)
        self.line(1, f"return Rendered(({messages}), {self._used(names, used)})")
        self.line(0, f"except (KeyError, RenderFault, TooMuchWork, TooMuchOutput): {GIVEN_UP}")
        return "\n".join(self.lines) + "\n"

    def _logic(self, index: int, program: Program, names: Mapping[str, tuple[str, Variable]]) -> _Logic:
        declared = [variable for _, variable in names.values() if variable.name in program.names]
        writer = LogicWriter(
            program.scope,
            {name: names[name][0] for name in program.names},
            index=index,
            lists={each.name: _fields_of_items(each) for each in declared if _has_looked_at_items(each)},
            given=frozenset(each.name for each in declared if each.default is msgspec.UNSET),
        )
        whole = writer.whole(program.body)
        made = _Logic(writer, whole, None if whole else writer.run(program.body))
        self.bound |= writer.constants
        for loop in writer.plain.values():
            self.loops.setdefault(loop.items, []).append(loop)
        return made

    def _begin(self, logic: Collection[_Logic]) -> None:
        for loops in self.loops.values():
            for loop in loops:
                self.line(1, f"{loop.said} = []")
        if any(map(_uses_fuel, logic)):
            self.line(1, "fuel = Fuel()")

    def _pay(self, logic: Collection[_Logic]) -> None:
        """Pay for all loops at once, and put their rounds together."""
        total = self._total()
        steps = [loop.steps(total) for loops in self.loops.values() for loop in loops]
        steps += [f"({total}) // {CHARACTERS_IN_A_STEP} * {cases} + {cases}" for cases in map(_cases, logic) if cases]
        if steps:
            together = " + ".join(steps)
            pays = any(map(_uses_fuel, logic))
            self.line(1, f"fuel.spend({together})" if pays else f"if {together} > {MAX_STEPS}: {GIVEN_UP}")
        for loops in self.loops.values():
            for loop in loops:
                self.line(1, f"{loop.said} = glue({loop.said})")

    def _said(self, name: str, logic: _Logic) -> str:
        """Write a template with logic."""
        if logic.whole is not None:
            said, bound = logic.whole
            strings = (f"({self._total()}) * {bound.strings}",) if bound.strings else ()
            made = " + ".join((str(bound.characters), *bound.counted, *strings))
            self.line(1, f"if {made} > {MAX_CHARACTERS}: {GIVEN_UP}")
            self.line(1, f"{name} = {said}")
            return name
        self.line(1, "said = []")
        self.line(1, f"{self.bind(logic.run)}({logic.writer.arguments}fuel, said.append)")
        self.line(1, f"if sum(map(len, said)) > {MAX_CHARACTERS}: {GIVEN_UP}")
        self.line(1, f"{name} = glue(said)")
        return name

    def _used(self, names: Mapping[str, tuple[str, Variable]], used: Sequence[str]) -> str:
        if all(_is_there(names[name][1]) for name in used):
            return self.bind(tuple(used))
        parts = []
        for name in used:
            value, variable = names[name]
            there = f"{self.bind((name,))}"
            parts.append(there if _is_there(variable) else f"({there} if p{value} else ())")
        return " + ".join(parts)

    def _bound_output(self, names: Mapping[str, tuple[str, Variable]], programs: Sequence[Program]) -> None:
        """Count before anything is joined: roughly, and exactly where that would be too much."""
        length, counts = 0, dict[str, int]()
        for node in (node for program in programs if _is_inlined(program) for node in program.body):
            if isinstance(node, Text):
                length += len(node.text)
            elif isinstance(node, Output):
                name, variable = names[node.value.name]  # type: ignore[union-attr]  # it only substitutes
                length += len(variable.default) if isinstance(variable.default, str) else SCALAR_CHARACTERS
                if variable.type == "string":
                    counts[name] = counts.get(name, 0) + 1
        if counts and self._gathers_trusted:
            rough = f"({self._total()}) * {max(counts.values())} > {MAX_CHARACTERS - length}"
            exact = " + ".join(f"len({name}) * {count}" for name, count in counts.items())
            self.line(1, f"if {rough} and {exact} > {MAX_CHARACTERS - length}: {GIVEN_UP}")

    def _total(self) -> str:
        """Return how many characters all given strings have."""
        return " + ".join(f"len({each})" for each, pieces in self.gathered.items() if pieces) or "0"

    def _look_at_output(self, made: Sequence[str], programs: Sequence[Program], strings: Sequence[str]) -> None:
        """Look at what was made where that tells enough of the values, and count it where it was not counted before."""
        is_counted = self._gathers_trusted and (len(made) == 1 or all(map(_is_inlined, programs)))
        if made and not is_counted:
            self.line(1, f"if {' + '.join(f'len({each})' for each in made)} > {MAX_CHARACTERS}: {GIVEN_UP}")
        filled = [each for each, program in zip(made, programs, strict=True) if program.names]
        if filled and strings and not self._gathers_trusted:
            is_ascii = " and ".join(f"{each}.isascii()" for each in filled)
            whole = " ".join(f"{{{each}}}" for each in strings)
            self.line(1, f'if not ({is_ascii}) and not is_encodable(f"{whole}"): {GIVEN_UP}')

    def _substitution(self, name: str, program: Program, names: Mapping[str, tuple[str, Variable]]) -> str:
        pieces = []
        for node in program.body:
            if isinstance(node, Text):
                pieces.append(self.bind(node.text))
            elif isinstance(node, Output):
                value, variable = names[node.value.name]  # type: ignore[union-attr]  # it only substitutes
                pieces.append(_written(value, variable))
        if len(pieces) < 2:
            return pieces[0] if pieces else "''"
        self.line(1, f'{name} = f"{"".join(f"{{{piece}}}" for piece in pieces)}"')
        return name

    def _refuse_tokens(self, made: Sequence[str], programs: Sequence[Program], variables: Sequence[Variable]) -> None:
        """Where a value, or the text behind one, has what a chat control token ends with, look at the whole."""
        filled = [each for each, program in zip(made, programs, strict=True) if not _is_text(program)]
        if not filled:
            return
        whole = f"if {' or '.join(f'has_token({each})' for each in filled)}: {GIVEN_UP}"
        ends = [f"'>' in {each} or ']' in {each}" for each, pieces in self.gathered.items() if pieces]
        if any(map(may_complete_token, _texts(programs))) or any(map(may_make_tokens, _constants(programs, variables))):
            self.line(1, whole)
        elif all(variable.trust == "trusted" for variable in variables if self._is_read(variable)):
            if any(_free_after(program.body, is_free=True) is None for program in programs):
                self.line(1, whole)
        elif ends:
            self.line(1, f"if {' or '.join(ends)}:")
            self.line(2, whole)


@dataclass(frozen=True)
class _Logic:
    """A template that does more than to put scalars in their places."""

    writer: LogicWriter
    whole: tuple[str, Bound] | None
    """It as one expression, if it is plain."""
    run: Callable[..., None] | None


def _uses_fuel(logic: _Logic) -> bool:
    if logic.whole is None:
        return True
    return any("fuel" in said for said in (logic.whole[0], *(loop.round for loop in logic.writer.plain.values())))


def _cases(logic: _Logic) -> int:
    return logic.whole[1].cases if logic.whole is not None else 0


def _has_looked_at_items(variable: Variable) -> bool:
    return variable.type == "list" and variable.default is msgspec.UNSET and not has_free_values(variable)


def _fields_of_items(variable: Variable) -> Mapping[str, bool]:
    return {each.name: each.optional for each in variable.fields or ()}


def _is_inlined(program: Program) -> bool:
    """Whether a template is written into the function itself, for it only puts scalars in their places."""
    declared = program.scope.declared
    return program.is_substitution and all(declared[name].type not in ("list", "object") for name in program.names)


def _shows_in_output(read: Sequence[Variable], programs: Sequence[Program]) -> bool:
    """Whether all that has to be known of values is seen in the output: nobody is untrusted, no text hides them."""
    if not all(map(_is_inlined, programs)):
        return False
    outputs = (node.value for program in programs for node in program.body if isinstance(node, Output))
    repeated = Counter(value.name for value in outputs if isinstance(value, Name))
    return (
        all(variable.trust == "trusted" for variable in read)
        and all(map(str.isascii, _texts(programs)))
        and max(repeated.values(), default=0) <= _MAX_REPEATED
    )


def _texts(programs: Sequence[Program]) -> Iterator[str]:
    for program in programs:
        yield from texts(program.body)


def _is_text(program: Program) -> bool:
    return all(isinstance(node, Text) for node in program.body)


def _free_after(body: Body, is_free: bool) -> bool | None:
    """Whether no token goes on behind a body, when none goes on before it; None when one could begin before a value and end in it."""
    for node in body:
        match node:
            case Text(text):
                is_free = not may_continue_token(text)
            case Output():
                if not is_free:
                    return None
                is_free = False
            case If(branches, otherwise):
                ends = [_free_after(branch, is_free) for branch in (*(each for _, each in branches), otherwise)]
                if None in ends:
                    return None
                is_free = all(ends)
            case For(_, _, inner, otherwise):
                once = _free_after(inner, is_free)
                again = None if once is None else _free_after(inner, is_free and once)
                without = _free_after(otherwise, is_free)
                if again is None or without is None:
                    return None
                is_free = is_free and again and without
    return is_free


def _constants(programs: Sequence[Program], variables: Sequence[Variable]) -> Iterator[str]:
    """Yield what may be rendered and is neither a text of the template nor given."""
    for program in programs:
        yield from (each for each in constants(program.body) if isinstance(each, str))
    yield from (text_of(each.default) for each in variables if each.default is not msgspec.UNSET)


def _is_there(variable: Variable) -> bool:
    """Whether a variable has a value in every call that the short way answers."""
    return variable.required or variable.from_values or variable.default is not msgspec.UNSET


def _text_of(value: str, variable: Variable) -> str:
    return value if _is_there(variable) else f"({value} or '')"


def _written(value: str, variable: Variable) -> str:
    if variable.type == "string":
        return _text_of(value, variable)
    if variable.type == "boolean" and variable.required:
        return f"('true' if {value} else 'false')"
    return f"('' if {value} is NOTHING else text_of({value}))"


_BOUND: Mapping[str, Any] = {
    "NOTHING": NOTHING,
    "Fuel": Fuel,
    "RenderFault": RenderFault,
    "Rendered": Rendered,
    "TooMuchOutput": TooMuchOutput,
    "TooMuchWork": TooMuchWork,
    "has_token": has_token,
    "glue": "".join,
    "text_of": text_of,
}
