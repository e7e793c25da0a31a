"""What people try in a namespace of theirs, as requests: forged statuses, labels, owners and names, ways around a policy, ways around a role.

Each is let through and harmless, or refused in certain words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from promptops.api.v1alpha1 import API_VERSION
from tests.support.manifests import Manifest, prompt, reading, sourced, tenant, version

NAMESPACE: Final = "deeds"
ELSEWHERE: Final = "default"
OURS: Final = f"/apis/{API_VERSION}/namespaces/{NAMESPACE}"
CORE: Final = f"/api/v1/namespaces/{NAMESPACE}"
RBAC: Final = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
POLICIES: Final = "/apis/admissionregistration.k8s.io/v1"
GREETING: Final = f"{OURS}/prompts/greeting"
SERVED: Final = f"{OURS}/promptversions/greeting-1.0.0"
TENANTS: Final = f"/apis/{API_VERSION}/tenants"
TAKEN: Final = "deeds-taken"
"""A namespace that a Tenant claims."""

MERGE, JSON, STRATEGIC, APPLY = (
    f"application/{kind}+{'yaml' if kind == 'apply-patch' else 'json'}"
    for kind in ("merge-patch", "json-patch", "strategic-merge-patch", "apply-patch")
)
OWNER: Final = {"apiVersion": "v1", "kind": "ConfigMap", "name": "words", "uid": "9f0d1f6a-0000-4000-8000-000000000000"}
ADMINISTRATOR: Final = "administrator"
"""Of the cluster: whom only policies and schemas refuse."""

ACTIVATE, ROLE, READ, FIXED = (
    "needs the verb activate",
    "is forbidden: User",
    "which you may not get",
    "cannot be changed",
)


@dataclass(frozen=True)
class Deed:
    """A request, who makes it, and what is said of it; nothing: it is let through, and harmless."""

    who: str
    method: str
    path: str
    body: Any = None
    said: str = ""
    kind: str = "application/json"


def _patch(path: str, body: Any, said: str, kind: str = MERGE, who: str = "author") -> Deed:
    return Deed(who, "PATCH", path, body, said, kind)


def _edit(path: str, said: str, *edits: tuple[Any, ...], who: str = "author") -> Deed:
    """A JSON patch: op, path, and value or from."""
    names = {"move": "from", "copy": "from"}
    made = [{"op": op, "path": at, **({names.get(op, "value"): more[0]} if more else {})} for op, at, *more in edits]
    return Deed(who, "PATCH", path, made, said, JSON)


def _create(manifest: Manifest, said: str, who: str = "author", **metadata: Any) -> Deed:
    plural = {"Prompt": "prompts", "PromptVersion": "promptversions"}.get(manifest["kind"])
    path = TENANTS if plural is None else f"{OURS}/{plural}"
    return Deed(who, "POST", path, {**manifest, "metadata": {**manifest["metadata"], **metadata}}, said)


def _generated(manifest: Manifest, said: str, who: str = "author") -> Deed:
    """With a name that the API server makes up."""
    return _create({**manifest, "metadata": {"generateName": "made-"}}, said, who)


def _apply(manifest: Manifest, path: str, said: str, who: str = "author", **metadata: Any) -> Deed:
    made = {**manifest, "metadata": {**manifest["metadata"], **metadata}}
    return Deed(who, "PATCH", f"{path}?fieldManager=theirs&force=true", made, said, APPLY)


def _delete(path: str, said: str, who: str = "author", **options: Any) -> Deed:
    body = {"apiVersion": "meta.k8s.io/v1", "kind": "DeleteOptions", **options}
    return Deed(who, "DELETE", path, body, said)


_ACTIVE = {"spec": {"activeVersion": "1.1.0"}}
_HEALTHY = {"status": {"phase": "Healthy", "serving": {"revision": 9, "stable": {"version": "6.6.6"}}}}
_CLOSED = reading("words")
_FORGED_ROLE = {"rules": [{"apiGroups": ["promptops.io"], "resources": ["prompts"], "verbs": ["activate"]}]}
_TO_RELEASER = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "promptops-releaser"}
_REVIEW = {"spec": {"token": "x"}}

STATUS: Final[dict[str, Deed]] = {
    "a prompt's status by a merge patch": _patch(f"{GREETING}/status", _HEALTHY, ROLE),
    "a prompt's status by a JSON patch": _edit(f"{GREETING}/status", ROLE, ("remove", "/status/serving")),
    "a prompt's status by server-side apply": _apply({**prompt("greeting"), **_HEALTHY}, f"{GREETING}/status", ROLE),
    "a prompt's status by a releaser": _patch(f"{GREETING}/status", _HEALTHY, ROLE, who="releaser"),
    "a prompt's status by a tenant's administrator": _patch(f"{GREETING}/status", _HEALTHY, ROLE, who="tenant-admin"),
    "a version's status, no longer in use": _patch(f"{SERVED}/status", {"status": {"conditions": []}}, ROLE),
    "a version's status by a tenant's administrator": _patch(f"{SERVED}/status", {"status": {"conditions": []}}, ROLE, who="tenant-admin"),
    "a status beside what may be edited": _patch(GREETING, {**_HEALTHY, "spec": {"historyLimit": 5}}, ""),
    "a status at a prompt's birth": _create({**prompt("born"), **_HEALTHY}, ""),
    "a status at a version's birth": _create({**version("born", "1.0.0", "Hi"), "status": {"phase": "Active"}}, ""),
}  # fmt: skip

ACTIVATIONS: Final[dict[str, Deed]] = {
    "an activation by a JSON patch": _edit(GREETING, ACTIVATE, ("replace", "/spec/activeVersion", "1.1.0")),
    "an activation that removes a line": _edit(GREETING, ACTIVATE, ("remove", "/spec/activeVersion")),
    "an activation that moves a line": _edit(GREETING, ACTIVATE, ("move", "/spec/acceptBreaking", "/spec/activeVersion")),
    "an activation behind a test": _edit(GREETING, ACTIVATE, ("test", "/spec/activeVersion", "1.0.0"), ("replace", "/spec/activeVersion", "1.1.0")),
    "a strategic patch": _patch(GREETING, _ACTIVE, "UnsupportedMediaType", STRATEGIC),
    "an activation by server-side apply": _apply(prompt("greeting", activeVersion="1.1.0"), GREETING, ACTIVATE),
    "an activation in a name that another wrote under": _apply({**prompt("greeting", activeVersion="1.1.0")}, GREETING, ACTIVATE, annotations={"who": "argocd"}),
    "a new prompt by server-side apply": _apply(prompt("new", activeVersion="1.0.0"), f"{OURS}/prompts/new", ACTIVATE),
    "a new prompt with a name that is made up": _generated(prompt("", activeVersion="1.0.0"), ACTIVATE),
    "a new prompt that follows, with a name that is made up": _generated(sourced("", "Obey"), ACTIVATE),
    "a new prompt that is disabled": _create(prompt("new", disabled=True), ACTIVATE),
    "a new prompt that grows old": _create(prompt("new", maxStaleness="10m"), ACTIVATE),
    "a limit and an activation at once": _patch(GREETING, {"spec": {"historyLimit": 3, "activeVersion": "1.1.0"}}, ACTIVATE),
    "an activation with another role's labels": _patch(GREETING, {**_ACTIVE, "metadata": {"labels": {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}}}, ACTIVATE),
    "a spec of nothing": _edit(GREETING, ACTIVATE, ("replace", "/spec", {})),
    "an activation by a viewer": _patch(GREETING, _ACTIVE, ROLE, who="viewer"),
    "an activation elsewhere": _create(prompt("new"), "does not match", namespace=ELSEWHERE),
}  # fmt: skip

REMOVALS: Final[dict[str, Deed]] = {
    **{
        f"{what} removed, {how}": _delete(path, ACTIVATE, propagationPolicy=how)
        for what, path in (("a prompt", GREETING), ("a version in use", SERVED))
        for how in ("Orphan", "Background", "Foreground")
    },
    "a version in use removed without grace": _delete(SERVED, ACTIVATE, gracePeriodSeconds=0),
    "every prompt of a label": _delete(f"{OURS}/prompts?labelSelector=!x", ACTIVATE),
    "every prompt of a name": _delete(f"{OURS}/prompts?fieldSelector=metadata.name%3Dgreeting", ACTIVATE),
    "every version of a prompt": _delete(f"{OURS}/promptversions?fieldSelector=spec.promptRef.name%3Dgreeting", ACTIVATE),
    "a version in use by a viewer": _delete(SERVED, ROLE, "viewer"),
    "the namespace": _delete(CORE, ROLE, "tenant-admin"),
    "the end of the namespace": Deed("tenant-admin", "PUT", f"{CORE}/finalize", {"metadata": {"name": NAMESPACE}, "spec": {}}, ROLE),
    "an owner by a JSON patch": _edit(GREETING, ACTIVATE, ("add", "/metadata/ownerReferences", [OWNER])),
    "an owner by server-side apply": _apply(version("greeting", "1.1.0", "Hi"), f"{OURS}/promptversions/greeting-1.1.0", ACTIVATE, ownerReferences=[OWNER]),
    "an owner that cannot go first": _patch(SERVED, {"metadata": {"ownerReferences": [{**OWNER, "blockOwnerDeletion": True, "controller": True}]}}, ACTIVATE),
    "a prompt as its owner": _patch(SERVED, {"metadata": {"ownerReferences": [{**OWNER, "apiVersion": API_VERSION, "kind": "Prompt", "name": "bait"}]}}, ACTIVATE),
    "an owner from a tenant's administrator of a cluster's kind": _create(version("new", "1.0.0", "Hi"), ACTIVATE, ownerReferences=[{**OWNER, "kind": "Namespace", "name": ELSEWHERE}]),
    "an end that is written into it": _patch(GREETING, {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "field is immutable"),
    "a finalizer of theirs": _patch(f"{OURS}/promptversions/greeting-1.1.0", {"metadata": {"finalizers": ["theirs.example.com/x"]}}, ""),
}  # fmt: skip

CONTENTS: Final[dict[str, Deed]] = {
    "a text by a JSON patch": _edit(SERVED, FIXED, ("replace", "/spec/content/text", "Obey")),
    "a key of free JSON": _edit(SERVED, FIXED, ("add", "/spec/content/parameters/extra/b", 1)),
    "a key of free JSON renamed": _edit(SERVED, FIXED, ("move", "/spec/content/parameters/extra/b", "/spec/content/parameters/extra/a")),
    "a list where there was none": _edit(SERVED, FIXED, ("add", "/spec/content/variables", [])),
    "tests taken away": _patch(SERVED, {"spec": {"tests": [{"name": "a", "expect": [{"contains": ""}]}]}}, FIXED),
    "another number": _patch(SERVED, {"spec": {"version": "9.9.9"}}, FIXED),
    "another prompt": _patch(SERVED, {"spec": {"promptRef": {"name": "other"}}}, FIXED),
    "content by server-side apply": _apply(version("greeting", "1.0.0", "Obey"), SERVED, FIXED),
    "content and lifecycle at once": _patch(SERVED, {"spec": {"lifecycle": "Deprecated", "content": {"text": "Obey"}}}, FIXED),
    "another name": _patch(SERVED, {"metadata": {"name": "greeting-2.0.0"}}, "the name of the object"),
    "a version with a name that is made up": _generated(version("greeting", "3.0.0", "Hi"), "the name must be"),
    "a version by a releaser": _create(version("greeting", "3.0.0", "Hi"), ROLE, "releaser"),
    "a lifecycle by a releaser": _patch(SERVED, {"spec": {"lifecycle": "Archived"}}, ROLE, who="releaser"),
    "a version of another kind's version": Deed("author", "POST", f"{OURS}/promptversions", {**version("a", "1.0.0", "Hi"), "apiVersion": "promptops.io/v1"}, "cannot be handled"),
    "another kind in its place": Deed("author", "POST", f"{OURS}/prompts", {**version("a", "1.0.0", "Hi"), "metadata": {"name": "a"}}, "must be Prompt"),
    "a uid of another": _patch(GREETING, {"metadata": {"uid": "9f0d1f6a-0000-4000-8000-000000000000"}}, "uid"),
}  # fmt: skip

LABELS: Final[dict[str, Deed]] = {
    f"the label {label} on {what}": _patch(path, {"metadata": {"labels": {label: "victim"}, "annotations": {label: "victim"}}}, "")
    for label in ("promptops.io/tenant", "promptops.io/generated", "promptops.io/keep", "promptops.io/injected", "promptops.io/projection")
    for what, path in (("a prompt", GREETING), ("a version", SERVED))
}  # fmt: skip
"""Anybody may write them, and they are nobody's authority."""

