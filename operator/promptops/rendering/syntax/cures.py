"""What others write that is not in the language, and how it is written here: nobody is refused without a way out."""

REFUSED_STATEMENTS = {
    "autoescape": "prompts are not HTML, nothing is escaped",
    "block": "templates do not inherit: take the text in with {% include \"alias\" %}, and name its version under includes",
    "break": "a loop goes to its end: put an if around what it renders",
    "call": "there are no macros: take the text in with {% include \"alias\" %}, and name its version under includes",
    "continue": "a loop goes to its end: put an if around what it renders",
    "do": "a template computes nothing",
    "elseif": "write {% elif … %}",
    "elsif": "write {% elif … %}",
    "extends": "templates do not inherit: take the text in with {% include \"alias\" %}, and name its version under includes",
    "filter": "put the filter behind a value, as in {{ name | upper }}",
    "from": "nothing can be imported: take the text in with {% include \"alias\" %}, and name its version under includes",
    "import": "nothing can be imported: take the text in with {% include \"alias\" %}, and name its version under includes",
    "macro": "there are no macros: take the text in with {% include \"alias\" %}, and name its version under includes",
    "assign": "values come from variables alone: declare a variable, perhaps with a default",
    "unless": "write {% if not … %}",
    "set": "values come from variables alone: declare a variable, perhaps with a default",
    "with": "values come from variables alone: declare a variable, perhaps with a default",
    "generation": "a prompt has messages: write the assistant's as one of them",
    "trans": "a prompt has one language: make a prompt of each",
    "comment": "write {# … #}", "verbatim": "write {% raw %} … {% endraw %}", "capture": "values come from variables alone: declare a variable, perhaps with a default",
    "case": "write {% if … %} {% elif … %} {% endif %}", "when": "write {% elif … %}", "switch": "write {% if … %} {% elif … %} {% endif %}",
    "ifelse": "write {% else %}", "while": "write {% for item in list %}", "foreach": "write {% for item in list %}", "tablerow": "write {% for item in list %}",
    "render": "write {% include \"alias\" %}, and name the version under includes", "spaceless": "write {%- … -%}, which take the blanks around them away",
    "load": "leave it out: nothing has to be loaded", "url": "let the caller give it as a variable", "now": "let the caller give it as a variable",
    "chat": "a prompt has messages: write it as one of them", "message": "a prompt has messages: write it as one of them", "role": "a prompt has messages: write it as one of them",
    **dict.fromkeys(("system", "user", "assistant", "completion"), "a prompt has messages: write it as one of them"),
    **dict.fromkeys(("embed", "use", "partial", "layout"), "take the text in with {% include \"alias\" %}, and name its version under includes"),
    **dict.fromkeys(("increment", "decrement", "python", "script", "style", "func", "return"), "a template computes nothing: let the caller do it"),
    **dict.fromkeys(("echo", "print"), "write {{ name }}"), "empty": "write {% else %}", "liquid": "write a tag for each statement",
    "ifequal": "write {% if a == b %}", "ifnotequal": "write {% if a != b %}", "cycle": "write {{ 'a' if loop.index is odd else 'b' }}",
    "apply": "put the filter behind a value, as in {{ name | upper }}", "image": "a message is text: let the caller add what is not",
    "debug": "leave it out: promptops render shows what comes out", "csrf_token": "leave it out: prompts are not HTML",
    "end": "write {% endif %} or {% endfor %}", "fi": "write {% endif %}", "endforeach": "write {% endfor %}", "endeach": "write {% endfor %}", "each": "write {% for item in list %}",
}  # fmt: skip
"""Statements of Jinja that are not in the subset, and what to do instead."""

REFUSED_SIGNS = {
    "+": "arithmetic (+) is not part of the language: texts are put together by standing side by side, as in {{ a }}{{ b }},"
    " loop.index counts from 1, and the caller can compute the rest",
    "-": "arithmetic (-) is not part of the language: let the caller compute it",
    "*": "arithmetic (*) is not part of the language: let the caller compute it",
    "/": "arithmetic (/) is not part of the language: let the caller compute it",
    "//": "arithmetic (//) is not part of the language: let the caller compute it",
    "%": "arithmetic (%) is not part of the language: let the caller compute it",
    "**": "arithmetic (**) is not part of the language: let the caller compute it",
    "~": "concatenation (~) is not part of the language: write two tags side by side",
    "(": "nothing can be called: use a filter, as in {{ name | upper }}",
    "=": "nothing can be assigned; to compare, write ==",
    ",": "a tag holds one value: write two tags, as in {{ a }}{{ b }}, or and between conditions",
    ".": "a dot stands between a value and its field alone, as in {{ user.name }}",
    "|": "a filter stands behind a value, as in {{ name | upper }}",
    ")": "this ) closes nothing: leave it out", "]": "this ] closes nothing: leave it out",
    ":": "slices and dictionaries are not part of the language: shorten a text with truncate, and let the caller cut a list",
}  # fmt: skip
"""Signs of Jinja that are not in the subset, and what to do instead."""

