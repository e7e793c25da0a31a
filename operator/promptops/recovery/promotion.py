"""Takes a version out of one cluster, and brings it into another."""

from __future__ import annotations

from dataclasses import dataclass

from promptops.cluster.errors import NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import PROMPT_VERSIONS, PROMPTS
from promptops.domain.backup.plan import Restoration, plan
from promptops.domain.backup.promotion import CannotPromote, names_included
from promptops.domain.backup.records import Record
from promptops.domain.manifests import Manifest
from promptops.domain.statuses import said_of_prompt

MANAGER = "promptops-import"
"""Field manager of what an import writes."""


@dataclass(frozen=True)
class Promotion:
    """One namespace of a cluster."""

    objects: Objects
    namespace: str

    async def served_version(self, prompt: str) -> str:
        """Return the number that a Prompt serves. Raises CannotPromote."""
        try:
            found = await self.objects.get(PROMPTS, self.namespace, prompt)
        except NotFound:
            raise CannotPromote(f"there is no Prompt {prompt} in namespace {self.namespace}") from None
        serving = said_of_prompt(found).serving
        if serving is None or not serving.stable.version:
            raise CannotPromote(f"Prompt {prompt} serves nothing: name a version with --version")
        return serving.stable.version

    async def take_out(self, name: str) -> tuple[Manifest, ...]:
        """Return a version with everything that it includes. Raises CannotPromote."""
        found: dict[str, Manifest] = {}
        wanted = [name]
        while wanted:
            each = wanted.pop()
            if each not in found:
                found[each] = await self._version(each)
                wanted += names_included(found[each])
        return tuple(found.values())

    async def plan(self, records: tuple[Record, ...]) -> tuple[Restoration, ...]:
        """Return what becomes of each version here. Raises CannotPromote when a number has another content already."""
        steps = tuple([plan(each, await self._find(each["metadata"]["name"]), overwrite=False) for each in records])
        if taken := [f"{step.record['metadata']['name']}: {step.why}" for step in steps if step.verdict == "differs"]:
            raise CannotPromote("\n".join((*taken, "nothing was imported")))
        return steps

    async def bring_in(self, steps: tuple[Restoration, ...]) -> None:
        """Create what is not there. What others include comes first, so that nothing waits for it."""
        for step in sorted(steps, key=lambda step: bool(names_included(step.record))):
            if step.verdict == "create":
                metadata = {**step.record["metadata"], "namespace": self.namespace}
                await self.objects.create(PROMPT_VERSIONS, {**step.record, "metadata": metadata}, manager=MANAGER)

    async def _version(self, name: str) -> Manifest:
        found = await self._find(name)
        if found is None:
            raise CannotPromote(f"there is no PromptVersion {name} in namespace {self.namespace}")
        return found

    async def _find(self, name: str) -> Manifest | None:
        try:
            return await self.objects.get(PROMPT_VERSIONS, self.namespace, name)
        except NotFound:
            return None
