"""What is wrong with content, where, and what to do about it."""

import re
import time
from typing import Any

import pytest

from promptops.api.v1alpha1.schema import VARIABLE_NAME
from promptops.domain.content import checks
from promptops.domain.content.checks import check_content
from promptops.domain.findings import Finding, combined


def text(template: str, *variables: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"text": template, "variables": list(variables), **more}


def chat(*messages: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in messages]}


def variable(name: str = "name", **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "string"} | fields


def said(content: object) -> list[str]:
    return [f"{finding.reason}: {finding.sentence}" for finding in check_content(content)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"text": "Hi"}, id="text without variables"),
        pytest.param(text("Hi {{ name }}", variable()), id="declared variable"),
        pytest.param(text("Hi {{ name }}", variable(optional=True)), id="optional variable"),
        pytest.param(
            text("{% if name %}Hi {{ name | upper }}{% else %}Hi{% endif %}", variable(default="x")), id="a condition"
        ),
        pytest.param(
            chat(("system", "a"), ("developer", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")),
            id="a conversation",
        ),
        pytest.param(chat(("user", "only")), id="no system message"),
        pytest.param(text('{"a": {0}} {u.__class__} {% raw'.replace("{% raw", "%}")), id="single braces are text"),
        pytest.param(text("tab\t, LF\n, CRLF\r\n, emoji 👩\u200d👧, \u05d0\u200f, कर्\u200dम"), id="what scripts need"),
        pytest.param(
            text("{{ self }}{{ constructor }}", variable("self"), variable("constructor")),
            id="self is a name like any other",
        ),
        pytest.param(text("x" * 65536), id="the longest template"),
        pytest.param(text("a | b < c |> d"), id="bars and angles"),
    ],
)
def test_nothing_is_wrong(content: dict[str, Any]) -> None:
    assert said(content) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(
            text("Hi {{ nmae }}", variable(optional=True)),
            'UndeclaredVariable: spec.content.text: line 1, column 7: variable "nmae" is not declared: write "name", or declare it under variables',
            id="a typo in a name",
        ),
        pytest.param(
            text("a\n  {{ x }} {{ x }}"),
            'UndeclaredVariable: spec.content.text: line 2, column 6: variable "x" is not declared: declare it under variables',
            id="undeclared, named once, where it stands first",
        ),
        pytest.param(
            chat(("user", "a"), ("assistant", "b"), ("user", "{{ x }}")),
            'UndeclaredVariable: spec.content.messages[2].content: line 1, column 4: variable "x" is not declared: declare it under variables',
            id="undeclared in a message",
        ),
        pytest.param(
            text("a", variable(optional=True), variable(optional=True)),
            'DuplicateVariable: spec.content.variables[1].name: variable "name" is declared twice: remove one of the declarations',
            id="declared twice",
        ),
        pytest.param(
            text("a", variable("loop", optional=True)),
            "InvalidVariable: spec.content.variables[0].name: loop is a word of the language and cannot be a variable's name",
            id="a word of loops to come",
        ),
        pytest.param(
            text("a", variable("true", optional=True)),
            "InvalidVariable: spec.content.variables[0].name: true is a word of the language and cannot be a variable's name",
            id="a word of expressions to come",
        ),
        pytest.param(
            text("a", variable(type="integer", default="1")),
            "InvalidVariable: spec.content.variables[0].default: the default must be an integer, not a string",
            id="default of the wrong type",
        ),
        pytest.param(
            text("a", variable(type="integer", default=True)),
            "InvalidVariable: spec.content.variables[0].default: the default must be an integer, not a boolean",
            id="a boolean is no integer",
        ),
        pytest.param(
            text("a", variable(enum=["a", "b"], default="c")),
            "InvalidVariable: spec.content.variables[0].default: the default must be one of a, b",
            id="default outside the enum",
        ),
        pytest.param(
            text("a", variable(type="number", maximum=1, default=2)),
            "InvalidVariable: spec.content.variables[0].default: the default is above the maximum 1",
            id="default outside the bounds",
        ),
        pytest.param(
            text("a", variable(type="integer", enum=["1"], optional=True)),
            "InvalidVariable: spec.content.variables[0].enum: enum is for strings, the type is integer",
            id="enum of an integer",
        ),
        pytest.param(
            text("a", variable(minLength=3, maxLength=2, optional=True)),
            "InvalidVariable: spec.content.variables[0].minLength: minLength is above maxLength: no value fits",
            id="minLength above maxLength",
        ),
        pytest.param(
            text("a", variable(type="number", minimum=3, maximum=2, optional=True)),
            "InvalidVariable: spec.content.variables[0].minimum: minimum is above maximum: no value fits",
            id="minimum above maximum",
        ),
        pytest.param(
            chat(("user", "a"), ("system", "b")),
            "InvalidMessages: spec.content.messages[1].role: a message of the role system must stand before those of user, assistant and tool: move it up",
            id="system after user",
        ),
        pytest.param(
            chat(("system", "a"), ("tool", "b"), ("developer", "c")),
            "InvalidMessages: spec.content.messages[2].role: a message of the role developer must stand before those of user, assistant and tool: move it up",
            id="developer after tool",
        ),
        pytest.param(
            text("a\nb {% set x = 1 %}"),
            "TemplateSyntax: spec.content.text: line 2, column 3: {% set %} is not part of the language: values come from variables alone: declare a variable, perhaps with a default",
            id="a statement of Jinja that is none here",
        ),
        pytest.param(
            text("{{ x"),
            "TemplateSyntax: spec.content.text: line 1, column 1: {{ is never closed with }}: close it; to write {{ literally, put it between {% raw %} and {% endraw %}",
            id="an unclosed tag",
        ),
        pytest.param(
            text("ab\x00c"),
            "InvalidCharacter: spec.content.text: line 1, column 3: a control character (U+0000): remove it",
            id="T27 NUL",
        ),
        pytest.param(
            text("a\n\x1b[31m"),
            "InvalidCharacter: spec.content.text: line 2, column 1: a control character (U+001B): remove it",
            id="T27 ESC",
        ),
        pytest.param(
            text("\x85"),
            "InvalidCharacter: spec.content.text: line 1, column 1: a control character (U+0085): remove it",
            id="T27 C1",
        ),
        pytest.param(
            text("a\rb"),
            "InvalidCharacter: spec.content.text: line 1, column 2: a control character (U+000D): remove it",
            id="a carriage return alone",
        ),
        pytest.param(
            text("a\u202eb"),
            "InvalidCharacter: spec.content.text: line 1, column 2: a bidirectional control, which can hide text from a reviewer (U+202E): remove it",
            id="T28 bidi override",
        ),
        pytest.param(
            text("a\u2066b"),
            "InvalidCharacter: spec.content.text: line 1, column 2: a bidirectional control, which can hide text from a reviewer (U+2066): remove it",
            id="T28 bidi isolate",
        ),
        pytest.param(
            text("a\U000e0069"),
            "InvalidCharacter: spec.content.text: line 1, column 2: an invisible tag character (U+E0069): remove it",
            id="T29 tag text",
        ),
        pytest.param(
            text("\ufeffa"),
            "InvalidCharacter: spec.content.text: line 1, column 1: a byte order mark (U+FEFF): remove it",
            id="byte order mark",
        ),
        pytest.param(
            text("a\ufff9b\ufffac\ufffb"),
            "InvalidCharacter: spec.content.text: line 1, column 2: an invisible format character, which can hide text from a reviewer (U+FFF9): remove it",
            id="an interlinear annotation",
        ),
        pytest.param(
            text("a\u206ab"),
            "InvalidCharacter: spec.content.text: line 1, column 2: an invisible format character, which can hide text from a reviewer (U+206A): remove it",
            id="a deprecated format character",
        ),
        pytest.param(
            text("a\uffff"),
            "InvalidCharacter: spec.content.text: line 1, column 2: a code point that is no character (U+FFFF): remove it",
            id="no character",
        ),
        pytest.param(
            text("Hi" + "\U000e0158\ufe01" * 4),
            "InvalidCharacter: spec.content.text: line 1, column 3: eight invisible characters in a row, which can hide text from a reviewer (U+E0158): remove them",
            id="T29 a text in variation selectors",
        ),
        pytest.param(
            text("Hi" + "\u200b\u200c\u2063\u200d" * 2),
            "InvalidCharacter: spec.content.text: line 1, column 3: eight invisible characters in a row, which can hide text from a reviewer (U+200B): remove them",
            id="T29 a text in bits of no width",
        ),
        pytest.param(
            text("\ud800"),
            "InvalidSpec: spec.content.text: contains half of a surrogate pair: remove it",
            id="half of a surrogate pair",
        ),
        pytest.param(
            text("[INST] a"),
            "RoleMarker: spec.content.text: line 1, column 1: the chat marker [INST] can end this message and begin another: use messages and roles; in prose, put a blank behind its first character",
            id="another vendor's chat marker",
        ),
        pytest.param(
            chat(("user", "a <|im_start|>system")),
            "RoleMarker: spec.content.messages[0].content: line 1, column 3: the chat marker <|im_start|> can end this message and begin another: use messages and roles; in prose, put a blank behind its first character",
            id="T30 chat marker in a user message",
        ),
        pytest.param(
            text("a", tools=[{"name": "f"}, {"name": "g"}, {"name": "f"}]),
            'InvalidSpec: spec.content.tools[2].name: tool "f" is declared twice, and providers refuse that: rename or remove one',
            id="a tool declared twice",
        ),
        pytest.param(
            text("a", tools=[{"name": "f", "parameters": "{}"}]),
            "InvalidSpec: spec.content.tools[0].parameters: a JSON Schema is an object, not a string: write {type: object, …}",
            id="parameters of a tool that are no schema",
        ),
        pytest.param(
            text("a", models=[{"match": "a/*", "text": "b"}, {"match": "a/*", "text": "c"}]),
            'InvalidSpec: spec.content.models[1].match: "a/*" stands twice, and the first is always taken: put the two together, or remove one',
            id="a pattern of models twice",
        ),
        pytest.param(
            text("a", responseFormat={"type": "json_schema", "name": "n"}),
            "InvalidSpec: spec.content.responseFormat.schema: type json_schema needs the schema: declare it, or write type: json_object",
            id="an answer described by no schema",
        ),
        pytest.param(
            text("a", responseFormat={"type": "json_schema", "name": "n", "schema": []}),
            "InvalidSpec: spec.content.responseFormat.schema: a JSON Schema is an object, not a list: write {type: object, …}",
            id="an answer described by a list",
        ),
        pytest.param(
            text("a", responseFormat={"type": "json_object", "schema": {}}),
            "InvalidSpec: spec.content.responseFormat.schema: it says nothing of an answer of type json_object: write type: json_schema, or remove it",
            id="a schema that no provider would hear of",
        ),
        pytest.param(
            text("a", parameters={"topP": 0.9, "extra": {"top_k": 40, "top_p": 0.5}}),
            "InvalidSpec: spec.content.parameters.extra.top_p: it is what topP says already, and only that is told: remove one of the two",
            id="a parameter told twice",
        ),
        pytest.param(
            text(
                "a", parameters={"maxTokens": 9}, models=[{"match": "a/*", "parameters": {"extra": {"max_tokens": 8}}}]
            ),
            "InvalidSpec: spec.content.models[0].parameters.extra.max_tokens: it is what maxTokens says already, and only that is told: remove one of the two",
            id="a parameter told again by a variant",
        ),
        pytest.param(
            text("a", parameters={"stop": ["END", ""]}),
            "InvalidSpec: spec.content.parameters.stop[1]: nothing ends where nothing stands, and providers refuse that: remove it",
            id="an empty stop sequence",
        ),
        pytest.param(
            {
                "messages": [{"placeholder": "h", "roles": ["user"]}],
                "variables": [
                    {
                        "name": "h",
                        "type": "list",
                        "itemType": "message",
                        "default": [{"role": "assistant", "content": "a"}],
                    }
                ],
            },
            "InvalidMessages: spec.content.messages[0].placeholder: messages[0] of its default speaks as 'assistant', and no call without a history would be answered: name the role under roles, or change the default",
            id="a default that may not speak",
        ),
        pytest.param(
            text("a", parameters={"extra": ["top_k"]}),
            "InvalidSpec: spec.content.parameters.extra: further parameters are an object, not a list: write {name: value, …}",
            id="further parameters without names",
        ),
        pytest.param(
            text("a", parameters={"extra": {"messages": []}}),
            "InvalidSpec: spec.content.parameters.extra.messages: what the version says under messages takes its place, and nobody is told of this: write it there, or remove it",
            id="messages among the parameters",
        ),
        pytest.param(
            text("a", tools=[{"name": "f"}], parameters={"extra": {"tools": [{"type": "web_search"}]}}),
            "InvalidSpec: spec.content.parameters.extra.tools: what the version says under tools takes its place, and nobody is told of this: write it there, or remove it",
            id="tools beside the declared ones",
        ),
        pytest.param(
            text("{{ name }}", variable(enum=["a", "abc"], minLength=2)),
            "InvalidVariable: spec.content.variables[0].enum[0]: no caller can give this value: has 1 characters, fewer than 2",
            id="a choice that the bounds forbid",
        ),
        pytest.param(
            text("{{ name }}", variable(type="integer", minimum=1.2, maximum=1.8)),
            "InvalidVariable: spec.content.variables[0].minimum: no integer lies between minimum and maximum: no value fits",
            id="bounds between two integers",
        ),
    ],
)
def test_an_error_says_where_why_and_what_to_do(content: dict[str, Any], sentence: str) -> None:
    errors = [finding for finding in check_content(content) if finding.severity == "error"]

    assert [f"{finding.reason}: {finding.sentence}" for finding in errors] == [sentence]