_CALLER = "let the caller give it as a variable"
_NOT_ESCAPED = "leave it out: nothing is escaped, for prompts are not HTML"
_NO_CONVERSION = (
    "leave it out: a value has the type that its variable declares, and is written as text where it is rendered"
)
_INSIDE_A_LOOP = (
    "write a loop, with an if around what it renders: {% for item in list %}{% if … %}…{% endif %}{% endfor %}"
)
_PAIRS = "declare a list of objects with a field for the key and one for the value, and loop over that"

REFUSED_FILTERS = {
    "abs": _CALLER, "attr": "read the field, as in {{ name.field }}", "batch": _CALLER, "center": _CALLER,
    "dictsort": _PAIRS, "e": _NOT_ESCAPED, "escape": _NOT_ESCAPED, "filesizeformat": _CALLER, "float": _NO_CONVERSION,
    "forceescape": _NOT_ESCAPED, "format": "write the text around the values, as in Hello {{ name }}", "groupby": _CALLER,
    "int": _NO_CONVERSION, "items": _PAIRS, "json": "write tojson", "lowercase": "write lower",
    "map": "write a loop, or join with the field's name, as in {{ list | join(', ', 'field') }}", "max": _CALLER, "min": _CALLER,
    "pprint": "write tojson(2)", "random": "a prompt renders the same each time: " + _CALLER, "reject": _INSIDE_A_LOOP,
    "rejectattr": _INSIDE_A_LOOP, "reverse": "write loop.revindex, or " + _CALLER, "safe": _NOT_ESCAPED, "select": _INSIDE_A_LOOP,
    "selectattr": _INSIDE_A_LOOP, "size": "write length", "slice": _CALLER, "split": "declare a list, and let the caller split it",
    "string": _NO_CONVERSION, "strip": "write trim", "striptags": _CALLER, "sum": _CALLER, "to_json": "write tojson",
    "uppercase": "write upper", "urlencode": _CALLER, "urlize": _CALLER, "wordcount": _CALLER, "wordwrap": _CALLER,
    "xmlattr": _CALLER,
    **dict.fromkeys(("append", "prepend", "concat"), "texts are put together by standing side by side, as in {{ a }}{{ b }}"),
    **dict.fromkeys(("b64decode", "b64encode", "date", "divided_by", "hash", "minus", "modulo", "pluralize", "plus", "regex_replace", "regex_search", "strftime", "strip_html", "times", "url_encode"), _CALLER),
    **dict.fromkeys(("escape_once", "nl2br", "newline_to_br", "raw"), _NOT_ESCAPED),
    **dict.fromkeys(("jsonify", "json_encode", "toJson", "to_nice_json", "toPrettyJson", "toYaml", "to_yaml", "to_nice_yaml"), "write tojson"),
    **dict.fromkeys(("fromjson", "from_json", "fromJson", "from_yaml", "json_decode"), "declare a variable with type: object, and let the caller give what is in it"),
    **dict.fromkeys(("lstrip", "rstrip", "chomp", "strip_newlines", "trimAll"), "write trim"),
    **dict.fromkeys(("where", "filter", "compact", "find"), _INSIDE_A_LOOP),
    "capitalize_first": "write capitalize", "downcase": "write lower", "nindent": "write indent", "quote": "write the quotes around it, as in '{{ name }}', or write tojson",
    "sort_natural": "write sort", "squote": "write the quotes around it, as in '{{ name }}'", "ternary": "write {{ a if condition else b }}", "uniq": "write unique", "upcase": "write upper",
}  # fmt: skip
"""Filters of Jinja and its relatives that are not in the language, and what to do instead."""

