"""What is wrong with the declaration of a variable, and where."""

from typing import Any

import pytest

from promptops.domain.content.declarations import check_declaration, read_variable


def declared(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "type": "string"} | fields


NAME_RULE = "a name is a lower case letter followed by at most 62 lower case letters, digits and underscores"


@pytest.mark.parametrize(
    ("variable", "objections"),
    [
        pytest.param(declared(), [], id="a plain string"),
        pytest.param(declared(name="self"), [], id="self is a name like any other"),
        pytest.param(declared(name="not"), ["v.name: not is a word of the language and cannot be a variable's name"], id="reserved word"),
        pytest.param(declared(name="__class__"), [f"v.name: '__class__' is not a variable's name: {NAME_RULE}"], id="dunder name"),
        pytest.param(declared(name="x\n"), [f"v.name: 'x\\n' is not a variable's name: {NAME_RULE}"], id="line end after the name"),
        pytest.param(declared(default="a", enum=["a", "b"]), [], id="default in enum"),
        pytest.param(declared(default="c", enum=["a", "b"]), ["v.default: the default must be one of a, b"], id="default not in enum"),
        pytest.param(declared(default="abc", maxLength=2), ["v.default: the default has 3 characters, more than 2"], id="default too long"),
        pytest.param(declared(default=1), ["v.default: the default must be a string, not an integer"], id="integer default of a string"),
        pytest.param(declared(default=None), ["v.default: the default must be a string, not null"], id="null default"),
        pytest.param(declared(default="a\u202eb"), ["v.default: the default cannot be rendered as it stands: it contains a bidirectional control (U+202E) at character 2"], id="bidi default"),
        pytest.param(declared(type="integer", default=True), ["v.default: the default must be an integer, not a boolean"], id="boolean is no integer"),
        pytest.param(declared(type="integer", default=1.0), ["v.default: the default must be an integer, not a number with a fraction or exponent"], id="1.0 is no integer"),
        pytest.param(declared(type="number", default=1, minimum=0, maximum=2), [], id="an integer is a number"),
        pytest.param(declared(type="number", default=3, maximum=2.0), ["v.default: the default is above the maximum 2"], id="default above maximum"),
        pytest.param(declared(type="number", default=float("nan")), ["v.default: the default must be a finite number"], id="NaN default"),
        pytest.param(declared(type="integer", default=2**53), ["v.default: the default is beyond ±(2^53 - 1), where JSON parsers disagree"], id="huge default"),
        pytest.param(declared(type="boolean", default=False), [], id="boolean default"),
        pytest.param(declared(type="boolean", enum=["a"]), ["v.enum: enum is for strings, the type is boolean"], id="enum of booleans"),
        pytest.param(declared(minimum=1), ["v.minimum: minimum is for numbers, the type is string"], id="minimum of a string"),
        pytest.param(declared(minLength=3, maxLength=2), ["v.minLength: minLength is above maxLength: no value fits"], id="no length fits"),
        pytest.param(declared(type="number", minimum=3, maximum=2), ["v.minimum: minimum is above maximum: no value fits"], id="no number fits"),
        pytest.param(declared(enum=["a", "b", "a"]), ["v.enum[2]: the same value stands here twice: remove one"], id="enum value twice"),
        pytest.param(declared(enum=["a\u200b"]), ["v.enum[0]: no caller can give this value: invisible characters were taken out"], id="enum value that is never equal"),
        pytest.param(declared(type="list", itemType="string", maxLength=3, maxItems=2, default=["abc"]), [], id="a list of strings"),
        pytest.param(declared(type="list", itemType="string", minItems=3, maxItems=2), ["v.minItems: minItems is above maxItems: no value fits"], id="no count fits"),
        pytest.param(declared(maxItems=2, itemType="string"), ["v.maxItems: maxItems is for lists, the type is string", "v.itemType: itemType is for lists, the type is string"], id="items of a string"),
        pytest.param(declared(type="list", itemType="integer", enum=["a"]), ["v.enum: enum is for strings, the type is list of integer"], id="enum of a list of integers"),
        pytest.param(declared(type="list", itemType="string", default=["a", 1]), ["v.default: the default: x[1] must be a string, not an integer"], id="default with a wrong item"),
        pytest.param(declared(type="list", itemType="string", maxItems=1, default=["a", "b"]), ["v.default: the default has 2 items, more than 1"], id="default with too many items"),
        pytest.param(declared(type="object", properties=[{"name": "a", "type": "string"}], default={"a": "b"}), [], id="an object"),
        pytest.param(declared(type="object", properties=[{"name": "a", "type": "string"}], default={"b": "b"}), ["v.default: the default: x.a is missing", "v.default: the default: x.b is not declared"], id="default with another field"),
        pytest.param(declared(type="object", properties=[{"name": "a", "type": "string"}, {"name": "a", "type": "string", "minimum": 1}]), ["v.properties[1].minimum: minimum is for numbers, the type is string", 'v.properties[1].name: field "a" is declared twice: remove one of the declarations'], id="field declared twice"),
        pytest.param(declared(properties=[{"name": "a", "type": "string"}]), ["v.properties: properties are for objects, the type is string"], id="fields of a string"),
        pytest.param(declared(type="object", properties=[{"name": "if", "type": "string"}]), ["v.properties[0].name: if is a word of the language and cannot be a variable's name"], id="reserved word as a field"),
        pytest.param(declared(type="list", itemType="message", fromValues=True), ["v.fromValues: a history comes from the caller alone"], id="history from values"),
        pytest.param(declared(type="list"), ["v: the list may hold anything, and nothing of it is checked: declare itemType"], id="a list of anything"),
        pytest.param(declared(type="list", itemType="object"), ["v: objects may have any fields, and a misspelt one is not noticed before a render: declare properties"], id="a list of any objects"),
        pytest.param(declared(type="object"), ["v: objects may have any fields, and a misspelt one is not noticed before a render: declare properties"], id="any object"),
        pytest.param(declared(type="object", properties=[{"name": "a", "type": "list"}]), ["v.properties[0]: the list may hold anything, and nothing of it is checked: declare itemType"], id="a list of anything as a field"),
        pytest.param(declared(format="email", default="ada"), ["v.default: the default must be an address such as ada@example.com"], id="default of another format"),
        pytest.param(declared(type="integer", format="date"), ["v.format: format is for strings, the type is integer"], id="format of an integer"),
        pytest.param(declared(name="X", type="integer", minLength=1, default="1"), [f"v.name: 'X' is not a variable's name: {NAME_RULE}", "v.minLength: minLength is for strings, the type is integer", "v.default: the default must be an integer, not a string"], id="everything at once"),
    ],
)  # fmt: skip
def test_check_declaration(variable: dict[str, Any], objections: list[str]) -> None:
    found = check_declaration(read_variable(variable), "v")

    assert [f"{objection.path}: {objection.message}" for objection in found] == objections