def test_no_character_that_is_refused_or_told_of_escapes_the_first_look() -> None:
    told = re.compile(f"{checks._FORBIDDEN.pattern}|{checks._HIDDEN.pattern}")

    escaped = [
        f"U+{code:04X}" for code in range(0x110000) if told.search(chr(code)) and not checks._RARE.search(chr(code))
    ]

    assert escaped == []


@pytest.mark.parametrize(
    "marker",
    [
        "<|im_end|>",
        "<|IM_START|>",
        "<| im_start |>",
        "<|start_header_id|>",
        "<|eot_id|>",
        "<|endoftext|>",
        "<｜User｜>",
        "<|im_{{ name }}|>",
        "[INST]",
        "[/inst]",
        "<<SYS>>",
        "<</SYS>>",
        "<start_of_turn>",
    ],
)
def test_chat_markers_of_all_models_are_refused(marker: str) -> None:
    error = combined(check_content(text(f"a {marker} b", variable())))

    assert error is not None
    assert (error.reason, error.line, error.column) == ("RoleMarker", 1, 3)


def test_a_chat_marker_brings_no_control_character_into_a_message() -> None:
    sentences = said(text("<|\x1b[31m\u202e|>"))

    assert len(sentences) == 2
    assert all(sentence.isprintable() for sentence in sentences)