REFERENCES: Final[dict[str, Deed]] = {
    "a source that one may not read, by server-side apply": _apply(prompt("new", activeVersion="1.0.0", source=_CLOSED), f"{OURS}/prompts/new", READ, "releasing-author"),
    "a source that one may not read, of a name that is made up": _generated(prompt("", source=_CLOSED), READ, "releasing-author"),
    "values by a JSON patch": _edit(GREETING, READ, ("add", "/spec/valuesFrom", [{"configMapName": "words"}]), who="releaser"),
    "values of what is not there": _patch(GREETING, {"spec": {"valuesFrom": [{"configMapName": "nowhere"}]}}, READ, who="releaser"),
    "a source beside a named version": _patch(GREETING, {"spec": {"source": _CLOSED}}, READ),
    "a ConfigMap to write that one may not": _patch(GREETING, {"spec": {"projections": [{"configMap": "greeting", "key": "text"}]}}, "which you may not update", who="releaser"),
    "a ConfigMap to write, the last of all": _patch(GREETING, {"spec": {"projections": [{"configMap": f"greeting-{each}", "key": "text"} for each in range(4)]}}, "which you may not update", who="tenant-admin"),
    "a source with a namespace": _patch(GREETING, {"spec": {"source": {"configMapKeyRef": {**_CLOSED["configMapKeyRef"], "namespace": "kube-system"}}}}, "unknown field"),
    "a Secret": _patch(GREETING, {"spec": {"source": {"secretKeyRef": {"name": "a", "key": "b"}}}}, "unknown field"),
}  # fmt: skip

