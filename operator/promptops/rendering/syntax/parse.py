"""From a template to its tree. The depth of blocks is bounded here, that of expressions in `expressions`."""

from dataclasses import dataclass, field

from promptops.rendering.names import NAME_RULE, is_variable_name, shown
from promptops.rendering.syntax.cures import PAIRS, REFUSED_CALLS, REFUSED_STATEMENTS
from promptops.rendering.syntax.expressions import Reader
from promptops.rendering.syntax.faults import TemplateFault
from promptops.rendering.syntax.refusals import advice, statement_of_go
from promptops.rendering.syntax.tokens import WRITE_LITERALLY, Tag, TextPiece, pieces
from promptops.rendering.syntax.tree import Body, Expression, For, If, Inclusion, Node, Output, Text
from promptops.rendering.syntax.vocabulary import STATEMENTS

MAX_BLOCKS = 12
"""Ifs and loops inside one another."""
MAX_LOOPS = 2
"""Loops inside one another: the work grows with the product of their lists."""
MAX_BRANCHES = 64


def parse(template: str) -> Body:
    """Return the tree of a template.

    Raises InvalidTemplate with the line and column of the first thing that is not in the language.
    """
    try:
        return _parse(template)
    except TemplateFault as fault:
        raise fault.located(template) from None


@dataclass
class _Open:
    """A block that waits for its end."""

    kind: str
    offset: int
    branches: list[tuple[Expression, Body]] = field(default_factory=list)
    condition: Expression | None = None
    target: str = ""
    main: Body | None = None
    """The body of a loop, once its else has come."""
    nodes: list[Node] = field(default_factory=list)
    has_else: bool = False


def _parse(template: str) -> Body:
    blocks = [_Open("", 0)]
    for piece in pieces(template):
        if isinstance(piece, TextPiece):
            blocks[-1].nodes.append(Text(piece.text))
        elif piece.fault is not None and not piece.tokens:
            raise piece.fault
        elif piece.opening == "{{":
            blocks[-1].nodes.append(_output(piece))
        else:
            _statement(piece, blocks)
    if len(blocks) > 1:
        kind = blocks[-1].kind
        raise TemplateFault(blocks[-1].offset, f"{{% {kind} %}} is never closed: write {{% end{kind} %}} where it ends")
    return tuple(blocks[0].nodes)


def _output(tag: Tag) -> Output:
    if not tag.tokens:
        message = "there is nothing between {{ and }}: write a variable's name, as in {{ name }}"
        raise TemplateFault(tag.offset, f"{message}; {WRITE_LITERALLY.format('{{')}")
    if said := statement_of_go(tag):
        raise TemplateFault(tag.tokens[0].offset, said)
    reader = Reader(tag)
    value = reader.expression()
    reader.end()
    return Output(value, tag.offset)


def _statement(tag: Tag, blocks: list[_Open]) -> None:
    reader = Reader(tag)
    word = reader.word() or ""
    match word:
        case "if" | "for":
            _open(word, tag, reader, blocks)
        case "include":
            blocks[-1].nodes.append(_include(tag, reader))
        case "elif":
            _elif(tag, reader, blocks[-1])
        case "else":
            _else(tag, blocks[-1])
        case "endif" | "endfor":
            _close(word.removeprefix("end"), tag, blocks)
        case _:
            raise TemplateFault(tag.offset, _unknown(word, tag))
    reader.end()


def _unknown(word: str, tag: Tag) -> str:
    if tag.tokens[:1] and tag.tokens[0].text == "~":
        return "write {%- … -%} to take the blanks around it away"
    if word in REFUSED_STATEMENTS:
        return f"{{% {word} %}} is not part of the language: {REFUSED_STATEMENTS[word]}"
    if word.lower() in STATEMENTS and not word.islower():
        return f"statements are in lower case: write {{% {word.lower()} %}}"
    if word == "endraw":
        return "{% endraw %} closes nothing: there is no {% raw %} before it"
    what = f"there is no statement {shown(word)}" if word else "{% must be followed by the name of a statement"
    return f"{what}{advice(word, STATEMENTS)}: there are {', '.join(STATEMENTS)}; {WRITE_LITERALLY.format('{%')}"


