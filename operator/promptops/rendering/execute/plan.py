"""From a blob to something that renders: templates made ready, values filled in once; what a value says is never read again."""

import itertools
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from promptops.api import reasons
from promptops.api.content import HISTORY_ROLES, Content, Message, Parameters, Variable
from promptops.api.http import MAX_OUTPUT_BYTES, RenderedMessage, VariableError, Warning
from promptops.api.wire import Unreadable, read
from promptops.rendering.control_tokens import break_tokens
from promptops.rendering.errors import InvalidSpec, InvalidVariables
from promptops.rendering.execute.program import Program, too_large
from promptops.rendering.execute.quick import Quick, quick_render
from promptops.rendering.execute.rendered import Rendered
from promptops.rendering.execute.values import Fuel
from promptops.rendering.models import merged, variant_for, varied
from promptops.rendering.syntax.tree import Output
from promptops.rendering.values import MAX_SAFE_INTEGER, type_error
from promptops.rendering.variables import OUT_OF_BOUNDS, resolve

MAX_HISTORY = 1000
"""Messages of a caller's history."""

_TEXT_ROLE = "user"
_BROKEN_TOKEN = Warning(
    reasons.VALUE_CHANGED, "a chat control token that stands in no text of the template was broken by a blank"
)


class Said(NamedTuple):
    """A message whose role the author chose, whatever the values are."""

    role: str
    program: Program


class History(NamedTuple):
    """The place of a caller's messages. They are data: nothing in them is read as a template."""

    variable: str
    roles: tuple[str, ...]
    is_trusted: bool


Part = Said | History