ROLES_AND_ACCOUNTS: Final[dict[str, Deed]] = {
    "somebody else's token": Deed("tenant-admin", "POST", f"{CORE}/serviceaccounts/releaser/token", {"spec": {}}, ROLE),
    "a role of one's own with the verb": Deed("author", "POST", f"{RBAC}/roles", {"metadata": {"name": "mine"}, **_FORGED_ROLE}, ROLE),
    "a binding of one's own": Deed("tenant-admin", "POST", f"{RBAC}/rolebindings", {"metadata": {"name": "mine"}, "roleRef": _TO_RELEASER, "subjects": []}, ROLE),
    "a review of tokens": Deed("viewer", "POST", "/apis/authentication.k8s.io/v1/tokenreviews", _REVIEW, ROLE),
    "a policy deleted": _delete(f"{POLICIES}/validatingadmissionpolicies/promptops-activate", ROLE, "tenant-admin"),
    "a policy's binding deleted": _delete(f"{POLICIES}/validatingadmissionpolicybindings/promptops-activate", ROLE, "tenant-admin"),
    "a policy's binding that only warns": _patch(f"{POLICIES}/validatingadmissionpolicybindings/promptops-activate", {"spec": {"validationActions": ["Warn"]}}, ROLE, who="tenant-admin"),
    "a definition changed": _patch("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/prompts.promptops.io", {"spec": {"scope": "Cluster"}}, ROLE, who="tenant-admin"),
    "the operator's keys": Deed("tenant-admin", "GET", "/api/v1/namespaces/promptops-system/secrets/promptops-keys", None, ROLE),
    "the operator's Lease": _patch("/apis/coordination.k8s.io/v1/namespaces/promptops-system/leases/promptops", {"spec": {"holderIdentity": "me"}}, ROLE, who="tenant-admin"),
    "the operator by the API server's proxy": Deed("tenant-admin", "GET", "/api/v1/namespaces/promptops-system/services/promptops-feed:8282/proxy/v1/index", None, ROLE),
    "prompts of another namespace": Deed("tenant-admin", "GET", f"/apis/{API_VERSION}/namespaces/{ELSEWHERE}/prompts", None, ROLE),
    "prompts of every namespace": Deed("tenant-admin", "GET", f"/apis/{API_VERSION}/prompts?watch=true", None, ROLE),
    "a scale that no prompt has": Deed("tenant-admin", "GET", f"{GREETING}/scale", None, ROLE),
    "a scale that no prompt has, of the cluster's administrator": Deed(ADMINISTRATOR, "GET", f"{GREETING}/scale", None, "NotFound"),
}  # fmt: skip

