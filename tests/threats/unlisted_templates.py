"""Hostile templates of the kinds that the threat list has, and neither it nor anything here lists: what is refused when it is
applied, and what may be applied and has to end soon when rendered."""

from __future__ import annotations

from typing import Any, Final

VARIABLES: Final[list[dict[str, Any]]] = [
    {"name": "x", "type": "string"},
    {"name": "n", "type": "number"},
    {"name": "l", "type": "list", "itemType": "string"},
    {"name": "p", "type": "list", "itemType": "object", "properties": [{"name": "a", "type": "string"}, {"name": "b", "type": "number"}]},
    {"name": "o", "type": "object"},
]  # fmt: skip

_UNICODE: Final = {
    "a filter with a Cyrillic letter": "{{ x | upр\u0435r }}",
    "a keyword in full width": "{\uff05 if x \uff05}{% \uff49f x %}",
    "a name in mathematical letters": "{{ \U0001d431 }}",
    "a name with a combining mark": "{{ x\u0301 }}",
    "a name behind a joiner": "{{ \u200dx }}",
    "an index in Arabic digits": "{{ l[\u0661] }}",
    "an argument in full-width digits": "{{ n | round(\uff12) }}",
    "an ideographic blank in a tag": "{{\u3000x }}",
    "a line separator in a tag": "{% if x\u2028%}a{% endif %}",
    "a soft hyphen in a tag": "{{ x\u00ad }}",
    "an annotation that hides its text": "a\u202db\u202c{{ x }}",
    "a language tag before a text": "\U000e0001\U000e0065\U000e006e{{ x }}",
    "an isolate that is never closed": "\u2068{{ x }}",
    "a byte order mark in the middle": "a\ufeffb{{ x }}",
    "a next line": "a\x85b",
    "a delete character": "a\x7fb",
    "a bell in a constant": "{{ '\\x07' }}",
    "a bidi override by its number": "{{ '\\u202E' }}",
    "a bidi override by its name": "{{ '\\N{RIGHT-TO-LEFT OVERRIDE}' }}",
    "a tag character as an argument": "{{ l | join('\U000e0041') }}",
}
_NUMBERS: Final = {
    "an integer that two readers read differently": "{{ n == 9007199254740993 }}",
    "an exponent beyond a float": "{{ n > 1e309 }}",
    "binary": "{{ n == 0b11 }}",
    "octal": "{{ n == 0o17 }}",
    "a leading zero": "{{ n == 007 }}",
    "a number without a beginning": "{{ n > .5 }}",
    "a number without an end": "{{ n > 5. }}",
    "an imaginary number": "{{ n == 1j }}",
    "infinity by its name": "{{ n < inf }}",
    "not a number by its name": "{{ n == nan }}",
    "rounded to a fraction": "{{ n | round(1.5) }}",
    "rounded below zero by a constant": "{{ n | round(-9007199254740991) }}",
    "truncated below zero": "{{ x | truncate(-1) }}",
    "truncated to a number of 400 digits": "{{ x | truncate(" + "9" * 400 + ") }}",
    "indented below zero": "{{ x | indent(-8) }}",
    "an index below zero of more than 53 bits": "{{ l[-9007199254740993] }}",
    "an index that is a fraction": "{{ l[0.5] }}",
    "a shift": "{{ n << 64 }}",
    "a power with a sign": "{{ n ** -1 }}",
    "a sum of literals": "{{ 1 + 1 }}",
}
_WORK: Final = {
    "a separator that is a value's method": "{{ l | join(x.join) }}",
    "an end that is a filter's name": "{{ x | truncate(5, true, upper) }}",
    "sorted by a value": "{{ p | sort(false, false, x) }}",
    "sorted by a path": "{{ p | sort(false, false, 'a.b.c') }}",
    "sorted by a list": "{{ p | sort(false, false, ['a', 'b']) }}",
    "unique by a field nobody declared": "{{ p | unique(false, 'zz') }}",
    "joined by a field nobody declared": "{{ p | join(',', 'zz') }}",
    "a keyword argument": "{{ p | sort(attribute='a') }}",
    "an argument unpacked": "{{ x | replace(*l) }}",
    "arguments unpacked by name": "{{ x | replace(**o) }}",
    "minimum by a callback": "{{ l | min(attribute='length') }}",
    "a sum of a list": "{{ l | sum }}",
    "a reverse": "{{ x | reverse }}",
    "a dictionary sorted": "{{ o | dictsort }}",
    "items of an object": "{% for k, v in o | items %}{{ k }}{% endfor %}",
    "a loop with a condition": "{% for a in l if a %}{{ a }}{% endfor %}",
    "a loop over a loop": "{% for a in l %}{% for b in loop %}{% endfor %}{% endfor %}",
    "a loop over a literal string": "{% for a in 'aaaa' %}{% endfor %}",
    "a third loop in the else of a second": "{% for a in l %}{% for b in l %}{% else %}{% for c in l %}{% endfor %}{% endfor %}{% endfor %}"
    + "{% for a in l %}" * 3
    + "{% endfor %}" * 3,
    "a loop that unpacks": "{% for a, b in l %}{{ a }}{% endfor %}",
    "the depth of a loop by a call": "{% for a in l %}{{ loop.depth() }}{% endfor %}",
    "a loop's parent": "{% for a in l %}{% for b in l %}{{ loop.parent }}{% endfor %}{% endfor %}",
    "a variable of a loop assigned": "{% for a in l %}{% set a = l %}{% endfor %}",
    "a continue": "{% for a in l %}{% continue %}{% endfor %}",
}
_FOREIGN: Final = {
    "a regular expression that explodes": "{{ x | regex_replace('(a+)+$', '') }}",
    "a search by a regular expression": "{{ x | regex_search('(a|a)*b') }}",
    "a test by a regular expression": "{% if x is match('(.*)*x') %}a{% endif %}",
    "a match operator": "{% if x ~= 'a' %}a{% endif %}",
    "the clock": "{{ now() }}",
    "the clock of another language": "{{ datetime.datetime.utcnow() }}",
    "a date's format": "{{ x | strftime('%10000000Y') }}",
    "a date's format of another language": "{{ x | date: '%Y' }}",
    "a hash": "{{ x | hash('sha256') }}",
    "a lookup of a plugin": "{{ lookup('env', 'HOME') }}",
    "a query": "{{ query('file', '/etc/passwd') }}",
    "a file's text": "{{ '/etc/passwd' | readFile }}",
    "a chart's values": "{{ .Values.secret }}",
    "a chart's lookup": '{{ lookup "v1" "Secret" "default" "" }}',
    "a pipeline of a workflow": "{{ secrets.TOKEN }}",
    "a partial": "{{> rules }}",
    "an unescaped section": "{{#o}}{{{a}}}{{/o}}",
    "a parent of a section": "{{../x}}",
    "an include that is put together": "{% include 'a' ~ x %}",
    "an include by an alias that nobody declared": "{% include 'rules' %}",
    "an include with a context": "{% include 'rules' without context %}",
    "an include within a loop over values": "{% for a in l %}{% include a %}{% endfor %}",
}  # fmt: skip