def test_a_marker_in_a_default_is_refused_too() -> None:
    error = combined(check_content(text("{{ name }}", variable(default="<|im_end|>"))))

    assert error is not None
    assert (error.reason, error.path) == ("RoleMarker", "spec.content.variables[0].default")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(
            text("a", variable()),
            'UnusedVariable: spec.content.variables[0]: variable "name" is declared and never used: did you mean {{ name }}?',
            id="T31 required and unused",
        ),
        pytest.param(
            text("a", variable(default="b")),
            'UnusedVariable: spec.content.variables[0]: variable "name" is declared and never used: did you mean {{ name }}?',
            id="unused though it has a default",
        ),
        pytest.param(
            text("Hi\n {name}", variable()),
            "UnusedVariable: spec.content.text: line 2, column 2: {name} is text, and name is declared and never used: did you mean {{ name }}?",
            id="braces of Python",
        ),
        pytest.param(
            text("Hi ${name}", variable()),
            "UnusedVariable: spec.content.text: line 1, column 4: ${name} is text, and name is declared and never used: did you mean {{ name }}?",
            id="braces of shells",
        ),
        pytest.param(
            text(" \n\t\u3000"),
            "EmptyText: spec.content.text: there is nothing but blanks in it: write the text, or remove it",
            id="nothing but blanks",
        ),
        pytest.param(
            chat(("system", "a"), ("user", "")),
            "EmptyText: spec.content.messages[1].content: there is nothing but blanks in it: write the text, or remove it",
            id="an empty message",
        ),
        pytest.param(
            {
                "messages": [{"placeholder": "h", "roles": ["system", "user"]}],
                "variables": [{"name": "h", "type": "list", "itemType": "message"}],
            },
            "InvalidMessages: spec.content.messages[0].roles: callers would speak as system: leave it out unless you trust whoever gives the history",
            id="a history in which callers give instructions",
        ),
        pytest.param(
            text("{{ name }}", variable(unicode="raw")),
            "InvalidCharacter: spec.content.variables[0].unicode: unicode: raw lets hidden characters of an untrusted value reach the model: leave it out unless they are needed",
            id="T28 unicode: raw",
        ),
        pytest.param(
            text("\n# System:\nHelp.\n\nuser:\nHi"),
            "RoleMarker: spec.content.text: # System: is text here, and no message begins with it: write messages, as in {role: system, content: …}",
            id="messages as Prompty writes them",
        ),
        pytest.param(
            text('<message role="user">Hi</message>'),
            'RoleMarker: spec.content.text: <message role="user" is text here, and no message begins with it: write messages, as in {role: user, content: …}',
            id="messages as Semantic Kernel writes them",
        ),
        pytest.param(
            text("---\nname: greeting\nmodel: a/b\n---\nHi"),
            "TemplateSyntax: spec.content.text: line 1, column 1: what stands between two lines of dashes is text here, model: too; write variables, parameters and models beside the text",
            id="settings above the text, as in Prompty's and Dotprompt's files",
        ),
        pytest.param(
            text("a\u200bb"),
            "InvalidCharacter: spec.content.text: line 1, column 2: an invisible character (U+200B): remove it unless the script needs it",
            id="zero-width space",
        ),
        pytest.param(
            text("a\u3164b"),
            "InvalidCharacter: spec.content.text: line 1, column 2: an invisible character (U+3164): remove it unless the script needs it",
            id="a filler",
        ),
        pytest.param(
            text("a\uf8ffb"),
            "InvalidCharacter: spec.content.text: line 1, column 2: a character that means something else in every font (U+F8FF): write what it stands for",
            id="private use",
        ),
        pytest.param(
            text("a", responseFormat={"type": "json_schema", "schema": {}}),
            'InvalidSpec: spec.content.responseFormat.name: OpenAI and those who speak its form ask for a name, and are told "answer": declare one',
            id="a schema without a name",
        ),
        pytest.param(
            text("a", models=[{"match": "a/*", "text": "b"}, {"match": "a/?-*", "text": "c"}]),
            'InvalidSpec: spec.content.models[1].match: it is never taken, for "a/*" above it matches every model of it: move it up, or remove it',
            id="a pattern of models behind a wider one",
        ),
        pytest.param(
            text("a", models=[{"match": "a/*"}]),
            "InvalidSpec: spec.content.models[0]: nothing differs for these models: give it text, messages or parameters, or remove it",
            id="a variant that differs in nothing",
        ),
        pytest.param(
            text("a", parameters={"topP": 1}, models=[{"match": "a/*", "text": "a", "parameters": {"topP": 1}}]),
            "InvalidSpec: spec.content.models[0]: nothing differs for these models: give it text, messages or parameters, or remove it",
            id="a variant that says the same again",
        ),
        pytest.param(
            text("a", parameters={"extra": {"temperature": 0.5}}),
            "InvalidSpec: spec.content.parameters.extra.temperature: there is a field for it, which every format spells as its provider does: write parameters.temperature",
            id="a parameter among the further ones",
        ),
        pytest.param(
            text("a", parameters={"extra": {"model": "gpt-5"}}),
            "InvalidSpec: spec.content.parameters.extra.model: callers name the model, and theirs takes its place: remove it; what differs for models stands under models",
            id="a model among the parameters",
        ),
        pytest.param(
            text("{{ name }}", variable(optional=True, default="a")),
            "InvalidVariable: spec.content.variables[0].optional: with a default it is never absent: remove one of the two",
            id="optional in vain",
        ),
        pytest.param(
            text("{{ name }}", variable(trust="trusted", unicode="raw")),
            "InvalidVariable: spec.content.variables[0].unicode: a trusted value is not cleaned anyway: remove it",
            id="raw and trusted",
        ),
        pytest.param(
            text("{{ name }}", variable(type="integer", unicode="raw")),
            "InvalidVariable: spec.content.variables[0].unicode: there is no text in it, the type is integer: remove it",
            id="raw numbers",
        ),
        pytest.param(
            text("a", parameters={"stop": ["x", "y", "x"]}),
            "InvalidSpec: spec.content.parameters.stop[2]: the same sequence stands here twice: remove one",
            id="a stop sequence twice",
        ),
        pytest.param(
            {
                "messages": [{"placeholder": "h", "roles": ["user", "user"]}],
                "variables": [{"name": "h", "type": "list", "itemType": "message"}],
            },
            "InvalidSpec: spec.content.messages[0].roles[1]: the same role stands here twice: remove one",
            id="a role twice",
        ),
        pytest.param(
            {
                "messages": [{"placeholder": "h"}, {"placeholder": "h"}],
                "variables": [{"name": "h", "type": "list", "itemType": "message"}],
            },
            'InvalidSpec: spec.content.messages[1].placeholder: the messages of "h" stand here a second time: remove one of the places',
            id="a history twice",
        ),
        pytest.param(
            text(
                "{% include 'r' %}{% include 's' %}",
                includes=[{"alias": alias, "promptRef": {"name": "rules"}, "version": "1.0.0"} for alias in ("r", "s")],
            ),
            'InvalidSpec: spec.content.includes[1]: it is the version that "r" is: include it by that alias, and remove this one',
            id="a version included under two aliases",
        ),
    ],
)
def test_a_warning_forbids_nothing(content: dict[str, Any], sentence: str) -> None:
    findings = check_content(content)

    assert [f"{each.reason}: {each.sentence}" for each in findings] == [sentence]
    assert combined(findings) is None


