"""One Prompt's snapshot, read once for everything that is decided from it."""

from dataclasses import dataclass
from functools import cached_property

from promptops.api.v1alpha1.prompt import PromptSpec
from promptops.domain.findings import Finding, combined
from promptops.domain.manifests import Manifest, generation_of, name_of, parse_as, spec_of, uid_of
from promptops.domain.reconcile.memory import Memory
from promptops.domain.reconcile.source import Sourced, read_source
from promptops.domain.reconcile.versions import Versions
from promptops.domain.snapshot import PromptSnapshot


@dataclass(frozen=True)
class Case:
    """What the decisions about one Prompt look at."""

    snapshot: PromptSnapshot
    spec: PromptSpec | None
    """None when the spec cannot be read."""
    wrong: Finding | None
    """Why the spec cannot be read."""
    memory: Memory
    versions: Versions

    @classmethod
    def of(cls, snapshot: PromptSnapshot) -> "Case":
        """Read a snapshot."""
        prompt = snapshot.prompt
        spec, findings = parse_as(PromptSpec, spec_of(prompt), "spec")
        versions = Versions.of(snapshot.versions, name_of(prompt), uid_of(prompt), snapshot.assess)
        return cls(snapshot, spec, combined(findings), Memory.of(prompt), versions)

    @cached_property
    def sourced(self) -> Sourced | None:
        """The source's content now; None when there is no source."""
        if self.spec is None:
            return None
        return read_source(self.prompt, self.spec, self.snapshot.config_map, self.snapshot.judge)

    @property
    def prompt(self) -> Manifest:
        """The Prompt as it came."""
        return self.snapshot.prompt

    @property
    def name(self) -> str:
        """The Prompt's name."""
        return name_of(self.prompt)

    @property
    def generation(self) -> int:
        """The generation that is decided about."""
        return generation_of(self.prompt)

    @property
    def is_disabled(self) -> bool:
        """The kill switch, which works also when nothing else of the spec can be read."""
        return spec_of(self.prompt).get("disabled") is True

    @property
    def follows_source(self) -> bool:
        """Whether the source decides what is served, not activeVersion."""
        return self.spec is not None and self.spec.active_version is None and self.spec.source is not None