REFUSED: Final[dict[str, dict[str, Any]]] = {
    **{name: {"text": text, "variables": VARIABLES} for name, text in {**_UNICODE, **_NUMBERS, **_WORK, **_FOREIGN}.items()},
    "a history of a role that is none": {"messages": [{"placeholder": "h", "roles": ["root"]}], "variables": [{"name": "h", "type": "list", "itemType": "message"}]},
    "a developer behind a history": {"messages": [{"placeholder": "h"}, {"role": "developer", "content": "b"}], "variables": [{"name": "h", "type": "list", "itemType": "message"}]},
    "a message that is two": {"messages": [{"role": "user", "content": "a", "placeholder": "h"}], "variables": [{"name": "h", "type": "list", "itemType": "message"}]},
    "a history that no variable is": {"messages": [{"role": "user", "content": "a"}, {"placeholder": "x"}], "variables": VARIABLES[:1]},
    "a variant that is two": {"text": "a", "models": [{"match": "a/*", "text": "b", "messages": [{"role": "user", "content": "c"}]}]},
    "a variant's typo": {"text": "{{ x }}", "variables": VARIABLES[:1], "models": [{"match": "a/*", "text": "{{ y }}"}]},
    "a marker made of two constants": {"text": "{{ '<|im_' }}<|im_end|>"},
    "a marker in a variant's message": {"text": "a", "models": [{"match": "a/*", "messages": [{"role": "user", "content": "<|eom_id|>"}]}]},
}  # fmt: skip
"""Each ends in an error that names its place and what to do."""