REFUSED_CALLS = {
    **dict.fromkeys(("abs", "ceil", "env", "env_var", "filter", "floor", "fromJSON", "getenv", "hashFiles", "lookup", "map", "max", "min", "ref", "round", "sum", "var", "xcom_pull"), _CALLER),
    **dict.fromkeys(("all", "any", "url_for"), _CALLER), **dict.fromkeys(("_", "gettext", "t", "translate"), "a prompt has one language: make a prompt of each"),
    "isset": "write {% if name is defined %}", "empty": "write {% if not name %}", "has_key": "write {% if name.field is defined %}",
    **dict.fromkeys(("bool", "float", "int", "str", "string", "toString"), _NO_CONVERSION), **dict.fromkeys(("dumps", "stringify", "to_json", "toJSON", "toJson"), "write {{ name | tojson }}"),
    **dict.fromkeys(("contains", "includes"), "write {% if 'part' in name %}"), "cycle": "write {{ 'a' if loop.index is odd else 'b' }}",
    "default": "write {{ name | default('…') }}", "include": "write {% include \"alias\" %}, and name the version under includes", "sorted": "write {{ list | sort }}",
    "toLowerCase": "write {{ name | lower }}", "toUpperCase": "write {{ name | upper }}", "trim": "write {{ name | trim }}",
    "append": "values come from variables alone: " + _CALLER, "capitalize": "write {{ name | capitalize }}",
    "dict": _CALLER, "endswith": _CALLER, "format": "write the text around the values, as in Hello {{ name }}",
    "get": "write {{ name.field | default('') }}", "items": _PAIRS, "join": "write {{ list | join(', ') }}",
    "keys": _PAIRS, "len": "write {{ name | length }}", "lower": "write {{ name | lower }}",
    "namespace": "values come from variables alone: " + _CALLER, "now": _CALLER,
    "raise_exception": "bound the variable in its declaration: a value that does not fit is refused",
    "range": "declare a list, and loop over that", "replace": "write {{ name | replace('old', 'new') }}",
    "split": "declare a list, and let the caller split it", "splitlines": "declare a list, and let the caller split it",
    "startswith": _CALLER, "strftime": _CALLER, "strftime_now": _CALLER, "strip": "write {{ name | trim }}",
    "title": "write {{ name | title }}", "upper": "write {{ name | upper }}", "values": _PAIRS,
    "zip": "declare one list of objects with a field for each",
}  # fmt: skip
"""Functions and methods that others call, and what to do instead."""

