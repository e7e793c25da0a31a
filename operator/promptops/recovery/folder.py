"""A backup as a folder: one file an object, the same bytes for the same objects, so that git shows what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from promptops.api.names import KEYS_SECRET
from promptops.api.v1alpha1 import API_VERSION, Prompt, PromptVersion, Tenant
from promptops.api.v1alpha1.schema import Kind
from promptops.cache.tiers.files import write_whole
from promptops.domain.backup.records import KINDS, Record, place, title
from promptops.domain.manifests import mapping, metadata, name_of, parse_as, text
from promptops.workspace.manifest_files import Flaw, documents_in, items_of

KEYS_FILE: Final = "keys.yaml"
_MODELS: Final[Mapping[str, type[Kind]]] = {"Tenant": Tenant, "PromptVersion": PromptVersion, "Prompt": Prompt}


class NoBackup(Exception):
    """Files are no backup, or were spoilt; the message names each place."""


def path_of(record: Record) -> PurePosixPath:
    """Return where in the folder an object stands."""
    if record["kind"] == "Secret":
        return PurePosixPath(KEYS_FILE)
    folder = f"{record['kind'].lower()}s"
    namespace = text(metadata(record).get("namespace"))
    return PurePosixPath(*(("namespaces", namespace) if namespace else ()), folder, f"{name_of(record)}.yaml")


def covered(namespaces: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the folders of which a backup says everything: what is not in it any more is taken out of them."""
    return ("tenants", "namespaces") if namespaces is None else tuple(f"namespaces/{each}" for each in namespaces)


def write(folder: Path, texts: Mapping[PurePosixPath, str], covers: tuple[str, ...]) -> None:
    """Make a folder what a backup is now: each file whole or as it was, and nothing that is gone. Raises OSError."""
    for name, written in texts.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, written.encode(), durable=True)
    wanted = {folder / name for name in texts}
    for path in [path for part in covers for path in (folder / part).rglob("*.yaml")]:
        if path not in wanted:
            path.unlink()


def read_records(files: Mapping[str, bytes]) -> tuple[Record, ...]:
    """Return the objects in some files, in the order in which they are put back. Raises NoBackup."""
    found: dict[tuple[int, str, str], Record] = {}
    flaws: list[Flaw] = []
    for name, data in files.items():
        for one in _objects(name, data):
            if isinstance(one, Flaw):
                flaws.append(one)
            elif found.setdefault(place(one), one) is not one:
                flaws.append(Flaw(name, f"{title(one)} stands there twice"))
    if flaws:
        raise NoBackup("\n".join(map(str, flaws)))
    return tuple(found[key] for key in sorted(found))


def _objects(name: str, data: bytes) -> Iterable[Record | Flaw]:
    for document in documents_in(name, data):
        if isinstance(document, Flaw):
            yield document
        else:
            yield from (_object(each, f"{name}:{document.line}") for each in items_of(document.value))


def _object(value: object, where: str) -> Record | Flaw:
    record = dict(mapping(value))
    kind, version, name = text(record.get("kind")), record.get("apiVersion"), name_of(record)
    if kind not in KINDS or version != (API_VERSION if kind in _MODELS else "v1") or not name:
        return Flaw(where, f"{kind or 'this'} is nothing that a backup has")
    if kind == "Secret" and name != KEYS_SECRET:
        return Flaw(where, f"of Secrets a backup has {KEYS_SECRET} alone, not {name}")
    if kind != "Tenant" and not metadata(record).get("namespace"):
        return Flaw(where, f"{kind} {name}: metadata.namespace: is required")
    findings = parse_as(_MODELS[kind], record, "")[1] if kind in _MODELS else ()
    if findings:
        return Flaw(where, f"{title(record)}: {'; '.join(each.sentence for each in findings)}")
    return record


def files_in(path: Path) -> tuple[Path, ...]:
    """Return the files of a folder, or the one that is named, in their order; hidden ones are none of a backup's."""
    if not path.is_dir():
        return (path,)
    found = (
        each for each in path.rglob("*.y*ml") if not any(part.startswith(".") for part in each.relative_to(path).parts)
    )
    return tuple(sorted(each for each in found if each.is_file()))