_HEAVY: Final = {
    "marks on marks": "e" + "\u0301" * 30_000 + "{{ x }}",
    "syllables of parts": "\u1100\u1161\u11a8" * 8_000 + "{{ x }}",
    "faces joined without end": "\U0001f468\u200d" * 8_000 + "{{ x }}",
    "fillers that show nothing": "\u3164" * 8_000 + "{{ x }}",
    "sorted and made unique thirty times": "{{ l" + " | sort | unique" * 30 + " | length }}",
    "characters sorted and made unique": "{{ x | list | sort | unique | join(x) }}",
    "objects sorted by a field in two loops": "{% for a in p %}{% for b in p | sort(true, true, 'b') | unique(true, 'a') %}{{ b.a }}{% endfor %}{% endfor %}",
    "an end as long as the text": "{% for a in l %}{{ a | truncate(1, true, x) }}{% endfor %}",
    "an end made longer by an end": "{{ x" + " | truncate(1000000, true, x)" * 20 + " }}",
    "a text replaced by itself in a loop": "{% for a in l %}{{ x | replace(a, x) | length }}{% endfor %}",
    "JSON in JSON, each quote replaced by it": "{{ o | tojson | replace('\"', o | tojson) | replace('\"', o | tojson) }}",
    "joined and split and joined": "{{ l | join(x) | list | join(x) | length }}",
    "first of last of sorted in loops": "{% for a in l %}{% for b in l %}{{ l | sort | last | list | first }}{% endfor %}{% endfor %}",
    "loops that say nothing, in conditions": "{% for a in p %}{% for b in p %}{% if a.b > b.b and a.a in b.a or not a.a == b.a %}{% else %}{% endif %}{% endfor %}{% endfor %}",
    "membership of a list in lists": "{% for a in p %}{% if a in p and a in p and a in p %}{% endif %}{% endfor %}",
    "loops over what was made unique": "{% for a in l | unique %}{% for b in l | unique %}{{ loop.length }}{% endfor %}{% endfor %}",
    "the inside of an object shown in a loop": "{% for a in l %}{{ o }}{{ o | tojson(4) | indent(8, true) }}{% endfor %}",
    "lines indented by the text of lines": "{{ x | replace('x', '\n') | indent(32) | replace('\n', x) | length }}",
    "case of what one letter becomes": "{% for a in l %}{{ '\u0130\ufb03' | lower | upper | title }}{{ x | title | length }}{% endfor %}",
    "a slot before everything that could be cached": "{{ x }}" + "y" * 60_000,
    "slots between all that could be cached": "{{ x }}y" * 3_000,
    "a condition around each letter": "{% if x %}y{% endif %}" * 2_000,
    "numbers of every size": "{% for a in p %}{{ a.b | round(8) }}{{ a.b }}{% endfor %}",
    "large numbers rounded in loops": "{% for a in l %}{% for b in l %}{{ n | round | round(8) | round(15) }}{% endfor %}{% endfor %}",
    "large numbers rounded up in loops": "{% for a in p %}{% for b in p %}{{ b.b | round(15, 'ceil') }}{{ n | round(3, 'floor') }}{% endfor %}{% endfor %}",
    "comments and blanks to be cut": "  {#- y -#}  \n" * 4_000,
}  # fmt: skip
BOUNDED: Final[dict[str, dict[str, Any]]] = {
    **{name: {"text": text, "variables": VARIABLES} for name, text in _HEAVY.items()},
    "sixty-four messages, each of loops": {"messages": [{"role": "user", "content": "{% for a in l %}{% for b in l %}{{ a }}{% endfor %}{% endfor %}"}] * 64, "variables": VARIABLES},
    "sixty-four messages, each beginning with a value": {"messages": [{"role": "user", "content": "{{ x }}" + "y" * 1_500}] * 64, "variables": VARIABLES},
    "sixteen variants of loops": {"text": "a", "models": [{"match": f"a/{each}", "text": "{% for a in l %}{% for b in l %}{% endfor %}{% endfor %}"} for each in range(16)], "variables": VARIABLES},
    "a hundred variables, each a default of a kilobyte": {"text": "".join(f"{{{{ v{each} }}}}" for each in range(100)), "variables": [{"name": f"v{each}", "type": "string", "default": "y" * 1_000} for each in range(100)]},
}  # fmt: skip
"""Each renders with what it may cost, or ends in a refusal of the render."""

VALUES: Final[dict[str, Any]] = {
    "x": "x" * 100_000,
    "n": 1.7976931348623157e308,
    "l": [f"{each:020}" for each in range(8_000)],
    "p": [{"a": f"{each:020}", "b": 1 / (each + 1)} for each in range(4_000)],
    "o": {"many": [{"k": "v" * 10, "n": each} for each in range(4_000)]},
}
"""Of which a render has more to do than it may."""
