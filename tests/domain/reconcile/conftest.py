"""A small world in which decisions are carried out as the controller does: in order, one at a time, all of them counted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from promptops.api.feed import Entry
from promptops.cache.signing import is_genuine
from promptops.domain.content.numbers import order_of
from promptops.domain.content.resolving import Resolver
from promptops.domain.reconcile import decide_prompt, decide_version
from promptops.domain.snapshot import (
    NO_GIFTS,
    NO_RULES,
    ProjectionReport,
    PromptOutcome,
    PromptSnapshot,
    ServedObservation,
    TenantGifts,
    TenantRules,
    Transition,
    VersionSnapshot,
)
from tests.support import manifests
from tests.support.manifests import stored

UNDECIDED = {"observedGeneration": -1}
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
NAMED = [{"name": "name", "type": "string"}]


@dataclass
class World:
    """One Prompt, what it refers to, and the instances that follow."""

    now: datetime = BEGINNING
    prompt: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    config_map: dict[str, Any] | None = None
    values_maps: dict[str, dict[str, Any]] = field(default_factory=dict)
    gifts: TenantGifts = NO_GIFTS
    rivals: list[dict[str, Any]] = field(default_factory=list)
    tenant: str | None = "team"
    rules: TenantRules = NO_RULES
    older_prompts: int = 0
    projected: ProjectionReport | None = None
    """What came of projections; None after a restart."""
    settled: bool = True
    instances: int = 0
    """How many follow; None of them is known after a restart."""
    behind: int = 0
    """How many of them do not take what is published."""
    uninjected: int = 0
    """How many pods should follow and lack their sidecar."""
    unheard: int = 0
    """How many pods have one that never reported."""
    heard: bool = True
    """Whether instances have been heard of by this leader."""
    published: Entry | None = None
    writes: list[dict[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    events: list[Transition] = field(default_factory=list)
    outcome: PromptOutcome = field(default_factory=PromptOutcome)

    def __post_init__(self) -> None:
        self.prompt = self.make_prompt("greeting", "u1")

    def make_prompt(self, name: str, uid: str, created: str = "2026-01-01T00:00:00Z", **spec: Any) -> dict[str, Any]:
        """Return a Prompt as it comes from the API server."""
        made = manifests.prompt(name, historyLimit=10, **spec)
        return stored(made, namespace="team-a", uid=uid, creationTimestamp=created, status=UNDECIDED)

    def apply(self, manager: str = "kubectl", **spec: Any) -> World:
        """Edit the Prompt's spec; None takes a field away. The manager owns what it wrote."""
        self.prompt = copy.deepcopy(self.prompt)
        for key, value in spec.items():
            self.prompt["spec"].pop(key, None)
            if value is not None:
                self.prompt["spec"][key] = value
        self.prompt["metadata"]["generation"] += 1
        owned: dict[str, Any] = {"f:spec": {f"f:{key}": {} for key, value in spec.items() if value is not None}}
        self.prompt["metadata"].setdefault("managedFields", []).append(
            {"manager": manager, "operation": "Update", "time": self._stamp(), "fieldsV1": owned}
        )
        return self

    def having(self, **state: Any) -> World:
        """Change what surrounds the Prompt, or the one Prompt itself."""
        for name, value in state.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        return self

    def add(self, number: str, template: str = "Hi", **more: Any) -> World:
        """Create a PromptVersion by hand: `more` replaces parts of its spec or metadata."""
        return self.put(self.make_version(number, template, **more))

    def make_version(self, number: str, template: str = "Hi", **more: Any) -> dict[str, Any]:
        """Return a PromptVersion as it comes from the API server."""
        content = more.pop("content", {"text": template, "variables": NAMED if "{{ name }}" in template else []})
        metadata: dict[str, Any] = {"namespace": "team-a", "uid": f"v-{number}", "creationTimestamp": self._stamp()}
        metadata |= more.pop("metadata", {})
        made = manifests.version("greeting", number, content, **{"lifecycle": "Available", **more})
        return stored(made, status=UNDECIDED, **metadata)

    def put(self, version: dict[str, Any]) -> World:
        """Create a PromptVersion."""
        self.versions[version["metadata"]["name"]] = version
        return self

    def drop(self, number: str) -> World:
        """Delete a PromptVersion."""
        del self.versions[f"greeting-{number}"]
        return self

    def change(self, number: str, **spec: Any) -> World:
        """Edit a PromptVersion."""
        version = copy.deepcopy(self.versions[f"greeting-{number}"])
        version["spec"].update(spec)
        version["metadata"]["generation"] += 1
        return self.put(version)

    def follow(self, template: str, **more: Any) -> World:
        """Set an inline source."""
        return self.apply(source={"content": {"text": template, "variables": NAMED, **more}})

    def configure(self, data: dict[str, str], manager: str = "kubectl-edit", labelled: bool = True) -> World:
        """Create or edit the ConfigMap."""
        managed = {"manager": manager, "time": self._stamp(), "fieldsV1": {"f:data": {f"f:{key}": {} for key in data}}}
        made = manifests.config_map("settings", data, labelled)
        self.config_map = stored(made, namespace="team-a", managedFields=[managed])
        return self

    def refer(self, key: str = "prompt", format: str = "text", **content: Any) -> World:
        """Let the source refer to the ConfigMap."""
        source: dict[str, Any] = {"configMapKeyRef": {"name": "settings", "key": key, "format": format}}
        return self.apply(source=source | ({"content": content} if content else {}))

    def after(self, seconds: float) -> World:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        return self

    def restart(self) -> World:
        """Lose everything a leader knows beside the objects."""
        self.published, self.heard, self.projected = None, False, None
        return self

    def snapshot(self) -> PromptSnapshot:
        """Gather what the controller gathers."""
        return PromptSnapshot(
            prompt=self.prompt,
            versions=tuple(self.versions.values()),
            config_map=self.config_map,
            values_maps=self.values_maps,
            gifts=self.gifts,
            rivals=tuple(self.rivals),
            tenant=self.tenant,
            rules=self.rules,
            older_prompts=self.older_prompts,
            served=self._observed(),
            published_revision=self.published.revision if self.published else None,
            projected=self.projected,
            settled=self.settled,
            verifies=is_genuine,
            assess=Resolver(self.versions.get).assess,
        )

    def decide(self) -> PromptOutcome:
        """Decide, and do nothing about it."""
        self.outcome = decide_prompt(self.snapshot(), self.now)
        return self.outcome

    def step(self) -> bool:
        """Decide once and carry it out. Returns whether anything had to be done."""
        outcome = self.decide()
        if outcome.create:
            for manifest in outcome.create:
                self._create(manifest)
            return True
        acted = self._write(outcome) or outcome.entry != self.published or bool(outcome.prune)
        if outcome.entry != self.published:
            self.log.append("publish")
        self.published = outcome.entry
        self.events += outcome.transitions
        for version in outcome.prune:
            del self.versions[version["metadata"]["name"]]
            self.log.append(f"delete {version['metadata']['name']}")
        return acted

    def settle(self) -> World:
        """Go on until nothing is left to do, the versions' statuses last."""
        for _ in range(20):
            if not self.step() and not sum(self._write_version(name) for name in tuple(self.versions)):
                return self
        raise AssertionError(f"never comes to rest: {self.log}")

    def forget(self) -> World:
        """Count from here."""
        self.writes.clear()
        self.log.clear()
        self.events.clear()
        return self

    @property
    def status(self) -> dict[str, Any]:
        """The Prompt's status as written."""
        status: dict[str, Any] = self.prompt["status"]
        return status

    def condition(self, condition_type: str) -> dict[str, Any]:
        """Return a condition, empty when it is not there."""
        conditions = self.status.get("conditions", [])
        return next((each for each in conditions if each["type"] == condition_type), {})

    def said(self, condition_type: str) -> str:
        """Return a condition as status/reason; empty when it is not there."""
        found = self.condition(condition_type)
        return f"{found['status']}/{found['reason']}" if found else ""

    @property
    def serving(self) -> str | None:
        """The number that status says is served."""
        stable = self.status.get("serving", {}).get("stable")
        return stable["version"] if stable else None

    def version_status(self, number: str) -> dict[str, Any]:
        """Return a PromptVersion's status as written."""
        status: dict[str, Any] = self.versions[f"greeting-{number}"]["status"]
        return status

    def _observed(self) -> ServedObservation | None:
        if not self.heard:
            return None
        ready = self.instances - self.behind if self.published else 0
        total = self.instances + self.uninjected + self.unheard
        return ServedObservation(ready, total, self.uninjected, self.unheard)

    def _create(self, manifest: dict[str, Any]) -> None:
        created = copy.deepcopy(manifest)
        name = created["metadata"]["name"]
        self.log.append(f"create {name}")
        assert name not in self.versions, f"{name} exists already"
        created["metadata"] |= {"uid": f"v-{name}", "generation": 1, "creationTimestamp": self._stamp()}
        created["spec"].setdefault("lifecycle", "Available")
        created["status"] = {"observedGeneration": -1}
        self.versions[name] = created

    def _write(self, outcome: PromptOutcome) -> bool:
        if outcome.status is None or outcome.status == self.prompt["status"]:
            return False
        self.prompt = {**self.prompt, "status": copy.deepcopy(outcome.status)}
        self.writes.append(outcome.status)
        self.log.append("write prompt")
        return True

    def _write_version(self, name: str) -> bool:
        version = self.versions[name]
        others = sorted(self.versions.values(), key=lambda each: order_of(each["spec"]["version"]), reverse=True)
        number = order_of(version["spec"]["version"])
        below = tuple(each for each in others if order_of(each["spec"]["version"]) < number)
        status = decide_version(VersionSnapshot(version, self.prompt, below=below), self.now).status
        if status == version["status"]:
            return False
        self.versions[name] = {**version, "status": status}
        self.log.append(f"write {name}")
        return True

    def _stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def world() -> World:
    """An empty namespace with the Prompt greeting in it."""
    return World()


@pytest.fixture
def new_world() -> Callable[[], World]:
    """Make a world of one's own."""
    return World
