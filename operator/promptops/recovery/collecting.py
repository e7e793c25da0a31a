"""Reads what a backup is made of, for a cluster, a tenant or some namespaces."""

from __future__ import annotations

from dataclasses import dataclass

from promptops.api.names import KEYS_SECRET
from promptops.cluster.errors import NotFound
from promptops.cluster.objects import Objects
from promptops.cluster.resources import CONFIG_MAPS, PROMPT_VERSIONS, PROMPTS, SECRETS, TENANTS
from promptops.domain.backup.records import Record, records
from promptops.domain.manifests import Manifest, mapping, sequence, spec_of, text
from promptops.domain.statuses import said_of_tenant


@dataclass(frozen=True)
class Extent:
    """How much is backed up: everything, unless a tenant or namespaces are named."""

    tenant: str = ""
    namespaces: tuple[str, ...] = ()


class NothingThere(Exception):
    """What is to be backed up does not exist; the message names it."""


@dataclass(frozen=True)
class Collected:
    """Everything that was found."""

    records: tuple[Record, ...]
    namespaces: tuple[str, ...] | None
    """Those that were looked at; None: all."""


async def collect(objects: Objects, extent: Extent) -> Collected:
    """Read objects of ours, and the ConfigMaps that prompts may read.

    Raises NothingThere, HalfRestored and ClusterError.
    """
    tenants, namespaces = await _tenants(objects, extent)
    found = list(tenants)
    for namespace in (None,) if namespaces is None else namespaces:
        # Prompts first: what they serve is older than they are, and is still there when versions are listed.
        for resource in (PROMPTS, PROMPT_VERSIONS, CONFIG_MAPS):
            found += (await objects.list(resource, namespace)).objects
    return Collected(records(found), namespaces)


async def collect_keys(objects: Objects, operator_namespace: str) -> Record:
    """Read the Secret with the operator's keys. Raises NothingThere and ClusterError."""
    try:
        secret = await objects.get(SECRETS, operator_namespace, KEYS_SECRET)
    except NotFound:
        raise NothingThere(
            f"there is no Secret {KEYS_SECRET} in namespace {operator_namespace}: "
            "name the operator's own with --operator-namespace"
        ) from None
    (record,) = records((secret,))
    return record


async def _tenants(objects: Objects, extent: Extent) -> tuple[tuple[Manifest, ...], tuple[str, ...] | None]:
    if extent.namespaces:
        return (), tuple(sorted(set(extent.namespaces)))
    if not extent.tenant:
        return (await objects.list(TENANTS)).objects, None
    try:
        tenant = await objects.get(TENANTS, None, extent.tenant)
    except NotFound:
        raise NothingThere(f"there is no Tenant {extent.tenant}: kubectl get tenants lists them") from None
    return (tenant,), tuple(sorted(_namespaces_of(tenant)))


def _namespaces_of(tenant: Manifest) -> frozenset[str]:
    """What it holds; what it claims and another one holds is none of its own."""
    lost = {row.namespace for row in said_of_tenant(tenant).claims or () if row.state == "Conflict"}
    claimed = map(text, sequence(mapping(spec_of(tenant)).get("namespaces")))
    return frozenset(claimed) - lost
