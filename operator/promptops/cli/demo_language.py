"""The chapter of the demo about the language: what is refused or held back, and why; one prompt in the forms of three providers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from promptops.api.v1alpha1 import API_VERSION
from promptops.cli.demo_story import Story, StoryError

_QUESTION = {"question": "Where is my book?"}
_PROVIDERS = ("openai", "anthropic", "google")


def refuse_a_typo(story: Story) -> None:
    """A name that nobody declared is told with its place, and what serves goes on."""
    story.hold_back("activate 1.2.0, which has a typo", _greeting("1.2.0", "Hello {{ nmae }}"), "VersionInvalid")


def fail_a_test(story: Story) -> None:
    """A version whose own test fails is not served."""
    tests = [{"name": "greets by name", "variables": {"name": "Ada"}, "expect": [{"contains": "Hello Ada"}]}]
    tested = _greeting("1.3.0", "Good day, {{ name }}!", tests)
    story.hold_back("activate 1.3.0, whose test fails", tested, "TestsFailed")


def accept_a_breaking_change(story: Story) -> None:
    """A version that today's callers cannot call waits until somebody says that they are ready for it."""
    wants = [{"name": "name", "type": "string"}, {"name": "language", "type": "string"}]
    breaking = _greeting("2.0.0", "Greet {{ name }} in {{ language }}.", variables=wants)
    story.hold_back("activate 2.0.0, which needs one more variable", breaking, "BreakingChange")
    accepted = {"activeVersion": "2.0.0", "acceptBreaking": "2.0.0"}
    _activate(story, "accept that, and activate it", accepted, {"name": "Ada", "language": "Swedish"})
    _activate(story, "what served before is taken back unasked", {"activeVersion": "1.0.0"}, {"name": "Ada"})


def render_for_three_providers(story: Story) -> None:
    """One prompt, three requests, each in the provider's own form."""
    for provider in _PROVIDERS:
        answer = story.render("support-chat", _QUESTION, provider)
        if answer.payload is None:
            raise StoryError(f"support-chat has no form for {provider}")
        story.note(
            f"render for {provider}", ", ".join(answer.payload), story.render_time("support-chat", _QUESTION, provider)
        )


def _activate(story: Story, step: str, change: dict[str, str], variables: dict[str, str]) -> None:
    patch = ("patch", "prompt", "greeting", "--type=merge", "-p", json.dumps({"spec": change}))
    wanted = change["activeVersion"]
    story.measure(step, patch, "greeting", lambda answer: answer.version == wanted, variables)


def _greeting(
    number: str,
    text: str,
    tests: Sequence[dict[str, Any]] = (),
    variables: Sequence[dict[str, Any]] = ({"name": "name", "type": "string"},),
) -> dict[str, Any]:
    content = {"text": text, "variables": [*variables]}
    spec = {"promptRef": {"name": "greeting"}, "version": number, "content": content}
    return {
        "apiVersion": API_VERSION,
        "kind": "PromptVersion",
        "metadata": {"name": f"greeting-{number}"},
        "spec": {**spec, "tests": [*tests]} if tests else spec,
    }