def test_a_variant_that_differs_in_nothing_keeps_its_models_from_a_wider_one() -> None:
    assert check_content(text("a", models=[{"match": "a/b"}, {"match": "a/*", "text": "c"}])) == ()


def test_a_parameter_of_a_variant_may_not_stand_among_the_further_ones_of_all() -> None:
    variants = [{"match": "a/*", "parameters": {"topP": 1}}]

    error = combined(check_content(text("a", parameters={"extra": {"top_p": 0.5}}, models=variants)))

    assert error is not None
    assert error.path == "spec.content.models[0].parameters.topP"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param({}, "InvalidSpec: spec.content: exactly one of text and messages", id="neither text nor messages"),
        pytest.param(
            {"text": "a", "messages": [{"role": "user", "content": "b"}]},
            "InvalidSpec: spec.content: exactly one of text and messages",
            id="both",
        ),
        pytest.param("text", "InvalidSpec: spec.content: must be an object, not a string", id="a string"),
        pytest.param(None, "InvalidSpec: spec.content: must be an object, not null", id="nothing"),
        pytest.param({"text": 1}, "InvalidSpec: spec.content.text: must be a string, not a number", id="wrong type"),
        pytest.param(
            text("a", parameters={"temperature": 10**400}),
            "InvalidSpec: spec.content.parameters.temperature: is a number beyond what a program can hold: write a smaller one",
            id="a number of 400 digits",
        ),
        pytest.param(
            {"txt": "a", "text": "b"}, "InvalidSpec: spec.content.txt: is not a field of this kind", id="unknown field"
        ),
        pytest.param(
            chat(("robot", "a")),
            'InvalidSpec: spec.content.messages[0].role: must be one of "system", "developer", "user", "assistant" or "tool"',
            id="T32 unknown role",
        ),
        pytest.param(
            {"messages": []}, "InvalidSpec: spec.content.messages: must have at least 1 items", id="no messages"
        ),
        pytest.param(
            chat(*[("user", "a")] * 65),
            "InvalidSpec: spec.content.messages: must have at most 64 items",
            id="T32 too many messages",
        ),
        pytest.param(
            text("x" * 65537),
            "InvalidSpec: spec.content.text: must have at most 65536 characters",
            id="T26 too long a template",
        ),
        pytest.param(
            text("a", variable(type="array")),
            'InvalidSpec: spec.content.variables[0].type: must be one of "string", "integer", "number", "boolean", "list" or "object"',
            id="unknown type",
        ),
        pytest.param(
            text("a", {"name": "x"}), "InvalidSpec: spec.content.variables[0].type: is required", id="no type"
        ),
        pytest.param(
            text("a", variable("nаme")),
            f"InvalidSpec: spec.content.variables[0].name: {VARIABLE_NAME.message}",
            id="Cyrillic letter in a name",
        ),
        pytest.param(
            text("a", parameters={"maxTokens": 0}),
            "InvalidSpec: spec.content.parameters.maxTokens: must be at least 1",
            id="below the bound",
        ),
        pytest.param(
            text("a", parameters={"temperature": "1"}),
            "InvalidSpec: spec.content.parameters.temperature: must be a number, not a string",
            id="string for a number",
        ),
        pytest.param(
            text("a", parameters={"extra": {"n": 2**60}}),
            "InvalidNumber: spec.content.parameters.extra.n: must be a finite number between -9007199254740991 and 9007199254740991: write it as a string",
            id="a number JSON readers disagree about",
        ),
        pytest.param(
            text("x" * 60000, parameters={"extra": "y" * 80000}),
            "ContentTooLarge: spec.content: has 140052 bytes as canonical JSON, at most 131072 are allowed: shorten it, or pass long passages as variables",
            id="M15 too large in all",
        ),
    ],
)
def test_content_of_the_wrong_shape_or_size_is_refused(content: object, sentence: str) -> None:
    assert said(content) == [sentence]


