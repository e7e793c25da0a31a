"""The OpenFeature Remote Evaluation Protocol 0.3.0, as far as its messages are read here."""

from typing import Any

import msgspec


class EvaluationRequest(msgspec.Struct, frozen=True):
    """Body of both evaluations. What else a provider sends means nothing here."""

    context: dict[str, Any] = {}
    """The application's evaluation context: targetingKey is the session, what has a variable's name is its value."""
