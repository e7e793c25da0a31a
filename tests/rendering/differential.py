"""Random templates of the language, rendered by us and by Jinja2: what both render must be the same text.

`python tests/rendering/differential.py 100000 [seed]` compares so many renders and prints what differs. What differs on purpose is brought to one spelling on Jinja's side:
true, false, null and whole numbers as JSON writes them, lists and objects as JSON, no escapes for HTML.
"""

from __future__ import annotations

import functools
import gc
import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jinja2
import msgspec

from promptops.rendering.errors import PromptError
from promptops.rendering.execute.plan import Plan, plan
from promptops.rendering.values import text_of

VARIABLES: list[dict[str, Any]] = [
    {"name": "word", "type": "string"},
    {"name": "line", "type": "string"},
    {"name": "count", "type": "integer"},
    {"name": "ratio", "type": "number"},
    {"name": "flag", "type": "boolean"},
    {"name": "maybe", "type": "string", "optional": True},
    {"name": "words", "type": "list", "itemType": "string"},
    {"name": "numbers", "type": "list", "itemType": "integer"},
    {
        "name": "people",
        "type": "list",
        "itemType": "object",
        "properties": [
            {"name": "name", "type": "string"},
            {"name": "age", "type": "integer"},
            {"name": "note", "type": "string", "optional": True},
        ],
    },
    {"name": "thing", "type": "object"},
]
TEXTS = ("a", " ", "\n", "  \n ", "Hi ", "x{y} ", "} ", "%}", "é漢", "- ", "\t", "'", "x | y", "<b>&")
STRINGS = ("'a'", "'Ab c'", '"x"', "''", r"'\n'", "'b-c d'", "' '")
PLAIN_FILTERS = ("upper", "lower", "title", "capitalize", "trim", "string_length", "tojson", "indent", "indent(2)", "indent(2, true)", "truncate(5)", "truncate(9, true)", "truncate(9, false, '…', 0)", "replace('a', 'bc')", "replace('a', 'b', 1)", "default('d')", "default('d', true)", "trim('a ')")  # fmt: skip
TESTS = ("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "true", "false", "eq 1", "ne('a')", "in ['a', 'b']")  # fmt: skip


def spelled(value: Any) -> Any:
    """Write a value as our language writes it."""
    if isinstance(value, jinja2.Undefined):
        return value
    if isinstance(value, list | dict):
        return as_json(value)
    return text_of(value)


def as_json(value: Any, indent: int | None = None) -> str:
    if isinstance(value, jinja2.Undefined):
        value = None
    return json.dumps(_whole(value), ensure_ascii=False, sort_keys=True, indent=indent)


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def environment() -> jinja2.Environment:
    """Return Jinja2 with the differences that are meant taken away."""
    made = jinja2.Environment(keep_trailing_newline=True, autoescape=False, finalize=spelled)  # noqa: S701
    for name in ("upper", "lower", "title", "capitalize", "trim", "replace", "indent", "truncate"):
        made.filters[name] = _of_spelled(made.filters[name])
    made.filters["tojson"] = as_json
    return made


def _of_spelled(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of strings that sees another value as it would be rendered."""

    def filtered(*arguments: Any) -> Any:
        is_bound = bool(arguments) and isinstance(arguments[0], jinja2.Environment | jinja2.nodes.EvalContext)
        place = 1 if is_bound else 0
        value = spelled(arguments[place])
        return original(
            *arguments[:place], "" if isinstance(value, jinja2.Undefined) else value, *arguments[place + 1 :]
        )

    return functools.wraps(original)(filtered)


@dataclass
class Writer:
    """Writes a random template that the language has."""

    random: random.Random
    with_things: bool = True
    """Whether it reads the object of which nothing is declared: what does, is never rendered in the short way."""
    loops: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    """The targets of the loops whose items have fields."""
    depth: int = 0

    def template(self) -> str:
        return "".join(self.node() for _ in range(self.random.randint(1, 4 - self.depth)))

    def node(self) -> str:
        kind = self.random.random()
        if kind < 0.3 or self.depth > 2:
            return self.random.choice(TEXTS)
        if kind < 0.6:
            return self.tag("{{", self.expression(), "}}")
        if kind < 0.65:
            return self.tag("{#", "note", "#}")
        if kind < 0.68:
            return "{% raw %}{{ x }}{% endraw %}"
        self.depth += 1
        made = self.loop() if kind < 0.82 and len(self.loops) < 2 else self.condition()
        self.depth -= 1
        return made

    def tag(self, opening: str, inside: str, closing: str) -> str:
        left, right = self.random.choice(("", "", "", "-")), self.random.choice(("", "", "", "-"))
        return f"{opening}{left} {inside} {right}{closing}"

    def condition(self) -> str:
        made = self.tag("{%", f"if {self.boolean()}", "%}") + self.template()
        if self.random.random() < 0.4:
            made += self.tag("{%", f"elif {self.boolean()}", "%}") + self.template()
        if self.random.random() < 0.5:
            made += self.tag("{%", "else", "%}") + self.template()
        return made + self.tag("{%", "endif", "%}")

    def loop(self) -> str:
        target = f"x{len(self.loops)}"
        iterable = self.iterable()
        made = self.tag("{%", f"for {target} in {iterable}", "%}")
        self.loops.append(target)
        if iterable.startswith("people"):
            self.people.append(target)
        made += (
            self.template()
            + "{{ loop."
            + self.random.choice(("index", "index0", "first", "last", "length", "revindex", "revindex0"))
            + " }}"
        )
        self.loops.pop()
        if target in self.people:
            self.people.remove(target)
        if self.random.random() < 0.3:
            made += self.tag("{%", "else", "%}") + self.template()
        return made + self.tag("{%", "endfor", "%}")

    def iterable(self) -> str:
        if self.random.random() < 0.5:
            return self.random.choice(("words", "numbers", "people"))
        others: tuple[str, ...] = ("thing.list",) if self.with_things else ()
        return self.random.choice(
            (
                "words | sort",
                "words | unique",
                "numbers | sort(true)",
                "people | sort(false, false, 'age')",
                "word | list",
                "['a', 'b']",
                "words | list",
                *others,
            )
        )

    def boolean(self) -> str:
        kind = self.random.random()
        if kind < 0.2:
            return f"not {self.boolean()}"
        if kind < 0.4:
            return f"{self.boolean()} {self.random.choice(('and', 'or'))} {self.value()}"
        if kind < 0.6:
            return f"{self.value()} {self.random.choice(('==', '!='))} {self.value()}"
        if kind < 0.7:
            return (
                f"count {self.random.choice(('<', '<=', '>', '>='))} {self.random.choice(('3', 'ratio', '-1', '2.5'))}"
            )
        if kind < 0.85:
            return f"{self.value()} is {self.random.choice(('', 'not '))}{self.random.choice(TESTS)}"
        if kind < 0.95:
            return f"{self.random.choice(STRINGS)} {self.random.choice(('in', 'not in'))} {self.random.choice(('word', 'words', 'numbers', 'line'))}"
        return f"0 < count <= {self.random.randint(0, 5)}"

    def value(self) -> str:
        local = [self.random.choice(self.loops)] if self.loops else []
        for each in self.people:
            local += [f"{each}.name", f"{each}.age", f"{each}.note"]
        plain = (
            "word",
            "line",
            "count",
            "ratio",
            "flag",
            "maybe",
            "words[0]",
            "words[-1]",
            "numbers",
            "1",
            "1.5",
            "true",
            "none",
            "(count)",
        )
        things: tuple[str, ...] = ("thing.name", "thing['name']", "thing.list[0]", "thing") if self.with_things else ()
        return self.random.choice((*plain, *things, *STRINGS, *local, *local))

    def expression(self) -> str:
        kind = self.random.random()
        if kind < 0.4:
            return self.value()
        if kind < 0.75:
            return self.value() + "".join(f" | {self.filter()}" for _ in range(self.random.randint(1, 3)))
        if kind < 0.85:
            return self.random.choice(
                (
                    "words | join(', ')",
                    "numbers | join('-')",
                    "people | join(';', 'name')",
                    "words | first",
                    "words | last",
                    "people | length",
                    "ratio | round(1)",
                    "ratio | round(0, 'floor')",
                    "words | unique | join",
                    "words | sort | first",
                    "maybe | default('m')",
                    "people[0].name",
                    "people[0].note",
                    "(people | first).age",
                )
            )
        if kind < 0.95:
            return f"{self.value()} if {self.boolean()} else {self.value()}"
        return self.boolean()

    def filter(self) -> str:
        return self.random.choice(PLAIN_FILTERS).replace("string_length", "length")


def values(source: random.Random) -> dict[str, Any]:
    """Return random values of the variables."""
    words = ["a", "b", "Ab c", "aaa", "", "a  b", "é", "Zoo-keeper's (tale)", "x\ny\n\nz"]
    made: dict[str, Any] = {
        "word": source.choice(words),
        "line": source.choice(words),
        "count": source.randint(-3, 12),
        "ratio": source.choice((0.5, 2.0, -1.25, 3, 2.675, 1e10)),
        "flag": source.random() < 0.5,
        "words": [source.choice(words) for _ in range(source.randint(0, 4))],
        "numbers": [source.randint(0, 5) for _ in range(source.randint(0, 4))],
        "people": [_person(source, words) for _ in range(source.randint(0, 3))],
        "thing": {
            "name": source.choice(words),
            "list": [source.choice(words) for _ in range(source.randint(0, 2))],
            "n": None,
        },
    }
    if source.random() < 0.5:
        made["maybe"] = source.choice(words)
    return made


def _person(source: random.Random, words: list[str]) -> dict[str, Any]:
    made = {"name": source.choice(words), "age": source.randint(0, 9)}
    return made | {"note": source.choice(words)} if source.random() < 0.3 else made


VALUES_OF_EACH = 4
"""So many sets of values are tried with each template: making it ready costs far more than rendering it."""


def compare(seed: int, theirs: jinja2.Environment) -> tuple[str, str, str] | None:
    """Render one template both ways with several values; return template and both results when they differ.

    None also when either refuses.
    """
    source = random.Random(seed)  # noqa: S311
    template = Writer(source, with_things=seed % 2 == 0).template()
    given = [values(source) for _ in range(VALUES_OF_EACH)]
    ours, expected = _ours(template, given), _theirs(template, given, theirs)
    for our, their in zip(ours, expected, strict=True):
        is_refused = our.startswith("refused: ") or their.startswith("refused: ")
        if is_unexpected(our) if our.startswith("refused: ") else not is_refused and our != their:
            return template, our, their
    return None


def _ours(template: str, given: list[dict[str, Any]]) -> list[str]:
    try:
        made = plan(msgspec.json.encode({"text": template, "variables": VARIABLES}))
    except PromptError as error:
        return [f"refused: {error}"] * len(given)
    return [_or_refusal(partial(_text_of_ours, made, each), PromptError) for each in given]


def _text_of_ours(made: Plan, given: dict[str, Any]) -> str:
    rendered, slowly = made._quick(given), made._render_slowly(given, False, None)
    return slowly.text if rendered in (None, slowly) else f"the short way: {rendered}"


def _theirs(template: str, given: list[dict[str, Any]], theirs: jinja2.Environment) -> list[str]:
    try:
        made = theirs.from_string(template)
    except jinja2.TemplateError as error:
        return [f"refused: {error}"] * len(given)
    refusals = (jinja2.TemplateError, TypeError, ValueError, AttributeError)
    return [_or_refusal(partial(made.render, each), *refusals) for each in given]


def _or_refusal(render: Callable[[], str], *refusals: type[Exception]) -> str:
    try:
        return render()
    except refusals as error:
        return f"refused: {error}"


def is_unexpected(refusal: str) -> bool:
    """Whether a refusal has nothing to do with values that do not fit an operation."""
    expected = (
        "missing",
        "cannot be",
        "only ",
        "nothing can",
        "has no",
        "needs a list",
        "have no",
        "shorter than",
        "can be compared",
        "no field",
        "one of",
    )
    return not any(each in refusal for each in expected)


def differences(seeds: range) -> list[tuple[str, str, str]]:
    """Compare one template for each seed."""
    theirs = environment()
    gc.disable()  # what a comparison leaves behind goes by itself; looking for the rest takes a third of the time
    found = []
    for number in seeds:
        if difference := compare(number, theirs):
            found.append(difference)
        if number % _COLLECTED_EVERY == 0:
            gc.collect()
    return found


def main(count: int, seed: int) -> int:
    """Compare so many renders in as many processes as there are processors; say 1 when any differs."""
    begun, templates = time.monotonic(), -(-count // VALUES_OF_EACH)
    end = seed + templates
    parts = [range(start, min(start + _PART, end)) for start in range(seed, end, _PART)]
    with ProcessPoolExecutor() as processes:
        found = [difference for part in processes.map(differences, parts) for difference in part]
    for template, ours, expected in sorted(found, key=lambda each: len(each[0]))[:10]:
        sys.stdout.write(f"--- {template!r}\nours   {ours!r}\nJinja2 {expected!r}\n")
    sys.stdout.write(
        f"{templates} templates with {VALUES_OF_EACH} sets of values each, {len(found)} differ, {time.monotonic() - begun:.0f} s\n"
    )
    return 1 if found else 0


_PART = 500
"""So many templates are one piece of work for a process."""
_COLLECTED_EVERY = 500


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
