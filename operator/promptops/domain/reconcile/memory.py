"""What the status says was decided before: the only memory a decision has."""

from dataclasses import dataclass

from promptops.api.feed import VersionReference
from promptops.domain.conditions import find
from promptops.domain.manifests import Manifest, mapping, sequence, status_of, text, whole


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
    history: tuple[Manifest, ...]
    latest_version: str
    conditions: tuple[Manifest, ...]
    values: str
    """What fills variables, as JSON; empty when nothing does."""

    @classmethod
    def of(cls, prompt: Manifest) -> "Memory":
        """Read a Prompt's status; whatever is not there or malformed was never decided."""
        status = status_of(prompt)
        serving = mapping(status.get("serving"))
        stable = _reference(serving.get("stable"))
        return cls(
            status=status,
            revision=whole(serving.get("revision")),
            decided_at=text(serving.get("at")),
            stable=stable,
            ids=tuple(map(text, sequence(serving.get("ids")))),
            disabled=serving.get("disabled") is True,
            previous=_reference(status.get("previous")),
            served=text(status.get("served")) or None,
            history=tuple(map(mapping, sequence(status.get("history")))),
            latest_version=text(status.get("latestVersion")),
            conditions=tuple(map(mapping, sequence(status.get("conditions")))),
            values=text(mapping(status.get("values")).get("json")),
        )

    def condition(self, condition_type: str) -> Manifest:
        """Return a condition, empty when it is not there."""
        return find(self.conditions, condition_type) or {}

    @property
    def ever_served(self) -> tuple[VersionReference, ...]:
        """Return what was served, the latest first, as far back as the status reaches."""
        return tuple(each for each in (self.stable, *map(_reference, self.history), self.previous) if each is not None)

    def digest_served_as(self, version: str) -> str | None:
        """Return the digest with which a number was last served, as far back as the status reaches."""
        return next((each.digest for each in self.ever_served if each.version == version), None)


def _reference(value: object) -> VersionReference | None:
    reference = mapping(value)
    version, digest = text(reference.get("version")), text(reference.get("digest"))
    return VersionReference(version, digest) if version and digest else None
