"""Why a word or sign cannot stand where it stands in a tag, and how what its author means is written here."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from promptops.rendering.names import shown
from promptops.rendering.syntax.cures import (
    FOREIGN_BEGINNINGS,
    FOREIGN_HELPERS,
    FOREIGN_NOTE,
    FOREIGN_STATEMENTS,
    FOREIGN_WORDS,
    REFUSED_CALLS,
    REFUSED_FILTERS,
    REFUSED_SIGNS,
    TEXT_IN_BRACES,
)
from promptops.rendering.syntax.tokens import WRITE_LITERALLY, Tag, Token
from promptops.rendering.syntax.vocabulary import FILTERS, TESTS

WORDS: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})
"""Words of expressions: none of them is a name."""


def advice(name: str, known: Iterable[str]) -> str:
    """Say which known name may be meant; nothing when none is close."""
    close = difflib.get_close_matches(name[:64], list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def ends_too_early(tag: Tag) -> str:
    """Say what is missing in a tag that ends where a value should stand."""
    if not tag.tokens:
        return f"there is nothing in {tag.opening}: write a variable's name, as in {{{{ name }}}}"
    return f"the tag {tag.opening} ends where a value should stand: write one, as in {{{{ name }}}}"


def of_others(tag: Tag, at: int) -> str:
    """Say whose way of writing the token at this place of a tag is, and how it is written here; nothing for what nobody writes."""
    token, before = tag.tokens[at], tag.tokens[:at]
    reasons = (
        _of_other_languages,
        _called,
        _colon,
        _before_its_value,
        _behind_a_filter,
        _several_words,
        _field,
        _dashed,
    )
    return next((said for reason in reasons if (said := reason(tag, token, before))), "")


def why_not(tag: Tag, at: int) -> str:
    """Say why the token at this place of a tag cannot stand there, and what to write."""
    token, before = tag.tokens[at], tag.tokens[:at]
    if before and before[-1].text == "<" and token.text == ">":
        return "<> is no comparison: write !="
    if token.text in REFUSED_SIGNS:
        return REFUSED_SIGNS[token.text]
    if (tag.tokens[0].text, token.text) == ("else", "if"):
        return "else and if are one word here: write {% elif … %}"
    if token.text in FOREIGN_WORDS:
        return f"{token.text} cannot stand here: {FOREIGN_WORDS[token.text]}"
    known = "" if token.kind != "name" else advice(token.text, WORDS - {token.text})
    return f"{shown(token.text)} cannot stand here in {tag.opening}{known}; {WRITE_LITERALLY.format(tag.opening)}"


def statement_of_go(tag: Tag) -> str:
    """Say how a statement or call of Go's templates is written, of which the rest reads as a field; nothing for what is none."""
    first, *rest = tag.tokens
    if first.text in FOREIGN_STATEMENTS and tag.fault is not None and not rest:
        return _no_value(first.text)
    if not rest or rest[0].text != "." or _touches(first, rest[0]):
        return ""
    if first.text in FOREIGN_STATEMENTS:
        return _no_value(first.text)
    return _no_call(first.text) if first.text in FOREIGN_HELPERS else ""


def _no_value(word: str) -> str:
    return f"{{{{ holds a value, and {word} is none: {FOREIGN_STATEMENTS[word]}"


def _no_call(word: str) -> str:
    way_out = FOREIGN_HELPERS.get(word, "use a filter, as in {{ name | upper }}")
    return f"{shown(word)} is nothing that can be called: {way_out}"


