"""The chapter of the demo about the language: what is refused or held back, and why; one prompt in the forms of three providers."""

from __future__ import annotations

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


def render_for_three_providers(story: Story) -> None:
    """One prompt, three requests, each in the provider's own form."""
    for provider in _PROVIDERS:
        answer = story.render("support-chat", _QUESTION, provider)
        if answer.payload is None:
            raise StoryError(f"support-chat has no form for {provider}")
        story.note(
            f"render for {provider}", ", ".join(answer.payload), story.render_time("support-chat", _QUESTION, provider)
        )


def _greeting(number: str, text: str, tests: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    content = {"text": text, "variables": [{"name": "name", "type": "string"}]}
    spec = {"promptRef": {"name": "greeting"}, "version": number, "content": content}
    return {
        "apiVersion": API_VERSION,
        "kind": "PromptVersion",
        "metadata": {"name": f"greeting-{number}"},
        "spec": {**spec, "tests": tests} if tests else spec,
    }
