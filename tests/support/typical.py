"""Prompts of every common kind, for tests that change none of them."""

from __future__ import annotations

from typing import Any

from tests.support.manifests import manifest, sourced, version

STRING = {"name": "text", "type": "string"}
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ text }}"}]
TYPED: list[dict[str, Any]] = [
    {"name": "word", "type": "string", "maxLength": 5},
    {"name": "count", "type": "integer", "minimum": 1, "maximum": 10},
    {"name": "ratio", "type": "number"},
    {"name": "loud", "type": "boolean"},
    {"name": "tone", "type": "string", "enum": ["formal", "friendly"], "default": "formal"},
    {"name": "hint", "type": "string", "optional": True},
]

MANIFESTS: tuple[dict[str, Any], ...] = (
    sourced("echo", {"text": "<{{ text }}>", "variables": [STRING]}),
    sourced("chat", {"messages": CHAT, "variables": [STRING], "parameters": {"temperature": 0.2, "maxTokens": 9}}),
    sourced(
        "typed", {"text": "{{ word }}|{{ count }}|{{ ratio }}|{{ loud }}|{{ tone }}|{{ hint }}", "variables": TYPED}
    ),
    sourced("secret", {"text": "canary-of-the-secret-prompt"}, promptId="other/x"),
    sourced("many", {"text": "{{ text }}" * 300, "variables": [STRING]}),
    sourced("off", {"text": "off"}, disabled=True),
    manifest("Prompt", "two", activeVersion="1.0.0"),
    version("two", "1.0.0", {"text": "one"}),
    version("two", "1.1.0", {"text": "two"}),
    sourced("slashed", {"text": "ends in a route"}, promptId="team/render"),
)
