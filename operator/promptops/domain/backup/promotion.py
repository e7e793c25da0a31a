"""Content that left the cluster and has to be what it was: its digest says so, with all that it includes, or it does not come in."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from promptops.api.v1alpha1 import API_VERSION
from promptops.domain.content.assessment import Assessment, look_at_spec
from promptops.domain.content.references import references
from promptops.domain.content.resolving import Resolver
from promptops.domain.manifests import Manifest, annotation, mapping, metadata, name_of, spec_of, status_of, text
from promptops.domain.ownership import lifecycle_of

DIGEST_ANNOTATION: Final = "promptops.io/digest"
"""Of an exported version: what its content, with all that it includes, must come to."""


class CannotPromote(Exception):
    """A version is not fit to leave or to come in; the message says why and what to do."""


def assessments(versions: Iterable[Manifest]) -> dict[tuple[str, str], Assessment]:
    """Return what every version comes to, by namespace and name, with what it includes of the same namespace."""
    known = {_key(each): each for each in versions}

    def find(namespace: str, name: str) -> Manifest | None:
        return known.get((namespace, name))

    resolvers = {namespace: Resolver(partial(find, namespace), look=_look) for namespace, _ in known}
    return {key: resolvers[key[0]].assess(each) for key, each in known.items()}


def altered(versions: Iterable[Manifest]) -> Iterator[tuple[Manifest, str]]:
    """Yield the versions whose content has another digest than their status says, each with the one it has."""
    read = tuple(versions)
    found = assessments(read)
    for each in read:
        said, has = text(status_of(each).get("digest")), found[_key(each)].digest
        if said and has is not None and has != said:
            yield each, has


def names_included(version: Manifest) -> tuple[str, ...]:
    """Return the names of the PromptVersions that a version includes itself."""
    return tuple(each.name for each in references(mapping(spec_of(version).get("content"))))


def exported(versions: Iterable[Manifest]) -> tuple[dict[str, Any], ...]:
    """Return versions as they travel: without a namespace, an owner or a label. Among them is what they include.

    Raises CannotPromote.
    """
    read = tuple(versions)
    found = _digests(read)
    return tuple(_travelling(each, found[name_of(each)]) for each in sorted(read, key=name_of))


def once(versions: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Return every version once, as two exports may both have what both include. Raises CannotPromote."""
    found: dict[str, Manifest] = {}
    for each in versions:
        if found.setdefault(name_of(each), each) != each:
            raise CannotPromote(f"{name_of(each)} stands there twice, and not as the same: import one after the other")
    return tuple(found.values())


def verified(versions: Iterable[Manifest], claims: Mapping[str, str]) -> dict[str, str]:
    """Return the digest of every version that came, by name; each comes once. `claims`: what else is said of them.

    Raises CannotPromote when one is not what is said of it.
    """
    read = tuple(versions)
    found = _digests(read)
    wrong = [said for each in read for said in _flaws(each, found[name_of(each)])]
    wrong += [
        f"{name}: it is said to be {said}, and is not" for name, said in claims.items() if found.get(name) != said
    ]
    if wrong:
        raise CannotPromote("\n".join(wrong))
    return {name: digest for name, digest in found.items() if digest is not None}


def roots(versions: Iterable[Manifest]) -> tuple[str, ...]:
    """Return the names of the versions that no other one of them includes: those that are to be activated."""
    read = tuple(versions)
    taken = {name for each in read for name in names_included(each)}
    return tuple(sorted({name_of(each) for each in read} - taken))


def _digests(versions: tuple[Manifest, ...]) -> dict[str, str | None]:
    """The digests by name; None of what may not be served."""
    found = assessments(versions).items()
    return {name: each.digest if each.is_sound else None for (_, name), each in found}


def _travelling(version: Manifest, digest: str | None) -> dict[str, Any]:
    name = name_of(version)
    if lifecycle_of(version) == "Archived":
        raise CannotPromote(f"{name} is archived: export another version, or set its spec.lifecycle to Available")
    if digest is None:
        raise CannotPromote(f"{name} may not be served: kubectl describe promptversion {name} says why")
    return {
        "apiVersion": API_VERSION,
        "kind": "PromptVersion",
        "metadata": {"name": name, "annotations": {DIGEST_ANNOTATION: digest}},
        "spec": dict(spec_of(version)),
    }


def _flaws(version: Manifest, digest: str | None) -> Iterator[str]:
    name, said = name_of(version), annotation(version, DIGEST_ANNOTATION)
    if not said:
        yield f"{name}: the annotation {DIGEST_ANNOTATION} is not there: export it with promptops export"
    elif digest is None:
        yield f"{name}: it can never be served, or what it includes is not among the files: export it again"
    elif digest != said:
        yield f"{name}: its content, with what it includes, has the digest {digest}, not {said}: it was changed on the way"


def _key(version: Manifest) -> tuple[str, str]:
    return text(metadata(version).get("namespace")), name_of(version)


def _look(version: Manifest) -> Assessment:
    return look_at_spec(spec_of(version))
