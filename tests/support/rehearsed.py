"""Where no webhook runs, something that an operator can see asked: it is ready once the API server was seen to do that."""

from __future__ import annotations

import json
from typing import Final

from promptops.api.names import VALIDATING_HOOK
from promptops.codegen.policy import our_kinds, policy, refusal

_POLICY = policy(
    VALIDATING_HOOK,
    our_kinds(["CREATE"], ["promptversions"]),
    {"validations": [refusal("object.metadata.name != 'rehearsal-1.0.0'", "as the webhook would", reason="Invalid")]},
)
STANDS_IN: Final = json.dumps({"apiVersion": "v1", "kind": "List", "items": _POLICY})
"""A policy that refuses the rehearsal, as a manifest for kubectl."""
