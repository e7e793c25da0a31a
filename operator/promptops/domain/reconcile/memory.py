"""What the status says was decided before: the only memory a decision has."""

from dataclasses import dataclass

from promptops.api.feed import VersionReference
from promptops.api.v1alpha1 import prompt_status as kind
from promptops.api.v1alpha1.schema import Condition
from promptops.domain.conditions import find
from promptops.domain.manifests import Manifest, status_of
from promptops.domain.statuses import said_of_prompt


@dataclass(frozen=True)
class LastResort:
    """What stands in for what is served, when that cannot be rendered: a version, a text, or nothing."""

    version: VersionReference | None = None
    text: str = ""


NO_LAST_RESORT = LastResort()


@dataclass(frozen=True)
class Memory:
    """A Prompt's status, typed as far as decisions look back."""

    status: Manifest
    revision: int
    decided_at: str
    stable: VersionReference | None
    ids: tuple[str, ...]
    disabled: bool
    previous: VersionReference | None
    served: str | None
    history: tuple[kind.HistoryEntry, ...]
    desired: str | None
    latest_version: str
    conditions: tuple[Condition, ...]
    values: str
    """What comes from outside the versions, as JSON; empty when nothing does."""
    max_staleness_seconds: int
    """How long renders go on unconfirmed; 0: as long as it is held."""
    fallback: LastResort
    """What stands in for what is served."""

    @classmethod
    def of(cls, prompt: Manifest) -> "Memory":
        """Read a Prompt's status; whatever is not there or malformed was never decided."""
        status = said_of_prompt(prompt)
        serving = status.serving
        return cls(
            status=status_of(prompt),
            revision=serving.revision if serving else 0,
            decided_at=serving.at if serving else "",
            stable=_reference(serving.stable) if serving else None,
            ids=(serving.ids or ()) if serving else (),
            disabled=bool(serving and serving.disabled),
            previous=_reference(status.previous),
            served=status.served,
            history=status.history or (),
            desired=status.desired,
            latest_version=status.latest_version or "",
            conditions=status.conditions or (),
            values=status.values.json_ if status.values else "",
            max_staleness_seconds=(serving.max_staleness_seconds or 0) if serving else 0,
            fallback=_last_resort(serving.fallback if serving else None),
        )

    def condition(self, condition_type: str) -> Condition:
        """Return a condition, UNSAID when it is not there."""
        return find(self.conditions, condition_type)

    @property
    def ever_served(self) -> tuple[VersionReference, ...]:
        """Return what was served, the latest first, as far back as the status reaches."""
        return tuple(each for each in (self.stable, *map(_reference, self.history), self.previous) if each is not None)

    def digest_served_as(self, version: str) -> str | None:
        """Return the digest with which a number was last served, as far back as the status reaches."""
        return next((each.digest for each in self.ever_served if each.version == version), None)


def _last_resort(said: kind.FallbackStatus | None) -> LastResort:
    if said is None:
        return NO_LAST_RESORT
    is_version = said.version and said.digest
    return LastResort(VersionReference(said.version or "", said.digest or "") if is_version else None, said.text or "")


def _reference(said: kind.VersionReference | kind.HistoryEntry | None) -> VersionReference | None:
    return VersionReference(said.version, said.digest) if said and said.version and said.digest else None
