"""What a namespace's token gets from a running operator, relay, gateway and sidecar, whatever is asked: nothing of another's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from promptops.dev.stack import Stack
from tests.isolation.ground import FACES_OF, Ground, ground, until_all_answer
from tests.isolation.trial import BUSY, Trial
from tests.isolation.unfiltered import unfiltered
from tests.isolation.wire import Place
from tests.support.waiting import until_told

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

REQUESTS = 1000
"""`make isolation` sends a hundred thousand."""


@pytest.fixture(scope="module")
def shared(stack: Stack) -> Iterator[Ground]:
    """Two namespaces, and a relay and a gateway for both."""
    other = f"other-{secrets.token_hex(4)}"
    stack.plane.kubectl("create", "namespace", other)
    with ground(stack, other) as made:
        yield made
    stack.plane.kubectl("delete", "namespace", other, "--wait=false")


@pytest.fixture
def unfiltered_relay(stack: Stack) -> Iterator[Place]:
    """One more relay, which lets everybody have everything."""
    with unfiltered():
        url = stack.start_relay("isolation-unfiltered").url
    yield Place("relay", urlsplit(url).port or 0, tls=stack.feed_context())
    stack.plane.stop("isolation-unfiltered")


async def test_random_requests_get_no_byte_of_another_namespace(shared: Ground) -> None:
    trial = Trial(shared, seed="11")

    await trial.run(REQUESTS)

    print(trial.table())
    assert trial.found == []
    assert {place for place, _ in trial.tallies} == FACES_OF.keys()
    assert {200, 400, 404, 405} <= trial.statuses.keys()
    assert not {*BUSY, 500} & trial.statuses.keys()


async def test_the_same_requests_of_whoever_owns_it_find_it_everywhere(shared: Ground) -> None:
    """Else there would be nothing to find."""
    trial = Trial(replace(shared, tokens=(shared.owner,)), seed="11")

    await trial.run(200)

    found = " ".join(trial.found)
    assert all(f"to the {name}: " in found for name in ("operator", "relay", "gateway"))
    assert shared.secret.text in found


async def test_a_relay_without_its_filter_is_found_out(shared: Ground, unfiltered_relay: Place) -> None:
    asked = replace(shared, places=(unfiltered_relay,))

    async def is_there() -> bool:
        return (await asked.owned("relay", "GET", f"/v1/blobs/{shared.known.digest}")).status == 200

    await until_told(is_there, "the relay serves what there is to find")
    await until_all_answer(asked, "")
    trial = Trial(asked, seed="11")

    await trial.run(100)

    assert shared.secret.text in " ".join(trial.found)
