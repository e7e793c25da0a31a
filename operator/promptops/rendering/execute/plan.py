"""From a blob to something that renders: literals and slots, filled once; what a value says is never read again."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from promptops.api import reasons
from promptops.api.content import Content, Variable
from promptops.api.http import MAX_OUTPUT_BYTES, RenderedMessage, Warning
from promptops.rendering.control_tokens import break_tokens
from promptops.rendering.errors import InvalidInput, InvalidSpec
from promptops.rendering.syntax.scan import Literal, Slot, parse
from promptops.rendering.values import MAX_SAFE_INTEGER, text_of, type_error
from promptops.rendering.variables import resolve

_DECODER = msgspec.json.Decoder(Content)
_TEXT_ROLE = "user"
_MESSAGE_SEPARATOR = "\n\n"
_BROKEN_TOKEN = Warning(reasons.VALUE_CHANGED, "a chat control token that the values would make was broken by a blank")


@dataclass(frozen=True)
class Rendered:
    """What came out."""

    text: str
    messages: tuple[RenderedMessage, ...]
    variables_used: tuple[str, ...]
    warnings: tuple[Warning, ...] = ()


class _Part:
    """One template: pieces, of which those at `slots` are replaced by values."""

    def __init__(self, role: str, template: str) -> None:
        segments = parse(template)
        self.role = role
        self.pieces = tuple(segment.text if isinstance(segment, Literal) else "" for segment in segments)
        self.slots = tuple((index, segment.name) for index, segment in enumerate(segments) if isinstance(segment, Slot))
        self.is_literal = tuple(isinstance(segment, Literal) for segment in segments)
        self.literal_length = sum(map(len, self.pieces))

    def render(self, texts: Mapping[str, str]) -> tuple[str, bool]:
        """Return the text, and whether the values had made a chat control token in it."""
        pieces = list(self.pieces)
        for index, name in self.slots:
            pieces[index] = texts.get(name, "")
        filled = "".join(pieces)
        text = break_tokens(filled, pieces, self.is_literal)
        return text, text != filled


@dataclass(frozen=True)
class Plan:
    """Content made ready: what is declared, and where the values go."""

    content: Content
    parts: tuple[_Part, ...]
    is_chat: bool

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The model parameters as the author wrote them."""
        parameters: dict[str, Any] = msgspec.to_builtins(self.content.parameters) if self.content.parameters else {}
        return parameters

    @cached_property
    def _occurrences(self) -> Counter[str]:
        return Counter(name for part in self.parts for _, name in part.slots)

    @cached_property
    def _literal_length(self) -> int:
        return sum(part.literal_length for part in self.parts)

    def render(self, given: Mapping[str, object], *, strict: bool = False) -> Rendered:
        """Render with these values.

        Raises InvalidVariables, and InvalidInput when the output would be too large.
        """
        resolved = resolve(self.content.variables, given, strict)
        texts = {name: text_of(value) for name, value in resolved.values.items()}
        self._refuse_large_output(texts)
        rendered = [part.render(texts) for part in self.parts]
        contents = [said for said, _ in rendered]
        text = _MESSAGE_SEPARATOR.join(contents)
        if len(text) * 4 > MAX_OUTPUT_BYTES and len(text.encode()) > MAX_OUTPUT_BYTES:
            raise _too_large()
        messages = tuple(
            RenderedMessage(role=part.role, content=said) for part, said in zip(self.parts, contents, strict=True)
        )
        used = tuple(variable.name for variable in self.content.variables if self._is_used(variable.name, texts))
        broken = (_BROKEN_TOKEN,) if any(was_broken for _, was_broken in rendered) else ()
        return Rendered(text, messages, used, resolved.warnings + broken)

    def _is_used(self, name: str, texts: Mapping[str, str]) -> bool:
        return name in texts and name in self._occurrences

    def _refuse_large_output(self, texts: Mapping[str, str]) -> None:
        """Count before anything is joined: a value of a megabyte may stand in a thousand places."""
        length = self._literal_length
        length += sum(len(texts.get(name, "")) * count for name, count in self._occurrences.items())
        if length > MAX_OUTPUT_BYTES:
            raise _too_large()


def plan(content: bytes) -> Plan:
    """Make a blob ready to render.

    Raises InvalidSpec: what an operator let through is looked at again before it is trusted.
    """
    try:
        decoded = _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidSpec(reasons.MALFORMED, f"not the content of a prompt: {type(error).__name__}") from None
    if (decoded.text is None) == (decoded.messages is None):
        raise InvalidSpec(reasons.INVALID_MESSAGES, "exactly one of text and messages")
    is_chat = decoded.messages is not None
    parts = tuple(_Part(message.role, message.content) for message in decoded.messages or ())
    parts = parts if is_chat else (_Part(_TEXT_ROLE, decoded.text or ""),)
    decoded = msgspec.structs.replace(decoded, variables=tuple(map(_checked, decoded.variables)))
    _refuse_undeclared(parts, decoded)
    return Plan(decoded, parts, is_chat)


def _checked(variable: Variable) -> Variable:
    default: Any = variable.default
    if default is msgspec.UNSET:
        return variable
    if variable.type == "number" and type(default) is int and abs(default) > MAX_SAFE_INTEGER:
        return msgspec.structs.replace(variable, default=float(default))  # canonical JSON writes 1e20 without exponent
    if reason := type_error(variable.type, default):
        raise InvalidSpec(reasons.INVALID_VARIABLE, f"the default of {variable.name} {reason}", "variables")
    return variable


def _refuse_undeclared(parts: tuple[_Part, ...], content: Content) -> None:
    declared = {variable.name for variable in content.variables}
    for part in parts:
        for _, name in part.slots:
            if name not in declared:
                raise InvalidSpec(reasons.UNDECLARED_VARIABLE, f"{name} is used and not declared")


def _too_large() -> InvalidInput:
    return InvalidInput(
        f"what would be rendered is larger than {MAX_OUTPUT_BYTES // 1024} KiB; give shorter values",
        reasons.OUTPUT_TOO_LARGE,
    )
