"""How long and how large things may be: each limit that more than one place keeps, spelt once."""

from typing import Final

# Names and numbers, as the kinds declare them and as everybody else checks them

MAX_LABEL_CHARACTERS: Final = 63
"""Of a DNS label: a namespace, a Prompt."""
MAX_OBJECT_NAME_CHARACTERS: Final = 253
"""Of a DNS subdomain: any other object of a cluster, and a key of a ConfigMap."""
MAX_VARIABLE_CHARACTERS: Final = 63
"""Of a variable's name, and of the name under which a template takes in another version."""
MAX_PROMPT_ID_CHARACTERS: Final = 128
MAX_VERSION_CHARACTERS: Final = 40
DIGEST_CHARACTERS: Final = 71
"""`sha256:` and 64 hexadecimal digits."""
MAX_FUNCTION_NAME_CHARACTERS: Final = 64
"""Of a function or a schema: what every provider takes."""
MAX_TIME_CHARACTERS: Final = 64
MAX_REASON_CHARACTERS: Final = 64
MAX_UID_CHARACTERS: Final = 64
"""Of what a cluster tells objects of one name apart by."""
MAX_INSTANCE_CHARACTERS: Final = 256
"""Of whoever reports what it serves; and of a prompt's name, a digest, a key's id in a report."""
MAX_SESSION_CHARACTERS: Final = 256
"""Of what OFREP calls a targeting key: the rest of it is not looked at."""
MAX_LATENCY_BUCKETS: Final = 64
MAX_MANAGER_CHARACTERS: Final = 128
"""Of the name of a field manager in a history."""
PROTECTED_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease")
"""They belong to the cluster: no tenant can claim them, and no pod in them gets a sidecar."""

MAX_SIGNATURES: Final = 16
"""Of a version, and keys that a Tenant believes."""

# Content

MAX_TEMPLATE_CHARACTERS: Final = 65_536
"""Of one template, also with all that it includes."""
MAX_MESSAGES: Final = 64
MAX_FILLED_BYTES: Final = 16 * 1024
"""Of the values, as JSON, that fill a prompt's variables."""

# What comes over a connection

MAX_TOKEN_CHARACTERS: Final = 16 * 1024
"""Of a bearer token. It is ASCII: as many bytes."""
MAX_HEAD_BYTES: Final = 32 * 1024
"""Of the head of an HTTP message, on either side."""
MAX_CHUNK_LINE_BYTES: Final = 256
"""Of the line before a chunk of an HTTP body, on either side."""

MAX_BOUND_PATH_BYTES: Final = 103
"""Of a path where a Unix socket is made: what every system takes, so that one made here is found from everywhere."""
MAX_SOCKET_PATH_BYTES: Final = 107
"""Of a path at which one is asked: what Linux has room for. Whoever made the socket may have used all of it."""
