"""The contents that files serve, by prompt and version, for commands that render or compare them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from promptops.api.content import json_of
from promptops.api.wire import read_value
from promptops.domain.content.assessment import Assessment
from promptops.domain.findings import Finding, combined
from promptops.domain.manifests import Manifest, mapping, spec_of
from promptops.domain.ownership import number_of, prompt_of
from promptops.workspace.manifest_files import FileReading, read_file
from promptops.workspace.standalone import Standalone
from promptops.workspace.workspace import unique


class NoContent(Exception):
    """The files have no such content; the message says what they have and what to do."""


@dataclass(frozen=True)
class HeldContent:
    """A content that stands in a file or was made of one."""

    prompt: str
    version: str
    content: Manifest
    """With what it includes; as it is written while that cannot be had."""
    is_served: bool
    spec: Manifest
    """The version's own: its content as it is written, and what stands beside it."""
    wrong: Finding | None = None
    """Why it cannot be served."""


def held_by(files: Mapping[str, bytes], now: datetime) -> tuple[HeldContent, ...]:
    """Return every content of some files, checked, the served ones first. Raises NoContent when a file cannot be read."""
    found, _ = unique(readings_of(files))
    cluster = Standalone()
    cluster.apply(found.values())
    decided = cluster.decide(now)
    served = {(entry.name, entry.stable.version) for entry in decided.entries if entry.stable}
    prompts = {entry.name for entry in decided.entries} | {name for kind, name in found if kind == "Prompt"}
    prompts |= {prompt_of(one.manifest) for one in found.values() if one.identity[0] == "PromptVersion"}
    held = [
        _held(prompt, each, cluster.assess(each), (prompt, number_of(each)) in served)
        for prompt in sorted(prompts)
        for each in cluster.versions_of(prompt)
    ]
    problems = {problem.prompt: problem for problem in decided.problems}
    if not held and problems:
        raise NoContent("; ".join(f"Prompt {each.prompt}: {each.message}" for each in problems.values()))
    return tuple(sorted(held, key=lambda each: not each.is_served))


def readings_of(files: Mapping[str, bytes]) -> dict[str, FileReading]:
    """Read files. Raises NoContent when something in one cannot be read."""
    readings = {name: read_file(name, data) for name, data in files.items()}
    for reading in readings.values():
        for flaw in reading.flaws:
            if not (flaw.is_notice or flaw.is_slip):
                raise NoContent(str(flaw))
    return readings


def choose(held: tuple[HeldContent, ...], prompt: str | None, version: str | None) -> HeldContent:
    """Return the one content that is meant: the served one, unless a version is named. Raises NoContent."""
    names = sorted({each.prompt for each in held})
    if not names:
        raise NoContent("there is no Prompt with content and no PromptVersion in it")
    if prompt is None and len(names) > 1:
        raise NoContent(f"there are several prompts: choose with --prompt one of {', '.join(names)}")
    wanted = [each for each in held if prompt in (None, each.prompt)]
    if not wanted:
        raise NoContent(f"there is no prompt {prompt}: there is {', '.join(names)}")
    chosen = [each for each in wanted if version in (None, each.version)]
    if not chosen:
        raise NoContent(f"there is no version {version}: there is {', '.join(each.version for each in wanted)}")
    if version is None and len(chosen) > 1 and not chosen[0].is_served:
        raise NoContent(f"none is active: choose with --version one of {', '.join(each.version for each in chosen)}")
    if (wrong := chosen[0].wrong) is not None:
        raise NoContent(f"{chosen[0].prompt} {chosen[0].version}: {wrong.sentence}")
    return chosen[0]


def _held(prompt: str, version: Manifest, found: Assessment, is_served: bool) -> HeldContent:
    data = found.canonical
    content = mapping(spec_of(version).get("content")) if data is None else mapping(read_value(json_of(data)))
    return HeldContent(prompt, number_of(version), content, is_served, spec_of(version), combined(found.findings))