def _include(tag: Tag, reader: Reader) -> Inclusion:
    at = reader.offset
    alias = reader.string()
    if alias is None:
        what = 'behind include stands an alias in quotes, as in {% include "rules" %}; the version it means stands under includes'
        raise TemplateFault(at, what)
    if len(tag.tokens) > 2:
        raise TemplateFault(
            reader.offset, "an include has nothing but its alias: what comes in reads its own variables"
        )
    return Inclusion(alias, tag.offset)


def _open(kind: str, tag: Tag, reader: Reader, blocks: list[_Open]) -> None:
    if len(blocks) > MAX_BLOCKS:
        raise TemplateFault(tag.offset, f"blocks are nested deeper than {MAX_BLOCKS} levels: simplify them")
    block = _Open(kind, tag.offset)
    if kind == "for":
        if sum(each.kind == "for" and not each.has_else for each in blocks) >= MAX_LOOPS:
            raise TemplateFault(
                tag.offset, f"loops are nested deeper than {MAX_LOOPS} levels: prepare the list before rendering"
            )
        block.target = _target(reader)
    block.condition = reader.condition()
    if kind == "for":
        _refuse_rest_of_loop(reader)
    blocks.append(block)


def _target(reader: Reader) -> str:
    at, name = reader.offset, reader.word()
    if name is None and reader.takes("("):
        raise TemplateFault(at, f"a loop takes one item at a time: {_instead_of_two(reader)}")
    if name is None or not is_variable_name(name):
        raise TemplateFault(at, f"behind for stands the name of the item, as in {{% for item in items %}}: {NAME_RULE}")
    if reader.takes(","):
        raise TemplateFault(at, f"a loop takes one item at a time: {_instead_of_two(reader)}")
    if not reader.takes("in"):
        raise TemplateFault(reader.offset, "the word in is missing, as in {% for item in items %}")
    return name


def _instead_of_two(reader: Reader) -> str:
    """Say how to go through what others take apart: pairs of an object, numbered items, several lists, items of several fields."""
    words = {token.text for token in reader.tag.tokens}
    if "enumerate" in words:
        return "write loop.index0 for its number"
    if "zip" in words:
        return REFUSED_CALLS["zip"]
    return f"read the item's fields, as in item.key; for an object, {PAIRS}"


def _refuse_rest_of_loop(reader: Reader) -> None:
    at = reader.offset
    if reader.takes("if"):
        raise TemplateFault(at, "a loop has no condition of its own: put an if inside it")
    if reader.takes("recursive"):
        raise TemplateFault(at, "loops cannot be recursive")


def _elif(tag: Tag, reader: Reader, block: _Open) -> None:
    if block.kind != "if" or block.has_else:
        raise TemplateFault(tag.offset, "{% elif %} stands outside an {% if %}, or behind its {% else %}")
    if len(block.branches) >= MAX_BRANCHES - 1:
        raise TemplateFault(tag.offset, f"an if has more than {MAX_BRANCHES} branches: let the caller choose")
    _end_branch(block)
    block.condition = reader.condition()


def _else(tag: Tag, block: _Open) -> None:
    if not block.kind or block.has_else:
        raise TemplateFault(tag.offset, "{% else %} stands outside an {% if %} or {% for %}, or twice in one")
    if block.kind == "if":
        _end_branch(block)
    else:
        block.main, block.nodes = tuple(block.nodes), []
    block.has_else = True


def _end_branch(block: _Open) -> None:
    if block.condition is not None:
        block.branches.append((block.condition, tuple(block.nodes)))
    block.condition, block.nodes = None, []


def _close(kind: str, tag: Tag, blocks: list[_Open]) -> None:
    block = blocks[-1]
    if block.kind != kind:
        expected = f"write {{% end{block.kind} %}} first" if block.kind else "nothing is open here"
        raise TemplateFault(tag.offset, f"{{% end{kind} %}} closes no {{% {kind} %}}: {expected}")
    blocks.pop()
    blocks[-1].nodes.append(_closed(block))


def _closed(block: _Open) -> Node:
    nodes = tuple(block.nodes)
    if block.kind == "for" and block.condition is not None:
        body, otherwise = (nodes, ()) if block.main is None else (block.main, nodes)
        return For(block.target, block.condition, body, otherwise, block.offset)
    if not block.has_else:
        _end_branch(block)
        nodes = ()
    return If(tuple(block.branches), nodes, block.offset)