TENANCIES: Final[dict[str, Deed]] = {
    "a Tenant of one's own": _create(tenant("mine", "mine"), ROLE, "tenant-admin"),
    "a Tenant edited": _patch(f"{TENANTS}/taker", {"spec": {"namespaces": [NAMESPACE]}}, ROLE, who="tenant-admin"),
    "a Tenant's status": _patch(f"{TENANTS}/taker/status", {"status": {"claims": []}}, ROLE, who="tenant-admin"),
    "every Tenant gone": _delete(TENANTS, ROLE, "tenant-admin"),
    "a Tenant that overlaps": _create(tenant("late", "free", TAKEN), "claims deeds-taken already", ADMINISTRATOR),
    "a Tenant that overlaps, of a name that is made up": _generated(tenant("", TAKEN), "claims deeds-taken already", ADMINISTRATOR),
    "a Tenant that overlaps by server-side apply": _apply(tenant("late", TAKEN), f"{TENANTS}/late", "claims deeds-taken already", ADMINISTRATOR),
    "a Tenant that comes to overlap": _edit(f"{TENANTS}/bystander", "claims deeds-taken already", ("add", "/spec/namespaces/-", TAKEN), who=ADMINISTRATOR),
    "a Tenant that comes to claim the cluster's": _edit(f"{TENANTS}/bystander", "no tenant can claim them", ("add", "/spec/namespaces/-", "kube-public"), who=ADMINISTRATOR),
    "a Tenant that claims a pattern": _create(tenant("late", "team-*"), "spec.namespaces[0]", ADMINISTRATOR),
    "a Tenant that claims twice": _create(tenant("late", "free", "free"), "must not name a namespace twice", ADMINISTRATOR),
}  # fmt: skip

DEEDS: Final[dict[str, Deed]] = {
    **STATUS, **ACTIVATIONS, **REMOVALS, **CONTENTS, **LABELS, **REFERENCES, **ROLES_AND_ACCOUNTS, **TENANCIES,
}  # fmt: skip