class Plan:
    """Content made ready: what is declared, and where the values go."""

    def __init__(self, content: Content, parts: tuple[Part, ...], *, is_chat: bool, variant: str | None = None) -> None:
        self.content = content
        self.parts = parts
        self.is_chat = is_chat
        self.variant = variant
        """The pattern of the models that this is the plan for; None: whatever no variant names."""
        used = {name for part in parts for name in (part.program.names if isinstance(part, Said) else (part.variable,))}
        self.used = tuple(variable.name for variable in content.variables if variable.name in used)
        self._quick: Quick = self._first
        self.variants: dict[str, Plan] = {}
        """Pattern → the plan for the models that match it."""

    def of_model(self, provider: str | None, model: str | None) -> "Plan":
        """Return the plan of the first variant that the model matches; this one when none does."""
        variant = variant_for(self.content.models, provider, model)
        return self if variant is None else self.variants[variant.match]

    @cached_property
    def fixed(self) -> tuple[int, ...]:
        """Characters at the beginning of each message that no value changes, up to the first history."""
        said = itertools.takewhile(lambda part: isinstance(part, Said), self.parts)
        return tuple(part.program.fixed_length for part in said if isinstance(part, Said))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The model parameters as the author wrote them."""
        return self.parameters_over(None)

    def parameters_over(self, defaults: Parameters | None) -> dict[str, Any]:
        """Return the model parameters, with these where the author set none."""
        found = merged(defaults, self.content.parameters)
        parameters: dict[str, Any] = msgspec.to_builtins(found) if found else {}
        return parameters

    @property
    def quick(self) -> Quick:
        """What renders most calls without a warning, and returns None for all others. Another one before the first render."""
        return self._quick

    def _first(self, given: Mapping[str, Any]) -> Rendered | None:
        """Make what renders most calls without looking twice, and render with it; some content always needs the long way."""
        said = [part for part in self.parts if isinstance(part, Said)]
        is_whole = len(said) == len(self.parts)
        self._quick = (quick_render(self.content.variables, said, self.used) if is_whole else None) or _gives_up
        return self._quick(given)

    @cached_property
    def _unread(self) -> frozenset[str]:
        """Variables that nothing here renders."""
        return frozenset(each.name for each in self.content.variables).difference(self.used)

    def render(
        self, given: Mapping[str, Any], strict: bool = False, filled: Mapping[str, object] | None = None
    ) -> Rendered:
        """Render with these values; `filled` has those that come from ConfigMaps and tenants.

        Raises InvalidVariables, and InvalidInput when the output would be too large or take too long.
        """
        if not filled and (rendered := self._quick(given)) is not None:
            return rendered
        return self._render_slowly(given, strict, filled)

    def _render_slowly(self, given: Mapping[str, Any], strict: bool, filled: Mapping[str, object] | None) -> Rendered:
        resolved = resolve(self.content.variables, given, strict, filled, self._unread)
        self._refuse_large_output(resolved.values)
        fuel, broken = Fuel(), False
        messages: list[RenderedMessage] = []
        for part in self.parts:
            if isinstance(part, History):
                said, was_broken = _history(part, resolved.values.get(part.variable, []))
                messages += said
            else:
                text, was_broken = part.program.render(resolved.values, fuel)
                messages.append(RenderedMessage(role=part.role, content=text))
            broken = broken or was_broken
        used = tuple(name for name in self.used if name in resolved.values)
        warnings = (*resolved.warnings, _BROKEN_TOKEN) if broken else resolved.warnings
        rendered = Rendered(tuple(messages), used, warnings)
        if sum(len(message["content"]) for message in messages) * 4 > MAX_OUTPUT_BYTES and _is_too_large(rendered):
            raise too_large()
        return rendered

    @cached_property
    def _occurrences(self) -> tuple[tuple[str, int], ...]:
        """How often each variable stands in templates that only substitute; the others count while they run."""
        counts: dict[str, int] = {}
        for part in self.parts:
            if isinstance(part, Said) and part.program.is_substitution:
                for node in part.program.body:
                    if isinstance(node, Output):
                        counts[node.value.name] = counts.get(node.value.name, 0) + 1  # type: ignore[union-attr]  # a Name
        return tuple(counts.items())

    @cached_property
    def _literal_length(self) -> int:
        return sum(part.program.literal_length for part in self.parts if isinstance(part, Said))

    def _refuse_large_output(self, values: Mapping[str, Any]) -> None:
        """Count before anything is joined: a value of a megabyte may stand in a thousand places."""
        length = self._literal_length
        for name, count in self._occurrences:
            value = values.get(name, "")
            length += (len(value) if isinstance(value, str) else 1) * count
        for part in self.parts:
            if isinstance(part, History):
                length += sum(len(each["content"]) for each in values.get(part.variable, ()))
        if length > MAX_OUTPUT_BYTES:
            raise too_large()


def plan(content: bytes) -> Plan:
    """Make a blob ready to render.

    Raises InvalidSpec: what an operator let through is looked at again before it is trusted.
    """
    try:
        decoded = read(content, Content)
    except Unreadable as error:
        raise InvalidSpec(reasons.MALFORMED, f"the content {error}") from None
    if (decoded.text is None) == (decoded.messages is None):
        raise InvalidSpec(reasons.INVALID_MESSAGES, "exactly one of text and messages")
    decoded = msgspec.structs.replace(decoded, variables=tuple(map(_checked, decoded.variables)))
    made = _plan(decoded)
    for variant in decoded.models:
        if variant.text is not None and variant.messages is not None:
            raise InvalidSpec(reasons.INVALID_MESSAGES, "at most one of text and messages in a variant")
        made.variants.setdefault(variant.match, _plan(varied(decoded, variant), variant.match))
    return made


def _plan(content: Content, variant: str | None = None) -> Plan:
    if content.messages is None:
        said = Said(_TEXT_ROLE, Program(content.text or "", content.variables, "text"))
        return Plan(content, (said,), is_chat=False, variant=variant)
    parts = tuple(_part(message, content.variables, index) for index, message in enumerate(content.messages))
    return Plan(content, parts, is_chat=True, variant=variant)


def _part(message: Message, variables: tuple[Variable, ...], index: int) -> Part:
    if message.placeholder is None and message.role is not None and message.content is not None:
        return Said(message.role, Program(message.content, variables, f"messages[{index}].content"))
    declared = next((each for each in variables if each.name == message.placeholder), None)
    if message.role is not None or message.content is not None or declared is None or not declared.is_history:
        raise InvalidSpec(
            reasons.INVALID_MESSAGES, f"messages[{index}] is neither a message nor the place of a declared history"
        )
    return History(declared.name, message.roles or HISTORY_ROLES, declared.trust == "trusted")


def _checked(variable: Variable) -> Variable:
    default: Any = variable.default
    if default is msgspec.UNSET:
        return variable
    if variable.type == "number" and type(default) is int and abs(default) > MAX_SAFE_INTEGER:
        return msgspec.structs.replace(variable, default=float(default))  # canonical JSON writes 1e20 without exponent
    if reason := type_error(variable.type, default):
        raise InvalidSpec(reasons.INVALID_VARIABLE, f"the default of {variable.name} {reason}", "variables")
    if variable.type in ("list", "object"):
        try:
            resolve((variable,), {variable.name: default}, strict=True)
        except InvalidVariables as error:
            raise InvalidSpec(reasons.INVALID_VARIABLE, f"the default: {error}", "variables") from None
    return variable


def _history(part: History, given: list[Mapping[str, str]]) -> tuple[list[RenderedMessage], bool]:
    if len(given) > MAX_HISTORY:
        raise InvalidVariables(
            (VariableError(part.variable, OUT_OF_BOUNDS, f"{part.variable} has more than {MAX_HISTORY} messages"),)
        )
    wrong = next((index for index, message in enumerate(given) if message["role"] not in part.roles), None)
    if wrong is not None:
        detail = f"{part.variable}[{wrong}].role must be one of {', '.join(part.roles)}"
        raise InvalidVariables((VariableError(part.variable, OUT_OF_BOUNDS, detail),))
    if part.is_trusted:
        return [RenderedMessage(role=each["role"], content=each["content"]) for each in given], False
    texts = [break_tokens(each["content"], (each["content"],), _is_no_literal) for each in given]
    messages = [RenderedMessage(role=each["role"], content=text) for each, text in zip(given, texts, strict=True)]
    return messages, any(text != each["content"] for each, text in zip(given, texts, strict=True))


def _gives_up(given: Mapping[str, Any]) -> None:
    """Stand for a short way where there is none."""


def _is_too_large(rendered: Rendered) -> bool:
    return len(rendered.text.encode()) > MAX_OUTPUT_BYTES


def _is_no_literal(place: int) -> bool:
    return False
