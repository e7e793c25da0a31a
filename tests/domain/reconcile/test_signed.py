"""Where a Tenant requires a signature, nobody activates what nobody stands for; what serves already goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from promptops.domain.snapshot import TenantRules
from tests.domain.reconcile.conftest import World
from tests.support.signatures import Person

ANN, EVE = Person(), Person()
BELIEVED = {"ann": ANN.public}
DIGEST = f"sha256:{'0' * 64}"

Sign = Callable[[str], dict[str, Any]]
"""Digest of 1.1.0 → what stands in spec.signatures."""


@pytest.fixture
def serving(world: World) -> World:
    """1.0.0 is served, and 1.1.0 is there."""
    return world.add("1.0.0").add("1.1.0", "Ho").apply(activeVersion="1.0.0").settle()


def _altered(signatures: dict[str, str]) -> dict[str, str]:
    return {key: ("B" if each[0] == "A" else "A") + each[1:] for key, each in signatures.items()}


REFUSED: dict[str, Sign] = {
    "none": lambda digest: {},
    "somebody else's": lambda digest: EVE.sign("greeting", "1.1.0", digest),
    "somebody else's under the name of a key that is believed": lambda digest: dict(
        zip(ANN.sign("greeting", "1.1.0", digest), EVE.sign("greeting", "1.1.0", digest).values(), strict=True)
    ),
    "of another content": lambda digest: ANN.sign("greeting", "1.1.0", DIGEST),
    "of another number": lambda digest: ANN.sign("greeting", "1.0.0", digest),
    "of another prompt": lambda digest: ANN.sign("farewell", "1.1.0", digest),
    "one character of it changed": lambda digest: _altered(ANN.sign("greeting", "1.1.0", digest)),
    "nothing but zeros": lambda digest: dict.fromkeys(ANN.sign("greeting", "1.1.0", digest), "A" * 86 + "=="),
}


@pytest.mark.parametrize("sign", [pytest.param(row, id=name) for name, row in REFUSED.items()])
def test_what_nobody_stands_for_is_not_activated(serving: World, sign: Sign) -> None:
    digest = serving.version_status("1.1.0")["digest"]
    serving.having(rules=TenantRules(signers=BELIEVED)).change("1.1.0", signatures=sign(digest))

    serving.apply(activeVersion="1.1.0").settle()

    message = serving.condition("Ready")["message"]
    assert (serving.said("Ready"), serving.said("Stalled"), serving.serving) == ("False/SignatureRequired", "True/SignatureRequired", "1.0.0")  # fmt: skip
    assert "by ann, and tenant team requires one" in message
    assert digest in message


@pytest.mark.parametrize("others", [{}, EVE.sign("greeting", "1.1.0", DIGEST)], ids=["alone", "beside another"])
def test_a_signature_that_comes_later_is_believed(serving: World, others: dict[str, str]) -> None:
    serving.having(rules=TenantRules(signers={"eve": EVE.public, **BELIEVED})).apply(activeVersion="1.1.0").settle()
    before = serving.serving

    signed = ANN.sign("greeting", "1.1.0", serving.version_status("1.1.0")["digest"])
    serving.change("1.1.0", signatures=signed | others).settle()

    assert (before, serving.serving, serving.said("Ready")) == ("1.0.0", "1.1.0", "True/Active")


def test_what_serves_goes_on_when_a_signature_is_required_or_taken_away(serving: World) -> None:
    before = dict(serving.status)

    serving.having(rules=TenantRules(signers=BELIEVED)).settle()

    assert serving.status == before


def test_nobody_is_believed_where_no_key_can_be_read(serving: World) -> None:
    digest = serving.version_status("1.1.0")["digest"]
    serving.having(rules=TenantRules(signers={})).change("1.1.0", signatures=ANN.sign("greeting", "1.1.0", digest))

    serving.apply(activeVersion="1.1.0").settle()

    assert "by anybody, and tenant team requires one" in serving.condition("Ready")["message"]


def test_what_a_source_becomes_waits_for_a_signature(world: World) -> None:
    world.having(rules=TenantRules(signers=BELIEVED)).follow("Hi").settle()
    before = world.said("Ready")
    digest = world.version_status("1.0.0")["digest"]

    world.change("1.0.0", signatures=ANN.sign("greeting", "1.0.0", digest)).settle()

    assert (before, world.serving) == ("False/SignatureRequired", "1.0.0")
