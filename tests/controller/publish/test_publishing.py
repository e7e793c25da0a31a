"""Which scopes there are and what each serves, over terms, tenants and namespaces that come and go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from promptops.api.feed import Entry, Header, VersionReference
from promptops.cache.signing import Signer
from promptops.controller.intake.store import DELETED, ObjectStore
from promptops.controller.publish.publishing import Publishing
from promptops.controller.publish.tenancy import Tenancy
from promptops.domain.content.assessment import Assessment
from promptops.domain.content.canonical import canonical, digest_of
from promptops.domain.snapshot import PromptOutcome
from promptops.feed.origin import Origin
from tests.controller.manifests import NAMESPACE, made, prompt
from tests.support.waiting import until

SIGNER = Signer(b"k" * 32)
CONTENT = canonical({"text": "hello"})
REFERENCE = VersionReference("1.0.0", digest_of(CONTENT))


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def namespace(version: int, uid: str = "scope-1", **metadata: Any) -> dict[str, Any]:
    manifest = made("Namespace", NAMESPACE, version, uid=uid, namespace="")
    manifest["metadata"].update(metadata)
    return manifest


class Cluster:
    """A store, who holds what, and what is published."""

    def __init__(self, mode: Literal["Implicit", "Strict"] = "Implicit") -> None:
        self.store = ObjectStore()
        self.tenancy = Tenancy(self.store, mode, now)
        self.publishing = Publishing(self.store, self.tenancy)

    def take_in(self, manifest: dict[str, Any], type_: str | None = "MODIFIED") -> tuple[str, ...]:
        self.store.ingest(manifest["kind"], type_, manifest)
        self.tenancy.changed()
        return self.publishing.follow_tenancy()

    def lead(self, term: int) -> Origin:
        origin = Origin(SIGNER, 7, term)
        self.publishing.fill(origin)
        return origin

    def publish(self, name: str = "greeting", uid: str = "uid-greeting", revision: int = 1) -> None:
        entry = Entry(name, uid, revision, "active", REFERENCE)
        outcome = PromptOutcome(entry=entry, contents={REFERENCE.digest: Assessment.of(REFERENCE.digest, (), CONTENT)})
        self.publishing.publish(prompt(name, 5, uid=uid), outcome)

    def served(self, scope: str = "scope-1") -> dict[str, int] | None:
        store = self.publishing.stores(scope)
        if store is None or store.current is None:
            return None
        return {name: entry.revision for name, entry in store.current.entries.items()}


@pytest.fixture
async def cluster() -> Cluster:
    made = Cluster()
    made.take_in(namespace(3))
    return made


async def test_nothing_is_published_before_the_term_begins_and_then_all_of_it(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publish()
    before = cluster.served()
    cluster.publishing.begin(NAMESPACE)

    assert (before, cluster.served()) == (None, {"greeting": 1})
    assert cluster.publishing.is_publishing
    assert cluster.publishing.published_revision(NAMESPACE, "greeting") == 1


async def test_content_that_is_published_already_is_not_unpacked_again(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publish()
    spoilt = Assessment(REFERENCE.digest, (), b"no content at all", is_packed=True)
    entry = Entry("greeting", "uid-greeting", 2, "active", REFERENCE)

    cluster.publishing.publish(prompt("greeting", 6), PromptOutcome(entry=entry, contents={REFERENCE.digest: spoilt}))
    cluster.publishing.begin(NAMESPACE)

    assert cluster.served() == {"greeting": 2}


async def test_a_namespace_without_prompts_gets_an_index(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publishing.begin(NAMESPACE)

    assert cluster.served() == {}


async def test_a_leader_that_was_deposed_sends_its_followers_away_and_serves_nothing(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publish()
    cluster.publishing.begin(NAMESPACE)
    store = cluster.publishing.stores("scope-1")
    assert store is not None
    cluster.publishing.stop()
    cluster.publish(revision=2)

    assert store.ended == "NotLeading"
    assert cluster.served() is None


async def test_a_deposed_leader_confirms_nothing(cluster: Cluster) -> None:
    origin = cluster.lead(1)
    cluster.publish()
    cluster.publishing.begin(NAMESPACE)
    store = cluster.publishing.stores("scope-1")
    assert store is not None
    store.confirmed_at = 0.0
    cluster.publishing.stop()
    origin.confirm(1.0)

    assert store.confirmed_at == 0.0


async def test_nothing_is_said_to_be_published_by_a_term_that_has_not_begun(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publish()
    cluster.publishing.begin(NAMESPACE)
    cluster.lead(2)

    assert cluster.publishing.published_revision(NAMESPACE, "greeting") is None


async def test_a_namespace_that_is_gone_is_revoked(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publish()
    cluster.publishing.begin(NAMESPACE)

    changed = cluster.take_in(namespace(9), DELETED)

    assert changed == (NAMESPACE,)
    assert cluster.served() is None
    assert cluster.publishing.scopes == ()


async def test_a_recreated_namespace_is_another_scope(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publish()
    cluster.publishing.begin(NAMESPACE)

    changed = cluster.take_in(namespace(9, uid="scope-2"))

    assert set(changed) == {NAMESPACE}
    assert cluster.served("scope-1") is None
    assert not cluster.publishing.is_published(NAMESPACE, "greeting")
    assert cluster.publishing.scopes == ("scope-2",)


async def test_a_claim_changes_who_signs_for_whom(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publishing.begin(NAMESPACE)
    spec = {"namespaces": [NAMESPACE]}

    changed = cluster.take_in(made("Tenant", "blue", 9, namespace="", spec=spec))

    assert changed == (NAMESPACE,)
    assert cluster.tenancy.tenant_of(NAMESPACE) == "blue"
    assert cluster.publishing.follow_tenancy() == (), "told once"


async def test_in_strict_mode_a_namespace_that_nobody_claims_has_no_scope() -> None:
    cluster = Cluster("Strict")
    cluster.take_in(namespace(3))
    cluster.lead(1)
    cluster.publish()
    cluster.publishing.begin(NAMESPACE)

    assert cluster.served() is None
    assert cluster.tenancy.tenant_of(NAMESPACE) is None


async def test_a_prompt_of_another_uid_takes_nothing_from_its_successor(cluster: Cluster) -> None:
    origin = cluster.lead(1)
    cluster.publish(uid="old")
    cluster.publish(uid="new", revision=1)
    cluster.publishing.begin(NAMESPACE)
    origin.remove("scope-1", "greeting", "old")

    assert cluster.served() == {"greeting": 1}


async def test_what_has_no_entry_is_withdrawn(cluster: Cluster) -> None:
    cluster.lead(1)
    cluster.publish()
    cluster.publishing.publish(prompt("greeting", 6), PromptOutcome())
    cluster.publishing.begin(NAMESPACE)

    assert cluster.served() == {}
    assert not cluster.publishing.is_published(NAMESPACE, "greeting")


async def test_a_limit_of_renders_is_signed_with_the_index_and_followed(cluster: Cluster) -> None:
    claim = {"namespaces": [NAMESPACE], "limits": {"rendersPerSecondPerPod": 50}}
    cluster.take_in(made("Tenant", "blue", 4, spec=claim, namespace=""))
    origin = cluster.lead(1)
    cluster.publishing.begin(NAMESPACE)
    limited = _header(origin)

    cluster.take_in(made("Tenant", "blue", 5, spec={**claim, "limits": {"rendersPerSecondPerPod": 70}}, namespace=""))
    await until(lambda: _header(origin).seq > limited.seq)

    assert (limited.tenant, limited.renders_per_second) == ("blue", 50)
    assert (_header(origin).tenant, _header(origin).renders_per_second) == ("blue", 70)


def _header(origin: Origin) -> Header:
    store = origin.store("scope-1")
    assert store is not None
    assert store.current is not None
    return store.current.header
