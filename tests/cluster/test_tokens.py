"""The token matrix, with real TokenRequests and TokenReviews: whose word counts at the feed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import pytest

from promptops.access.authenticator import ACCEPTED_SECONDS, Authenticator, Places
from promptops.api import reasons
from promptops.api.feed import AUDIENCE
from promptops.cluster.client import Client
from promptops.cluster.connection import Connection
from promptops.cluster.tokens import TokenRefused, TokenReviewer
from promptops.dev.plane import Plane
from promptops.dev.ports import free_ports
from promptops.feed.authentication import AuthenticationUnavailable, NotEntitled, Unauthenticated
from promptops.telemetry.operator import OperatorMetrics
from tests.support.waiting import until_told

pytestmark = pytest.mark.cluster

Issue = Callable[..., str]
SECONDS_OF_A_TOKEN = 600
"""The shortest life that Kubernetes gives a token."""


@pytest.fixture
def issue(kinds: Plane, namespace: str) -> Issue:
    """Ask for a token of the ServiceAccount `app` of the namespace."""
    kinds.kubectl("-n", namespace, "create", "serviceaccount", "app")

    def issued(*options: str, audience: str = AUDIENCE, account: str = "app") -> str:
        audiences = (f"--audience={audience}",) if audience else ()
        return kinds.kubectl("-n", namespace, "create", "token", account, *audiences, *options).stdout.strip()

    return issued


class Clock:
    """Monotonic time that the test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead

    def wall(self) -> float:
        return time.time() + self.ahead


class World:
    """What the operator knows of namespaces."""

    def __init__(self) -> None:
        self.scopes: dict[str, str] = {}
        self.tenants: dict[str, str] = {}
        self.metrics = OperatorMetrics()
        self.clock = Clock()

    def authenticator(self, client: Client) -> Authenticator:
        places = Places(self.scopes.get, self.tenants.get)
        return Authenticator(TokenReviewer(client), places, self.metrics.feed, self.clock, self.clock.wall)

    def reviews(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("promptops_token_reviews_total", {"result": result}) or 0.0


@pytest.fixture
def world(namespace: str) -> World:
    made = World()
    made.scopes[namespace] = "scope-1"
    made.tenants[namespace] = "team"
    return made


async def test_a_token_for_the_feed_says_who_calls(client: Client, world: World, issue: Issue, namespace: str) -> None:
    caller = await world.authenticator(client)(issue())

    assert (caller.scope, caller.namespace, caller.tenant) == ("scope-1", namespace, "team")
    assert (caller.service_account, caller.pod_uid) == ("app", None)


async def test_a_token_of_a_pod_names_the_pod(
    client: Client, world: World, issue: Issue, namespace: str, kinds: Plane
) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": namespace},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "a", "image": "none"}]},
    }
    kinds.kubectl("create", "-f", "-", input=json.dumps(pod))
    uid = json.loads(kinds.kubectl("-n", namespace, "get", "pod", "one", "-o", "json").stdout)["metadata"]["uid"]
    token = issue("--bound-object-kind=Pod", "--bound-object-name=one", f"--bound-object-uid={uid}")
    authenticate = world.authenticator(client)

    caller = await authenticate(token)
    kinds.kubectl("-n", namespace, "delete", "pod", "one", "--grace-period=0", "--force")

    assert caller.pod_uid == uid
    await refused_soon(world, authenticate, token)


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(lambda issue, plane: "", id="none"),
        pytest.param(lambda issue, plane: "not-a-token", id="garbage"),
        pytest.param(lambda issue, plane: "x" * 20_000, id="too long"),
        pytest.param(lambda issue, plane: issue(audience="somebody.else"), id="wrong audience"),
        pytest.param(lambda issue, plane: issue(audience=""), id="for the API server"),
        pytest.param(lambda issue, plane: issue()[:-4] + "AAAA", id="bad signature"),
        pytest.param(lambda issue, plane: _payload_of(issue(), {"aud": [AUDIENCE]}), id="signed by nobody"),
    ],
)
async def test_a_token_that_was_not_made_for_the_feed(
    client: Client, world: World, issue: Issue, kinds: Plane, refused: Callable[[Issue, Plane], str]
) -> None:
    with pytest.raises(Unauthenticated):
        await world.authenticator(client)(refused(issue, kinds))

    assert world.reviews("refused") + world.reviews("malformed") == 1


