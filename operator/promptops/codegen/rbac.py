"""What the operator may do, and what people are to prompts. Data; every grant says why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from promptops.api.names import CENSUS_CONFIG_MAP, DECISIONS, KEYS_SECRET, LEASE, RELAY, TRUST_CONFIG_MAP, WEBHOOK
from promptops.api.v1alpha1 import GROUP, KINDS, Prompt, PromptVersion
from promptops.codegen.activation import ACTIVATE

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Installation:
    """How the objects of one installation are called."""

    name: str
    namespace: str
    service_account: str


@dataclass(frozen=True)
class Grant:
    """Verbs on resources, and the reason they are needed."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()

    def rule(self) -> Manifest:
        """Return the grant as a rule of a Role."""
        rule: Manifest = {"apiGroups": [self.group], "resources": list(self.resources)}
        if self.names:
            rule["resourceNames"] = list(self.names)
        return rule | {"verbs": list(self.verbs)}


_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete", "deletecollection")
_PROMPTS, _VERSIONS = Prompt.NAMES.plural, PromptVersion.NAMES.plural
_PLURALS = tuple(kind.NAMES.plural for kind in KINDS)
_NAMESPACED = tuple(kind.NAMES.plural for kind in KINDS if kind.NAMES.scope == "Namespaced")

CLUSTER_GRANTS: tuple[Grant, ...] = (
    Grant(GROUP, _PLURALS, _READ, "what is decided on"),
    Grant(
        GROUP, tuple(f"{plural}/status" for plural in _PLURALS), ("update",), "decisions: a status is replaced whole"
    ),
    # No patch and no update: a version is immutable, and a Prompt's spec is its author's.
    Grant(GROUP, (_VERSIONS,), ("create", "delete"), "versions made from a source, and their pruning"),
    # It cannot write a Prompt; the policies ask for the verb of whoever makes versions with an owner and deletes them.
    Grant(GROUP, (_PROMPTS,), (ACTIVATE,), "versions that belong to their Prompt and go with it"),
    Grant("", ("configmaps",), _READ, "sources; the watch selects the label promptops.io/watch"),
    # Kubernetes cannot restrict them to a label; the policy on projections does.
    Grant("", ("configmaps",), ("create", "patch", "delete"), "projections, where a Prompt asks; what to believe"),
    Grant("", ("namespaces",), _READ, "scopes of the feed, and the claims of tenants"),
    # Without get and watch. The operator asks for metadata alone; Kubernetes cannot grant less of an object than all of it.
    Grant("", ("pods",), ("list",), "whether pods lack the sidecar that their label asks for, or were never heard of"),
    Grant("", ("events",), ("create", "patch"), "transitions, for people"),
    Grant(
        "coordination.k8s.io", ("leases",), ("list",), "whether another operator leads in this cluster", names=(LEASE,)
    ),
    Grant("authentication.k8s.io", ("tokenreviews",), ("create",), "which namespace a sidecar's token speaks for"),
)
"""The operator, in every namespace."""

OWN_NAMESPACE_GRANTS: tuple[Grant, ...] = (
    Grant("coordination.k8s.io", ("leases",), ("get", "update"), "leadership", names=(LEASE,)),
    Grant("", ("secrets",), ("get", "update"), "the feed's keys and certificate authorities", names=(KEYS_SECRET,)),
    Grant("", ("secrets",), ("get", "update"), "the certificate of relays and gateways", names=(RELAY,)),
    Grant("", ("configmaps",), ("update",), "what sidecars have to believe of them", names=(TRUST_CONFIG_MAP,)),
    Grant("", ("configmaps",), ("update",), "the log of decisions, which goes round in these", names=DECISIONS),
    Grant(
        "",
        ("configmaps",),
        ("update",),
        "how many instances the next leader should hear of",
        names=(CENSUS_CONFIG_MAP,),
    ),
    # Kubernetes cannot restrict create by name: the object has none yet when it is authorized.
    Grant("coordination.k8s.io", ("leases",), ("create",), "the first leader makes the Lease"),
    Grant("", ("secrets",), ("create",), "the first leader makes the keys"),
)
"""The operator, in its own namespace."""

WEBHOOK_GRANTS: tuple[Grant, ...] = (
    Grant(
        "admissionregistration.k8s.io",
        ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
        ("get", "update"),
        "whose certificate the API server believes of the webhook",
        names=(WEBHOOK,),
    ),
)
"""The operator, in the cluster, with a webhook. The webhook itself has no rights: it answers whoever reaches it."""
OWN_WEBHOOK_GRANTS: tuple[Grant, ...] = (
    Grant("", ("secrets",), ("get", "update"), "the webhook's certificate", names=(WEBHOOK,)),
)
"""The operator, in its own namespace, with a webhook."""

