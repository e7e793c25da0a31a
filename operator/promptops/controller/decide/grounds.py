"""What the statuses of PromptVersions were last decided from: of a prompt's hundreds, an activation concerns two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from promptops.controller.keys import Key
from promptops.domain.content.references import references
from promptops.domain.manifests import Manifest, mapping, name_of, spec_of, uid_of
from promptops.domain.ownership import number_of
from promptops.domain.reconcile.memory import Memory

_Ground = tuple[object, ...]


class Grounds:
    """Equal grounds, equal status."""

    def __init__(self) -> None:
        self._decided: dict[Key, dict[str, _Ground]] = {}
        """Prompt → uid of a version that names it → what its status was decided from."""

    def clear(self) -> None:
        """Start anew, as a new leader does."""
        self._decided.clear()

    def forget(self, key: Key) -> None:
        """The prompt is gone."""
        self._decided.pop(key, None)

    def changed(self, key: Key, prompt: Manifest, versions: Iterable[Manifest]) -> Iterator[Manifest]:
        """Yield those versions whose status may follow otherwise than when it was decided; forget those that are gone.

        `versions`: all of the prompt, in the order of their numbers.
        """
        ground_of, before, after, below = _Grounds(prompt), self._decided.get(key, {}), {}, ""
        for version in versions:
            uid = uid_of(version)
            known = before.get(uid)
            if known is not None:
                after[uid] = known
            if known != ground_of(version, below):
                yield version
            below = name_of(version)
        self._decided[key] = after

    def decided(self, key: Key, prompt: Manifest, version: Manifest, below: str = "") -> None:
        """A version's status was decided, and is as it should be; `below` is the name of the one with the next lower number."""
        self._decided.setdefault(key, {})[uid_of(version)] = _Grounds(prompt)(version, below)


class _Grounds:
    """Reads a Prompt's status once for all of its versions."""

    def __init__(self, prompt: Manifest) -> None:
        memory = Memory.of(prompt)
        self._uid = uid_of(prompt)
        self._stable = memory.stable
        self._served = {each.version: each.digest for each in reversed(memory.ever_served)}

    def __call__(self, version: Manifest, below: str) -> _Ground:
        number = number_of(version)
        in_use = self._stable is not None and self._stable.version == number
        if references(mapping(spec_of(version).get("content"))):
            return (object(),)  # what it includes may have come, gone or come back
        return version["metadata"].get("resourceVersion"), self._uid, in_use, self._served.get(number), below
