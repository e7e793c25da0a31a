"""Who did it: what the API server's audit log says of activations, and what the log of decisions says was served then."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from promptops.api.v1alpha1 import GROUP
from promptops.domain.manifests import Manifest, mapping, text

ACTIVATION: Final = "/activation"
CHANGED: Final = "/changed"
_OURS: Final = ("promptops-activate", "promptops-version-in-use")
"""The policies that note it. Nobody who writes an object can write these annotations."""


@dataclass(frozen=True)
class Activation:
    """A request that changed, or was to change, what is served."""

    at: str
    user: str
    impersonated: str
    """As whom it was done; empty when as oneself."""
    namespace: str
    name: str
    resource: str
    moved: str
    """`1.0.0 -> 1.1.0`; empty when the version stayed."""
    changed: str
    """The fields that changed."""
    code: int
    """The API server's answer: 403 when it was refused."""

    @property
    def is_refused(self) -> bool:
        """Whether nothing came of it."""
        return self.code >= 400

    @property
    def who(self) -> str:
        """The account, and as whom it acted."""
        return f"{self.user} as {self.impersonated}" if self.impersonated else self.user


def activations(events: Iterable[Manifest]) -> Iterator[Activation]:
    """Yield what an audit log's entries say of activations, in their order."""
    for event in events:
        about = mapping(event.get("objectRef"))
        if about.get("apiGroup") != GROUP or event.get("stage") != "ResponseComplete":
            continue
        noted = mapping(event.get("annotations"))
        moved, changed = (_noted(noted, suffix) for suffix in (ACTIVATION, CHANGED))
        if moved or changed:
            yield Activation(
                at=text(event.get("requestReceivedTimestamp")),
                user=text(mapping(event.get("user")).get("username")),
                impersonated=text(mapping(event.get("impersonatedUser")).get("username")),
                namespace=text(about.get("namespace")),
                name=text(about.get("name")),
                resource=text(about.get("resource")),
                moved=moved,
                changed=changed,
                code=int(mapping(event.get("responseStatus")).get("code") or 0),
            )


def served_at(entries: Iterable[Mapping[str, Any]], namespace: str, prompt: str, at: str) -> Mapping[str, Any] | None:
    """Return the decision that was in force at a time; None when the log does not reach back so far, or nothing was served."""
    own = [each for each in entries if (each.get("namespace"), each.get("prompt")) == (namespace, prompt)]
    return next((each for each in reversed(own) if text(each.get("at")) <= at), None)


def cause(found: Iterable[Activation], decision: Mapping[str, Any]) -> Activation | None:
    """Return the request that a decision followed: the last one on that Prompt, let in, that came before it."""
    asked = (
        each
        for each in found
        if each.resource == "prompts"
        and (each.namespace, each.name) == (decision.get("namespace"), decision.get("prompt"))
        and not each.is_refused
        # The audit log tells microseconds, a status seconds.
        and each.at[:19] <= text(decision.get("at"))[:19]
    )
    return max(asked, key=lambda each: each.at, default=None)


def _noted(noted: Manifest, suffix: str) -> str:
    return next((text(noted[policy + suffix]) for policy in _OURS if policy + suffix in noted), "")
