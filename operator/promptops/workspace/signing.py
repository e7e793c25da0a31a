"""The versions of some files as they are signed: what stands for each, and by whom."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from promptops.api.v1alpha1 import API_VERSION
from promptops.cache.signing import PersonalKey, is_genuine
from promptops.domain.backup.promotion import assessments
from promptops.domain.content.assessment import Assessment
from promptops.domain.findings import combined
from promptops.domain.manifests import Manifest, metadata, name_of, text
from promptops.domain.ownership import number_of, prompt_of
from promptops.domain.signatures import key_id, signer, statement
from promptops.workspace.content import NoContent, readings_of
from promptops.workspace.workspace import unique


@dataclass(frozen=True)
class SignedVersion:
    """A version, and who of those that are believed stands for it."""

    name: str
    digest: str
    by: str | None


def sign(files: Mapping[str, bytes], key: PersonalKey, names: Iterable[str] = ()) -> tuple[dict[str, Any], ...]:
    """Return what each version gets: its name and the signature, to be applied on the server's side or as a patch of kustomize.

    `names`: of the PromptVersions that are meant; none: all of the files. Raises NoContent.
    """
    return tuple(_signature(version, found, key) for version, found in _versions(files, frozenset(names)))


def verify(files: Mapping[str, bytes], believed: Mapping[str, str]) -> tuple[SignedVersion, ...]:
    """Return who signed each version. `believed`: name → public key as a Tenant has it. Raises NoContent."""
    return tuple(
        SignedVersion(name_of(version), found, signer(version, found, believed, is_genuine))
        for version, found in _versions(files, frozenset())
    )


def _signature(version: Manifest, digest: str, key: PersonalKey) -> dict[str, Any]:
    made = key.sign(statement(prompt_of(version), number_of(version), digest))
    where = {"name": name_of(version)}
    if namespace := text(metadata(version).get("namespace")):
        where["namespace"] = namespace
    signatures = {key_id(key.public): base64.b64encode(made).decode()}
    return {
        "apiVersion": API_VERSION,
        "kind": "PromptVersion",
        "metadata": where,
        "spec": {"signatures": signatures},
    }


def _versions(files: Mapping[str, bytes], names: frozenset[str]) -> tuple[tuple[Manifest, str], ...]:
    """The versions with their digests; what they include has to be among the files."""
    found, _ = unique(readings_of(files))
    read = [each.manifest for each in found.values() if each.manifest.get("kind") == "PromptVersion"]
    looked = assessments(read)
    wanted = [each for each in read if not names or name_of(each) in names]
    if missing := names - {name_of(each) for each in wanted}:
        raise NoContent(f"there is no PromptVersion {', '.join(sorted(missing))} in the files")
    if not wanted:
        raise NoContent("there is no PromptVersion in the files: only versions are signed")
    digests = [_digest(each, looked[text(metadata(each).get("namespace")), name_of(each)]) for each in wanted]
    return tuple(zip(wanted, digests, strict=True))


def _digest(version: Manifest, found: Assessment) -> str:
    wrong = combined(found.findings)
    if wrong is not None or found.digest is None:
        raise NoContent(f"{name_of(version)} can never be served{f': {wrong.sentence}' if wrong else ''}")
    return found.digest