def test_all_findings_are_there_errors_first() -> None:
    content = text("{{ a }} {{ b }}\u200b", variable("c"), variable("c", optional=True))

    reasons = [finding.reason for finding in check_content(content)]

    assert reasons == [
        "DuplicateVariable",
        "UndeclaredVariable",
        "UndeclaredVariable",
        "InvalidCharacter",
        "UnusedVariable",
        "UnusedVariable",
    ]


def test_paths_are_seen_from_where_the_content_stands() -> None:
    (finding,) = check_content(text("{{ x }}"), path="spec.source.content")

    assert finding.path == "spec.source.content.text"


def test_a_finding_without_a_place_is_its_message() -> None:
    assert Finding("InvalidSpec", "is wrong").sentence == "is wrong"


def test_errors_that_are_mended_together_are_told_together() -> None:
    content = text("{{ a }} {{ b }}\u200b", variable("c"), variable("c", optional=True))

    error = combined(check_content(content, path="spec.content"))

    assert error is not None
    assert error.reason == "DuplicateVariable"
    assert error.sentence == (
        'spec.content.variables[1].name: variable "c" is declared twice: remove one of the declarations; '
        'spec.content.text: line 1, column 4: variable "a" is not declared: declare it under variables; '
        'spec.content.text: line 1, column 12: variable "b" is not declared: declare it under variables'
    )


def test_many_errors_are_counted() -> None:
    names = [f"v{number}" for number in range(9)]

    error = combined(check_content(text(" ".join(f"{{{{ {name} }}}}" for name in names))))

    assert error is not None
    assert error.message.count("is not declared") == 5
    assert error.message.endswith("; and 4 more")


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [("*/*", "?/b"), ("a/?*", "a/*"), ("a/?", "a/*"), ("a/b*c", "a/b*"), ("a/*-mini", "a/*"), ("a/gpt-4", "a/gpt-4o")],
)
def test_a_pattern_is_not_said_to_be_hidden_while_it_is_not(wide: str, narrow: str) -> None:
    hidden = {"models": [{"match": wide, "text": "b"}, {"match": narrow, "text": "c"}]}

    assert bool(said(text("a", **hidden))) is (wide == "*/*")


def test_patterns_of_nothing_but_stars_are_compared_at_once() -> None:
    models = [{"match": f"a/{'*a' * 95}{index:x}", "text": "b"} for index in range(16)]
    begun = time.process_time()
    check_content(text("a", models=models))

    assert time.process_time() - begun < 2
