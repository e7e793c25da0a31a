"""Who has to be decided anew when an object changes: versions and ConfigMaps lead to prompts, ids to rivals."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TypeVar

from promptops.controller.keys import Key, prompt_key, version_key
from promptops.domain.content.numbers import Number, order_of
from promptops.domain.content.references import references
from promptops.domain.manifests import Manifest, mapping, metadata, spec_of, status_of, text
from promptops.domain.ownership import calls_of, config_maps_of, number_of, prompt_of
from promptops.domain.snapshot import Amount

KeyType = TypeVar("KeyType", bound=Hashable)
_Index = defaultdict[tuple[str, str], set[str]]
_Numbered = tuple[Number, str]


class Relations:
    """Maps that follow the objects. Everything stays within a namespace."""

    def __init__(self) -> None:
        self._versions: defaultdict[tuple[str, str], list[_Numbered]] = defaultdict(list)
        """(namespace, prompt) → the PromptVersions that name it, in the order of their numbers."""
        self._readers: _Index = defaultdict(set)
        """(namespace, ConfigMap) → names of the Prompts that read it."""
        self._called: _Index = defaultdict(set)
        """(namespace, promptId) → names of the Prompts that are called so, other than by their own name."""
        self._including: _Index = defaultdict(set)
        """(namespace, PromptVersion) → names of the PromptVersions that include it."""
        self._asking: _Index = defaultdict(set)
        """(namespace, PromptVersion) → names of the Prompts that looked for it, as something that is included."""
        self._asked: _Index = defaultdict(set)
        """(namespace, Prompt) → what it looked for."""
        self._prompts: defaultdict[str, set[str]] = defaultdict(set)
        """Namespace → names of its Prompts."""
        self._ages: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        """Namespace → when its Prompts were created, and their names, the oldest first."""
        self._limits: dict[str, int] = {}
        """Namespace → how many Prompts there may be, where a younger one found that there are more."""
        self._amounts: dict[str, Amount] = {}
        """Namespace → how much there is, as it was counted last; none since anything came or went."""
        self._version_counts: Counter[str] = Counter()
        """Namespace → its PromptVersions, whatever prompt they name."""
        self.came_or_went: Callable[[], None] = lambda: None
        """Called when there is a Prompt or a PromptVersion more or less."""

    def amounts(self) -> dict[str, Amount]:
        """Return namespace → how many Prompts and PromptVersions there are, where there are any."""
        return {namespace: self._amount(namespace) for namespace in {*self._prompts, *self._version_counts}}

    def _amount(self, namespace: str) -> Amount:
        known = self._amounts.get(namespace)
        if known is None:
            names = self._prompts.get(namespace, ())
            most = max((len(self._versions.get((namespace, name), ())) for name in names), default=0)
            known = self._amounts[namespace] = Amount(len(names), self._version_counts[namespace], most)
        return known

    def prompts_in(self, namespace: str) -> tuple[str, ...]:
        """Return the names of the Prompts of a namespace."""
        return tuple(self._prompts.get(namespace, ()))

    def older_prompts(self, prompt: Manifest, limit: int) -> int:
        """Return how many Prompts of the namespace are older. Of those beyond the limit one follows when one within it goes."""
        namespace, _ = _name(prompt)
        older = bisect_left(self._ages[namespace], _age(prompt))
        if older >= limit:
            self._limits[namespace] = limit
        return older

    def versions_of(self, namespace: str, prompt: str) -> tuple[str, ...]:
        """Return the names of the PromptVersions that name a prompt, whoever owns them, in the order of their numbers."""
        return tuple(name for _, name in self._versions.get((namespace, prompt), ()))

    def orphans(self) -> Iterator[tuple[str, str]]:
        """Yield the namespaces and names of the PromptVersions that name a Prompt that is not there."""
        for (namespace, prompt), numbered in self._versions.items():
            if prompt not in self._prompts.get(namespace, ()):
                yield from ((namespace, name) for _, name in numbered)

    def versions_below(self, version: Manifest, most: int) -> tuple[str, ...]:
        """Return the names of those that name the same prompt and have lower numbers, the nearest first, at most so many."""
        namespace, name = _name(version)
        numbered = self._versions.get((namespace, prompt_of(version)), [])
        place = bisect_left(numbered, (_order(version), name))
        return tuple(below for _, below in reversed(numbered[max(0, place - most) : place]))

    def including(self, namespace: str, version: str) -> frozenset[str]:
        """Return the names of the PromptVersions that include one, directly or not."""
        found: set[str] = set()
        waiting = [version]
        while waiting:
            new = self._including.get((namespace, waiting.pop()), set()) - found
            found |= new
            waiting += new
        return frozenset(found)

    def is_included(self, namespace: str, version: str) -> bool:
        """Tell whether a version includes this one, or a prompt looked for it."""
        return (namespace, version) in self._including or (namespace, version) in self._asking

    def asks(self, namespace: str, prompt: str, version: str) -> None:
        """Note that what is decided about a prompt depends on a version that is included, be it there or not."""
        self._asking[namespace, version].add(prompt)
        self._asked[namespace, prompt].add(version)

    def rivals_of(self, prompt: Manifest) -> tuple[str, ...]:
        """Return the names of the other Prompts that applications could mean by one of this prompt's names."""
        namespace, name = _name(prompt)
        return tuple(
            sorted({other for called in calls_of(prompt) for other in self._named(namespace, called)} - {name})
        )

    def served(self, before: Manifest, after: Manifest) -> frozenset[Key]:
        """Return whom it concerns that a Prompt has something to serve now, or no more: who wants the same id."""
        if _has_something_to_serve(before) == _has_something_to_serve(after):
            return frozenset()
        namespace, _ = _name(after)
        return frozenset(prompt_key(namespace, rival) for rival in self.rivals_of(after))

    def moved(self, kind: str, before: Manifest | None, after: Manifest | None) -> frozenset[Key]:
        """Follow an object from one state to another (None: it is not there) and return what to decide anew."""
        steps = {"Prompt": self._prompt, "PromptVersion": self._version, "ConfigMap": self._config_map}
        anew = frozenset(steps[kind](before, after))
        if kind != "ConfigMap":
            self._count(kind, before, after)
        return anew

    def _count(self, kind: str, before: Manifest | None, after: Manifest | None) -> None:
        more = (after is not None) - (before is not None)
        namespace, _ = _name(after or before or {})
        self._amounts.pop(namespace, None)
        if not more:
            return
        if kind == "PromptVersion":
            self._version_counts[namespace] += more
        if not self._version_counts[namespace]:
            del self._version_counts[namespace]
        self.came_or_went()

    def _prompt(self, before: Manifest | None, after: Manifest | None) -> Iterator[Key]:
        prompt = after if after is not None else before
        if prompt is None:
            return
        namespace, name = _name(prompt)
        yield prompt_key(namespace, name)
        called_before, called_after = (calls_of(each) if each else frozenset[str]() for each in (before, after))
        for called in called_before - {name}:
            _discard(self._called, (namespace, called), name)
        for called in called_after - {name}:
            self._called[namespace, called].add(name)
        for called in called_before ^ called_after:
            yield from (prompt_key(namespace, rival) for rival in self._named(namespace, called) - {name})
        self._follow_source(namespace, name, before, after)
        if before is not None and after is not None:
            yield from self.served(before, after)
        if after is None:
            for version in self._asked.pop((namespace, name), ()):
                _discard(self._asking, (namespace, version), name)
            _discard(self._prompts, namespace, name)
            yield from self._younger(prompt)
            yield from (version_key(namespace, version) for version in self.versions_of(namespace, name))
        else:
            self._prompts[namespace].add(name)
            self._grow_older(before, after)

    def _grow_older(self, before: Manifest | None, after: Manifest) -> None:
        ages = self._ages[_name(after)[0]]
        if before is not None and _age(before) != _age(after):
            del ages[bisect_left(ages, _age(before))]
            before = None
        if before is None:
            insort(ages, _age(after))

    def _younger(self, gone: Manifest) -> Iterator[Key]:
        """Yield the Prompt for which there is room now."""
        namespace, _ = _name(gone)
        ages, limit = self._ages[namespace], self._limits.get(namespace, 0)
        place = bisect_left(ages, _age(gone))
        del ages[place]
        if place < limit <= len(ages):
            yield prompt_key(namespace, ages[limit - 1][1])
        if limit > len(ages):
            del self._limits[namespace]
        if not ages:
            del self._ages[namespace]

    def _follow_source(self, namespace: str, name: str, before: Manifest | None, after: Manifest | None) -> None:
        for read in config_maps_of(before) if before is not None else ():
            _discard(self._readers, (namespace, read), name)
        for read in config_maps_of(after) if after is not None else ():
            self._readers[namespace, read].add(name)

    def _version(self, before: Manifest | None, after: Manifest | None) -> Iterator[Key]:
        for version, is_there in ((before, False), (after, True)):
            if version is None:
                continue
            namespace, name = _name(version)
            prompt = prompt_of(version)
            self._include(version, is_there)
            self._file(namespace, prompt, (_order(version), name), is_there)
            if prompt in self._prompts.get(namespace, ()):
                # A version's own status follows from its prompt's, and is decided after it.
                yield prompt_key(namespace, prompt)
            elif is_there:
                yield version_key(namespace, name)
        yield from self._depending(before if before is not None else after)

    def _include(self, version: Manifest, is_there: bool) -> None:
        namespace, name = _name(version)
        for each in _includes_of(version):
            if is_there:
                self._including[namespace, each].add(name)
            else:
                _discard(self._including, (namespace, each), name)

    def _depending(self, version: Manifest | None) -> Iterator[Key]:
        """Yield who depends on a version by including it, and whose being in use depends on it."""
        if version is None:
            return
        namespace, name = _name(version)
        yield from (prompt_key(namespace, prompt) for prompt in self._asking.get((namespace, name), ()))
        yield from (version_key(namespace, each) for each in self.including(namespace, name))
        yield from (version_key(namespace, each) for each in _includes_of(version))

    def _file(self, namespace: str, prompt: str, numbered: _Numbered, is_there: bool) -> None:
        filed = self._versions[namespace, prompt]
        place = bisect_left(filed, numbered)
        known = place < len(filed) and filed[place] == numbered
        if is_there and not known:
            filed.insert(place, numbered)
        elif known and not is_there:
            del filed[place]
        if not filed:
            del self._versions[namespace, prompt]

    def _config_map(self, before: Manifest | None, after: Manifest | None) -> Iterator[Key]:
        config_map = after if after is not None else before
        if config_map is not None:
            namespace, name = _name(config_map)
            yield from (prompt_key(namespace, reader) for reader in self._readers.get((namespace, name), ()))

    def _named(self, namespace: str, called: str) -> set[str]:
        """Return the names of the Prompts that somebody could mean who calls one so."""
        is_name = called in self._prompts.get(namespace, ())
        return self._called.get((namespace, called), set()) | ({called} if is_name else set())


def _age(prompt: Manifest) -> tuple[str, str]:
    return text(metadata(prompt).get("creationTimestamp")), _name(prompt)[1]


def _order(version: Manifest) -> Number:
    return order_of(number_of(version))


def _includes_of(version: Manifest) -> tuple[str, ...]:
    return tuple(each.name for each in references(mapping(spec_of(version).get("content"))))


def _name(manifest: Manifest) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _has_something_to_serve(prompt: Manifest) -> bool:
    # Asked at every echo of a status: whether it says so is enough, what it says is read by whoever decides.
    return isinstance(status_of(prompt).get("serving"), Mapping)


def _discard(index: defaultdict[KeyType, set[str]], key: KeyType, name: str) -> None:
    index[key].discard(name)
    if not index[key]:
        del index[key]