async def test_a_token_of_a_deleted_service_account_is_good_for_a_minute_at_most(
    client: Client, world: World, issue: Issue, namespace: str, kinds: Plane
) -> None:
    token, authenticate = issue(), world.authenticator(client)
    await authenticate(token)
    kinds.kubectl("-n", namespace, "delete", "serviceaccount", "app")

    await refused_soon(world, authenticate, token)


async def test_no_cache_outlives_the_token(client: Client, world: World, issue: Issue) -> None:
    token, authenticate = issue(f"--duration={SECONDS_OF_A_TOKEN}s"), world.authenticator(client)
    world.clock.ahead = SECONDS_OF_A_TOKEN - 5
    await authenticate(token)
    world.clock.ahead = SECONDS_OF_A_TOKEN + 1

    await authenticate(token)  # by the API server's clock it is still good

    assert world.reviews("accepted") == 2
    assert world.reviews("cached") == 0


async def test_a_token_is_asked_about_once_a_minute(client: Client, world: World, issue: Issue) -> None:
    token, authenticate = issue(), world.authenticator(client)
    for _ in range(3):
        await authenticate(token)
    world.clock.ahead = ACCEPTED_SECONDS
    await authenticate(token)

    assert (world.reviews("accepted"), world.reviews("cached")) == (2, 2)


async def test_another_namespace_is_another_scope(
    client: Client, world: World, issue: Issue, namespace: str, kinds: Plane
) -> None:
    elsewhere = f"{namespace}-b"
    kinds.kubectl("create", "namespace", elsewhere)
    kinds.kubectl("-n", elsewhere, "create", "serviceaccount", "app")
    world.scopes[elsewhere], world.tenants[elsewhere] = "scope-2", "other"
    token = kinds.kubectl("-n", elsewhere, "create", "token", "app", f"--audience={AUDIENCE}").stdout.strip()
    authenticate = world.authenticator(client)

    callers = [await authenticate(issue()), await authenticate(token)]
    kinds.kubectl("delete", "namespace", elsewhere, "--wait=false")

    assert [caller.scope for caller in callers] == ["scope-1", "scope-2"]


async def test_a_namespace_that_nobody_claims(client: Client, world: World, issue: Issue, namespace: str) -> None:
    world.tenants.clear()

    with pytest.raises(NotEntitled) as refused:
        await world.authenticator(client)(issue())

    assert refused.value.code == reasons.TENANT_UNKNOWN


async def test_a_namespace_that_is_not_known_yet(client: Client, world: World, issue: Issue) -> None:
    world.scopes.clear()

    with pytest.raises(AuthenticationUnavailable):
        await world.authenticator(client)(issue())


async def test_a_namespace_recreated_under_the_name_is_asked_about_anew(
    client: Client, world: World, issue: Issue, namespace: str
) -> None:
    token, authenticate = issue(), world.authenticator(client)
    await authenticate(token)
    world.scopes[namespace] = "another"

    await authenticate(token)

    assert (world.reviews("accepted"), world.reviews("cached")) == (2, 0)


async def test_without_the_api_server_nothing_is_known(kinds: Plane, world: World, issue: Issue) -> None:
    connection = await Connection.open(kinds.kubeconfig)
    client = Client(connection)
    token, authenticate = issue(), world.authenticator(client)
    caller = await authenticate(token)
    connection.configuration.host = f"https://127.0.0.1:{free_ports(1)[0]}"

    remembered = await authenticate(token)
    world.clock.ahead = ACCEPTED_SECONDS

    assert remembered == caller
    with pytest.raises(AuthenticationUnavailable):
        await authenticate(token)
    await client.close()


async def test_a_user_who_is_no_service_account(client: Client, kinds: Plane) -> None:
    review = TokenReviewer(client)

    with pytest.raises(TokenRefused):
        await review.review("promptops-dev-admin")


async def refused_soon(world: World, authenticate: Authenticator, token: str) -> None:
    """Ask again, each time past our own cache, until the API server has forgotten too: it caches for ten seconds."""

    async def refused() -> bool:
        world.clock.ahead += ACCEPTED_SECONDS
        try:
            await authenticate(token)
        except Unauthenticated:
            return True
        return False

    await until_told(refused, "the token is refused")


def _payload_of(token: str, claims: dict[str, object]) -> str:
    """A token with the header and signature of a good one, and other claims."""
    header, _, signature = token.split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{header}.{body}.{signature}"