RELAY_GRANTS: tuple[Grant, ...] = (
    Grant("authentication.k8s.io", ("tokenreviews",), ("create",), "which namespace a caller's token speaks for"),
    Grant("", ("namespaces",), ("get",), "which namespace that is now, and not only what it is called"),
)
"""A relay, or a gateway, in every namespace. What it serves it has from the operators, whose feed lets its account follow."""

_VIEWING = (
    Grant(GROUP, _NAMESPACED, _READ, "read prompts and their versions"),
    Grant(GROUP, tuple(f"{plural}/status" for plural in _NAMESPACED), ("get",), "read what is served"),
)
_WRITING = Grant(
    GROUP, (_PROMPTS, _VERSIONS), _WRITE, "write prompts and their versions; what is served stays as it is"
)
_RELEASING = (
    Grant(GROUP, (_PROMPTS,), ("update", "patch", ACTIVATE), "change what is served: activate, roll back, switch off"),
    Grant(GROUP, (_PROMPTS, _VERSIONS), ("delete",), "withdraw what is served"),
)
_TENANCY = Grant("", ("configmaps",), _READ, "read the values and sources that a Prompt may refer to")


@dataclass(frozen=True)
class PeopleRole:
    """What somebody is to the prompts of a namespace."""

    name: str
    gathered_by: tuple[str, ...]
    """Roles of the cluster that have it in them."""
    grants: tuple[Grant, ...]
    why: str


PEOPLE: tuple[PeopleRole, ...] = (
    PeopleRole("viewer", ("view", "edit", "admin"), _VIEWING, "sees what there is and what is served"),
    PeopleRole("author", ("edit", "admin"), (*_VIEWING, _WRITING), "writes versions, and serves none of them"),
    PeopleRole("releaser", ("admin",), (*_VIEWING, *_RELEASING), "decides what is served, and writes no versions"),
    PeopleRole(
        "tenant-admin",
        ("admin",),
        (*_VIEWING, _WRITING, *_RELEASING, _TENANCY),
        "both, in a namespace of the tenant's; Tenants themselves are the cluster administrators'",
    ),
)
"""Roles to bind in a namespace. Nobody writes a status."""


def releaser(installation: Installation) -> str:
    """Return the name of the role that may change what is served."""
    return f"{installation.name}-releaser"


def operator_roles(installation: Installation) -> tuple[Manifest, ...]:
    """Return the operator's roles, each followed by its binding."""
    name, namespace = installation.name, installation.namespace
    return (
        _role("ClusterRole", {"name": name}, CLUSTER_GRANTS),
        _binding("ClusterRoleBinding", {"name": name}, "ClusterRole", installation),
        _role("Role", {"name": name, "namespace": namespace}, OWN_NAMESPACE_GRANTS),
        _binding("RoleBinding", {"name": name, "namespace": namespace}, "Role", installation),
    )


def webhook_roles(installation: Installation) -> tuple[Manifest, ...]:
    """Return the roles that the operator has for the sake of the webhook, each followed by its binding."""
    name, namespace = f"{installation.name}-webhook", installation.namespace
    return (
        _role("ClusterRole", {"name": name}, WEBHOOK_GRANTS),
        _binding("ClusterRoleBinding", {"name": name}, "ClusterRole", installation),
        _role("Role", {"name": name, "namespace": namespace}, OWN_WEBHOOK_GRANTS),
        _binding("RoleBinding", {"name": name, "namespace": namespace}, "Role", installation),
    )


def relay_roles(installation: Installation) -> tuple[Manifest, ...]:
    """Return the role of relays and gateways, and its binding to the account that is theirs alone."""
    name = f"{installation.name}-relay"
    account = replace(installation, service_account=RELAY)
    return (
        _role("ClusterRole", {"name": name}, RELAY_GRANTS),
        _binding("ClusterRoleBinding", {"name": name}, "ClusterRole", account),
    )


def people_roles(installation: Installation) -> tuple[Manifest, ...]:
    """Return the roles of PEOPLE; view, edit and admin gather them."""
    return tuple(_aggregated(f"{installation.name}-{role.name}", role) for role in PEOPLE)


def _aggregated(name: str, role: PeopleRole) -> Manifest:
    labels = {f"rbac.authorization.k8s.io/aggregate-to-{into}": "true" for into in role.gathered_by}
    return _role("ClusterRole", {"name": name, "labels": labels}, role.grants)


def _role(kind: str, metadata: Manifest, grants: tuple[Grant, ...]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": [grant.rule() for grant in grants],
    }


def _binding(kind: str, metadata: Manifest, role_kind: str, installation: Installation) -> Manifest:
    subject = {
        "kind": "ServiceAccount",
        "name": installation.service_account,
        "namespace": installation.namespace,
    }
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": metadata["name"]},
        "subjects": [subject],
    }