def _of_other_languages(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    """What stands first in a tag of values tells whose it is."""
    if tag.opening != "{{":
        return ""
    first = tag.tokens[0].text
    if not before and _begins_note(tag):
        return f"what nobody reads stands in a comment: {FOREIGN_NOTE}"
    if first in FOREIGN_STATEMENTS and (not before or token.kind != "sign" or token.text == "."):
        return _no_value(first)
    if before or first not in FOREIGN_BEGINNINGS:
        return ""
    return f"{shown(first)} begins no value: {FOREIGN_BEGINNINGS[first]}; {WRITE_LITERALLY.format(tag.opening)}"


def _begins_note(tag: Tag) -> bool:
    """{{/* note */}} is of Go, {{-- note --}} of Laravel."""
    texts = [each.text for each in tag.tokens[:2]]
    return texts == ["/", "*"] or (texts[:1] == ["-"] and tag.tokens[0].offset == tag.offset + 3)


def _called(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    called = before[-1].text if token.text == "(" and before else ""
    return f"{called} cannot be called, as nothing can: {REFUSED_CALLS[called]}" if called in REFUSED_CALLS else ""


def _colon(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    if token.text != ":" or not before or any(each.text == "[" for each in before):
        return ""
    if before[-1].text == ":" or _follows(tag, token, ":"):
        return "a field is read as in {{ user.name }}"
    if tag.opening == "{%" and token is tag.tokens[-1]:
        return "no statement has a colon: leave it out"
    if len(before) > 2 and before[-2].text == "|":
        return f"what a filter takes stands in brackets: write {before[-1].text}(…)"
    if before[0].kind == "name" and len(before) == 1:
        name = before[0].text
        return f"a colon means nothing here: write {{{{ {name} | default('…') }}}} for a default, or {TEXT_IN_BRACES}"
    return f"a colon means nothing here: {TEXT_IN_BRACES}" if tag.opening == "{{" else ""


def _several_words(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    """{{ First Name }} is a name with a blank, {{ gen 'x' }} a call without brackets."""
    if tag.opening != "{{" or len(before) != 1 or before[0].kind != "name" or token.kind == "sign":
        return ""
    if token.text in WORDS | {"as", "for", "isnt", "unless", "when"} or before[0].text in WORDS:
        return ""
    if before[0].text in FOREIGN_HELPERS:
        return _no_call(before[0].text)
    if all(each.kind == "name" for each in tag.tokens):
        name = "_".join(each.text.lower() for each in tag.tokens)[:64]
        return f"a name has no blanks: write {{{{ {name} }}}}, and declare it under variables"
    return _no_call(before[0].text)


def _before_its_value(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    """{{ upper name }} and {{ or a b }} say first what is done."""
    if token.text in ("and", "or", "in", "==", "!=") and (not before or before[-1].text in ("if", "elif")):
        return f"{token.text} stands between two values, as in {{% if a {token.text} b %}}"
    if len(before) == 2 and before[1].text in TESTS and tag.opening == "{%" and token.kind == "name":
        return f"a test stands behind its value: write {token.text} is {before[1].text}"
    if len(before) != 1 or token.kind != "name" or token.text in WORDS:
        return ""
    first, one_name = before[0].text, f", or {{{{ {before[0].text}_{token.text[:64].lower()} }}}} for one name"
    if first in FILTERS:
        return f"a filter stands behind its value: write {{{{ {token.text[:64]} | {first} }}}}{one_name}"
    cure = REFUSED_FILTERS.get(first)
    return f"the filter {first} is not part of the language: {cure}{one_name}" if cure else ""


def _behind_a_filter(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    """{{ name | default "a" }} is the way of Go."""
    takes = len(before) > 2 and before[-2].text == "|" and token.kind != "sign" and token.text not in WORDS
    return f"what a filter takes stands in brackets: write {before[-1].text}(…)" if takes else ""


def _field(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    """{{ items.0 }}, {{ items.[0] }}, {{ user->name }} and 1..3 read or make parts in other ways."""
    if token.text == "." and [each.kind for each in before[-2:]] == ["number", "sign"]:
        return REFUSED_CALLS["range"]
    if before and before[-1].kind == token.kind == "string":
        return "two texts stand side by side: write one of them, or two tags"
    if token.text == "." and len(before) > 2 and before[-2].text == "|":
        return "what is filtered stands in brackets before its field, as in {{ (list | first).name }}"
    if before and before[-1].text == "." and (token.kind in ("number", "string") or token.text == "["):
        return "an item of a list is read as in {{ items[0] }}, a field as in {{ user.name }}"
    return "a field is read as in {{ user.name }}" if token.text == "-" and _follows(tag, token, ">") else ""


def _follows(tag: Tag, token: Token, text: str) -> bool:
    return any(each.text == text and _touches(token, each) for each in tag.tokens)


def _dashed(tag: Tag, token: Token, before: Sequence[Token]) -> str:
    if token.text != "-" or not before or before[-1].kind != "name" or not _touches(before[-1], token):
        return ""
    following = next((each for each in tag.tokens if each.offset > token.offset), None)
    if following is None or following.kind != "name" or not _touches(token, following):
        return ""
    return (
        f"a name has no dash: write {before[-1].text.lower()}_{following.text.lower()}, and declare it under variables"
    )


def _touches(first: Token, second: Token) -> bool:
    return first.offset + len(first.text) == second.offset
