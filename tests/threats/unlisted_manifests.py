"""Hostile manifests of the kinds that the threat list has, and neither it nor anything here lists."""

from __future__ import annotations

from typing import Any, Final

from tests.support.manifests import Manifest, prompt, tenant, version

X: Final[dict[str, Any]] = {"name": "x", "type": "string"}


def _version(content: dict[str, Any] | None = None, number: str = "1.0.0", **spec: Any) -> Manifest:
    return version("threat", number, content or {"text": "Hi"}, **spec)


def _named(manifest: Manifest, name: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


def _deep_variable(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {"name": "a", "type": "string"}
    for _ in range(levels):
        made = {"name": "a", "type": "object", "properties": [made]}
    return made


VERSIONS: Final[dict[str, Manifest]] = {
    "a number with a v": _version(number="v1.0.0"),
    "a number of two parts": _version(number="1.0"),
    "a number with a zero in front": _version(number="1.01.0"),
    "a number with what was built": _version(number="1.0.0+build"),
    "a number in capitals": _version(number="1.0.0-RC1"),
    "a number without end": _version(number="1.0." + "9" * 60),
    "a number in other digits": _version(number="1.0.\u0660"),
    "a name that says another number": _named(_version(), "threat-2.0.0"),
    "a name that says another prompt": _named(_version(), "other-1.0.0"),
    "a name with a star": _named(_version(), "threat*-1.0.0"),
    "neither text nor messages": _version({"variables": [X]}),
    "text and messages": _version({"text": "a", "messages": [{"role": "user", "content": "a"}]}),
    "no messages": _version({"messages": []}),
    "one message more than there may be": _version({"messages": [{"role": "user", "content": "a"}] * 65}),
    "one variable more than there may be": _version({"text": "a", "variables": [{"name": f"v{each}", "type": "string"} for each in range(101)]}),
    "one variant more than there may be": _version({"text": "a", "models": [{"match": f"a/{each}"} for each in range(17)]}),
    "one include more than there may be": _version({"text": "a", "includes": [{"alias": f"a{each}", "promptRef": {"name": "b"}, "version": "1.0.0"} for each in range(17)]}),
    "one stop more than there may be": _version({"text": "a", "parameters": {"stop": ["a"] * 17}}),
    "one function more than there may be": _version({"text": "a", "tools": [{"name": f"f{each}"} for each in range(65)]}),
    "one test more than there may be": _version(tests=[{"name": f"t{each}", "expect": [{"contains": "H"}]} for each in range(33)]),
    "a text one character too long": _version({"text": "a" * (64 * 1024 + 1)}),
    "messages that are too much together": _version({"messages": [{"role": "user", "content": "a" * 60_000}] * 3}),
    "a variable twice": _version({"text": "{{ x }}", "variables": [X, X]}),
    "a variable named as no variable is": _version({"text": "a", "variables": [{"name": "__proto__", "type": "string"}]}),
    "a variable in Cyrillic": _version({"text": "a", "variables": [{"name": "n\u0430me", "type": "string"}]}),
    "a variable of no type": _version({"text": "a", "variables": [{"name": "x", "type": "str"}]}),
    "a variable of fields as deep as thirty": _version({"text": "a", "variables": [_deep_variable(30)]}),
    "a default beyond its bounds": _version({"text": "{{ n }}", "variables": [{"name": "n", "type": "integer", "default": 7, "maximum": 6}]}),
    "a default that hides what follows": _version({"text": "{{ x }}", "variables": [{**X, "default": "a\u202eb"}]}),
    "bounds the wrong way round": _version({"text": "{{ x }}", "variables": [{**X, "minLength": 5, "maxLength": 4}]}),
    "a choice of nothing": _version({"text": "{{ x }}", "variables": [{**X, "enum": []}]}),
    "a choice of ten thousand": _version({"text": "{{ x }}", "variables": [{**X, "enum": [f"e{each}" for each in range(10_000)]}]}),
    "a format that is none": _version({"text": "{{ x }}", "variables": [{**X, "format": "^(a+)+$"}]}),
    "a pattern": _version({"text": "{{ x }}", "variables": [{**X, "pattern": "^(a+)+$"}]}),
    "a bound that no number is": _version({"text": "{{ n }}", "variables": [{"name": "n", "type": "number", "maximum": "inf"}]}),
    "a test's expression that is none": _version(tests=[{"name": "t", "expect": [{"matches": "("}]}]),
    "a test's expression that looks back": _version(tests=[{"name": "t", "expect": [{"matches": "(?<=a+)b"}]}]),
    "a test that expects nothing": _version(tests=[{"name": "t", "expect": []}]),
    "a test of two kinds": _version(tests=[{"name": "t", "expect": [{"contains": "a", "equals": "b"}]}]),
    "parameters as deep as forty levels": _version({"text": "a", "parameters": {"extra": _nested(40)}}),
    "a parameter that is a number beyond all readers": _version({"text": "a", "parameters": {"extra": {"a": 2**62}}}),
    "a parameter nobody knows": _version({"text": "a", "parameters": {"temprature": 1}}),
    "a schema as deep as forty levels": _version({"text": "a", "responseFormat": {"type": "json_schema", "name": "a", "schema": _nested(40)}}),
    "a function of a name with a dot": _version({"text": "a", "tools": [{"name": "os.system"}]}),
    "a pattern of models that says nothing": _version({"text": "a", "models": [{"match": ""}]}),
    "a pattern of models with a regular expression": _version({"text": "a", "models": [{"match": "(a+)+/.*$"}]}),
    "an include of itself": _version({"text": '{% include "me" %}', "includes": [{"alias": "me", "promptRef": {"name": "threat"}, "version": "1.0.0"}]}),
    "an include by an address": _version({"text": "a", "includes": [{"alias": "a", "promptRef": {"name": "http://a/b"}, "version": "1.0.0"}]}),
    "an include of another namespace": _version({"text": "a", "includes": [{"alias": "a", "promptRef": {"name": "b", "namespace": "other"}, "version": "1.0.0"}]}),
    "an include of any version": _version({"text": "a", "includes": [{"alias": "a", "promptRef": {"name": "b"}, "version": "latest"}]}),
    "an alias with a path": _version({"text": "a", "includes": [{"alias": "../a", "promptRef": {"name": "b"}, "version": "1.0.0"}]}),
    "a lifecycle that is none": _version(lifecycle="Active"),
    "a reference to a Secret": _version({"text": "a", "secretRef": {"name": "b"}}),
    "labels without end": _version(metadata={f"k{each}": "v" for each in range(65)}),
    "a change's text without end": _version(changelog="a" * 5_000),
}  # fmt: skip

OTHERS: Final[dict[str, Manifest]] = {
    "a prompt with a dot in its name": prompt("a.b", activeVersion="1.0.0"),
    "a prompt with a name that is too long": prompt("a" * 64, activeVersion="1.0.0"),
    "an id that climbs": prompt("threat", promptId="a/../b"),
    "an id that begins with a slash": prompt("threat", promptId="/etc/passwd"),
    "an id with a blank": prompt("threat", promptId="a b"),
    "an id of look-alikes": prompt("threat", promptId="p\u0430yment"),
    "a version that is a range": prompt("threat", activeVersion=">=1.0.0"),
    "a version with a line end": prompt("threat", activeVersion="1.0.0\n"),
    "a digest of another kind": prompt("threat", activeVersion="1.0.0", activeDigest="md5:" + "a" * 32),
    "a digest in capitals": prompt("threat", activeVersion="1.0.0", activeDigest="sha256:" + "A" * 64),
    "values of another namespace": prompt("threat", valuesFrom=[{"configMapName": "a", "namespace": "b"}]),
    "values of a Secret": prompt("threat", valuesFrom=[{"secretName": "a"}]),
    "more values than there may be": prompt("threat", valuesFrom=[{"configMapName": f"a{each}"} for each in range(9)]),
    "a source from an address": prompt("threat", source={"url": "http://169.254.169.254/"}),
    "a source of a key alone and of content": prompt("threat", source={"configMapKeyRef": {"name": "a", "key": "b", "format": "yaml"}, "content": {"text": "a"}}),
    "a source that cannot be rendered": prompt("threat", source={"content": {"text": "{{ x }}"}}),
    "a source with a chat's token": prompt("threat", source={"content": {"text": "<|im_start|>"}}),
    "an age that is none": prompt("threat", maxStaleness="1d"),
    "an age below what is confirmed": prompt("threat", maxStaleness="1s"),
    "a history of nothing": prompt("threat", historyLimit=0),
    "a history without end": prompt("threat", historyLimit=10**6),
    "a field nobody knows": prompt("threat", actveVersion="1.0.0"),
    "a kill switch of text": prompt("threat", disabled="false"),
    "a tenant of the cluster's own namespace": tenant("threat", "kube-system"),
    "a tenant of every namespace": tenant("threat", "*"),
    "a tenant of no namespace": tenant("threat"),
    "a tenant with values nobody can read": {**tenant("threat", "a"), "spec": {"namespaces": ["a"], "values": {"x": ["a"]}}},
    "a tenant with parameters as deep as forty": {**tenant("threat", "a"), "spec": {"namespaces": ["a"], "defaults": {"parameters": {"extra": _nested(40)}}}},
    "a tenant whose limit is below nothing": {**tenant("threat", "a"), "spec": {"namespaces": ["a"], "limits": {"prompts": -1}}},
}  # fmt: skip