_INCLUSION = 'write {% include "alias" %}, and name the version under includes'
_STATEMENT = "write {% if name %} … {% endif %}, or {% for item in list %} … {% endfor %}"
TEXT_IN_BRACES = (
    "for a brace that is text, as of JSON, write it once: doubling it is the way of Python's formats; two of them stand"
    " between {% raw %} and {% endraw %}"
)
FOREIGN_STATEMENTS = {
    **dict.fromkeys(("if", "range", "for", "with", "each", "unless", "foreach"), _STATEMENT),
    **dict.fromkeys(("block", "define", "template"), _INCLUSION),
    **dict.fromkeys(("set", "let", "const", "assign"), "values come from variables alone: declare a variable, perhaps with a default"),
    "else": "write {% else %}, or {% elif … %}", "end": "write {% endif %} or {% endfor %}",
}  # fmt: skip
"""What stands first in {{ }} of Go, Handlebars and others, and is a statement."""
FOREIGN_HELPERS = {
    "role": "a prompt has messages, each with its role: write it as one of them", "json": "write {{ name | tojson }}",
    "media": "a message is text: let the caller add what is not", "include": _INCLUSION, "await": "leave it out",
    **dict.fromkeys(("b", "f", "r", "u"), "no letter stands before the quotes of a text: write the text around the values, as in Hello {{ name }}"),
    **dict.fromkeys(("toJson", "toYaml", "tojson"), "write {{ name | tojson }}"), **dict.fromkeys(("env", "secret", "key", "tpl", "lookup", "var"), _CALLER),
    "index": "an item of a list is read as in {{ items[0] }}", "required": "leave it out: a variable is required unless its declaration says otherwise",
    "section": "put the text there, or take it in with {% include \"alias\" %}", "len": "write {{ name | length }}", "printf": "write the text around the values",
}  # fmt: skip
"""What stands first in {{ }} of Dotprompt, Go and others, with an argument behind it."""
FOREIGN_BEGINNINGS = {
    ".": "write a variable's name alone, in lower case, as in {{ name }}",
    "/": "a block ends with {% endif %} or {% endfor %}",
    ">": _INCLUSION,
    "~": "write {{- name -}} to take the blanks around it away",
    "=": "write a variable's name alone, as in {{ name }}",
    "<": "write a variable's name alone, as in {{ name }}",
    "*": "write a variable's name alone, as in {{ name }}",
    "%": "statements stand in {% … %}, values in {{ … }}",
}
"""Signs that stand first in {{ }} of other languages."""
FOREIGN_WORDS = {
    "contains": "write {% if 'part' in name %}", "equals": "write ==", "matches": "let the caller decide it, and give a boolean",
    "starts": "let the caller decide it, and give a boolean", "ends": "let the caller decide it, and give a boolean",
    **dict.fromkeys(("unless", "when"), "write {{ a if condition else b }}"), "isnt": "write is not", "else": "write {{ a if condition else b }}",
    "between": "write a <= name and name <= b", "like": "let the caller decide it, and give a boolean",
    "then": "leave it out", "do": "leave it out", "exists": "write {% if name is defined %}", "as": "a value has no second name: leave it out",
    "eq": "write ==", "ne": "write !=", "neq": "write !=", "gt": "write >", "gte": "write >=", "ge": "write >=", "lt": "write <", "lte": "write <=", "le": "write <=",
    "startswith": "let the caller decide it, and give a boolean", "endswith": "let the caller decide it, and give a boolean",
    **dict.fromkeys(("limit", "offset", "reversed"), "a loop goes through the whole list: let the caller cut and order it"),
    "for": "a list is made by the caller; to go through one, write {% for item in list %} … {% endfor %}",
}  # fmt: skip
"""Words that stand between values in other languages."""
_CONVERSION = "leave it out, for it is of Python's formats, or write {{ name | tojson }}"
_ENTITY = "write the character itself, for nothing is escaped"
FOREIGN_NOTE = "write {# note #}"
_QUOTES = "a text stands in ' or \""
FOREIGN_CHARACTERS = {
    "?": "write {{ a if condition else b }}, or {{ name | default('…') }}", "&": "write and", "!": "write not, and != to compare",
    "$": "a name begins with a letter: leave the $ out", "@": "a name begins with a letter: leave the @ out",
    ";": "a tag holds one value: write two tags", "#": _STATEMENT, "`": _QUOTES, "\u201c": _QUOTES, "\u201d": _QUOTES,
    "\u2018": _QUOTES, "\u2019": _QUOTES, "\u201e": _QUOTES, "\u00ab": _QUOTES, "\u00bb": _QUOTES,
    "\\": "nothing is escaped outside a text in quotes: leave the \\ out", "^": "let the caller compute it",
}  # fmt: skip
"""Characters that no tag has, and what to write."""
FOREIGN_SEQUENCES = {
    "?.": "write {{ user.name }}: of what is optional, a field is absent", "!r": _CONVERSION, "!s": _CONVERSION, "!a": _CONVERSION,
    "&amp;": _ENTITY, "&gt;": _ENTITY, "&lt;": _ENTITY, "&quot;": _ENTITY, "&#": _ENTITY,
    "\u2260": "write !=", "\u2264": "write <=", "\u2265": "write >=",
}  # fmt: skip
"""What no tag has either, and means something else than the character with which it begins."""
UNKNOWN_FILTER = "; what none of them does, let the caller do, and give the result as a variable"
UNKNOWN_TESTS = {
    "a": "; leave the article out", "an": "; leave the article out",
    **dict.fromkeys(("sameas", "equal_to", "equals"), "; to compare, write =="),
    **dict.fromkeys(("matching", "match", "search", "startingwith", "filter", "test", "callable"), "; what none of them does, let the caller decide, and give a boolean"),
    "null": "; for a value that is absent write none", "nil": "; for a value that is absent write none",
    "empty": "; write {% if not name %}", "blank": "; write {% if not name %}",
}  # fmt: skip
"""Tests of other languages, and what to write."""
REFUSED_FIELDS = {
    "length": "write {{ name | length }}", "size": "write {{ name | length }}", "count": "write {{ name | length }}",
    "first": "write {{ name | first }}", "last": "write {{ name | last }}",
}  # fmt: skip
"""Fields that values have in other languages, and what to write."""
_WORKFLOW = "nothing of a workflow is filled in: let the caller give the value"
_HISTORY = "for a conversation so far write a message with a placeholder"
_MARKS = "leave it out, for whoever serves the model writes its marks"
FOREIGN_NAMES = {
    **dict.fromkeys(("null", "nil", "undefined", "NULL"), "for a value that is absent write none"),
    **dict.fromkeys(("github", "jobs", "matrix", "needs", "runner", "steps", "strategy", "workflow"), _WORKFLOW),
    **dict.fromkeys(("env", "environ", "process", "vars"), "no environment is read: let the caller give the value"),
    **dict.fromkeys(("secret", "secrets"), "no secret belongs in a prompt, and nothing fills one in: leave it out"),
    **dict.fromkeys(("chat_history", "history", "messages"), _HISTORY),
    **dict.fromkeys(("add_generation_prompt", "bos_token", "eos_token"), _MARKS),
    **dict.fromkeys(("end", "endeach", "endfor", "endif"), "a block ends with {% endif %} or {% endfor %}"),
    "forloop": "write loop", "this": "write the name that the loop gives its item, as in {% for item in list %}{{ item }}{% endfor %}",
}  # fmt: skip
"""What other languages know by a name, and nobody fills in here."""
FOREIGN_LOOP_FIELDS = {
    "counter": "write loop.index", "counter0": "write loop.index0", "revcounter": "write loop.revindex", "rindex": "write loop.revindex",
    "cycle": "write {{ 'a' if loop.index is odd else 'b' }}", "key": _PAIRS, "parent": "give the item of the outer loop another name, and read it",
}  # fmt: skip
PAIRS = _PAIRS
