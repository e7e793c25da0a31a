"""From the held view to the next one: what is refused, what moves, and what a prompt keeps."""

from __future__ import annotations

import msgspec
import pytest

from promptops.api import reasons
from promptops.api.feed import Entry, Position, Removal, VersionReference
from promptops.cache.advance import Understanding, again, propose_index, propose_patch, settle, verified_blobs
from promptops.cache.index import decode_entry, encode_entry
from promptops.cache.messages import IndexMessage, decode_index, decode_patch
from promptops.cache.refusal import Refused
from promptops.cache.view import View
from tests.cache.scribe import SCOPE, Scribe, content, entry, held_blobs

scribe = Scribe()
HELLO, BYE = entry("a", "Hello"), entry("b", "Bye")


def held(seq: int = 3, *entries: Entry, texts: tuple[str, ...] = ("Hello", "Bye"), term: int = 1) -> View:
    """A view that was taken live."""
    message = scribe.index(seq, *(entries or (HELLO, BYE)), term=term)
    return settle(None, propose_index(None, message, scribe.verifier, SCOPE), held_blobs(*texts), "live")


def refusal(view: View | None, message: IndexMessage) -> str:
    with pytest.raises(Refused) as refused:
        propose_index(view, message, scribe.verifier, SCOPE)
    return refused.value.reason


def test_a_first_index_is_taken_whole() -> None:
    view = held()

    assert view.entries == {"a": HELLO, "b": BYE}
    assert view.blobs == held_blobs("Hello", "Bye")
    assert view.nacks == {}
    assert view.position == Position(1, 1, 3)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(scribe.index(2, HELLO, BYE), reasons.LOWER_POSITION, id="replayed older position"),
        pytest.param(scribe.index(9, HELLO, BYE, term=0), reasons.LOWER_POSITION, id="lower term, higher seq"),
        pytest.param(scribe.index(3, HELLO), reasons.FORK, id="same position, other entries"),
        pytest.param(scribe.index(3, HELLO, BYE, tenant="x"), reasons.FORK, id="same position, other tenant"),
        pytest.param(scribe.index(4, HELLO, scope="other"), reasons.WRONG_SCOPE, id="another scope's"),
        pytest.param(scribe.index(4, HELLO, count=2), reasons.BAD_DIGEST, id="wrong count"),
        pytest.param(scribe.index(4, HELLO, entries="sha256:0"), reasons.BAD_DIGEST, id="wrong entries digest"),
        pytest.param(Scribe(b"s" * 32).index(4, HELLO), reasons.UNKNOWN_KEY, id="wrong key id"),
        pytest.param(scribe.index(4, HELLO, v=2), reasons.UNKNOWN_PROTOCOL, id="unknown protocol version"),
    ],
)
def test_a_refused_index_has_a_reason(message: IndexMessage, reason: str) -> None:
    assert refusal(held(), message) == reason


def test_entries_that_were_not_signed_are_refused() -> None:
    signed, right = scribe.index(4, HELLO, BYE).signed, scribe.index(4, HELLO, BYE).entries
    assert right is not None
    for entries in [
        (),
        right[:1],
        (*right, right[0]),
        (right[0], msgspec.Raw(encode_entry(entry("b", "Hello")).encoded)),
        (right[0], msgspec.Raw(bytes(right[1]).replace(b":", b": ", 1))),
    ]:
        assert refusal(held(), IndexMessage(signed, entries)) in (reasons.BAD_DIGEST, reasons.MALFORMED)


def test_the_order_of_entries_on_the_wire_does_not_matter() -> None:
    message = scribe.index(4, HELLO, BYE)
    turned = IndexMessage(message.signed, tuple(reversed(message.entries or ())))

    assert propose_index(held(), turned, scribe.verifier, SCOPE).header.seq == 4


def test_a_header_alone_moves_what_is_held_to_another_position() -> None:
    before = held()
    message = IndexMessage(scribe.index(1, HELLO, BYE, term=2).signed)

    after = settle(before, propose_index(before, message, scribe.verifier, SCOPE), {}, "live")

    assert after.position == Position(1, 2, 1)
    assert after.entries == before.entries
    assert refusal(None, message) == reasons.BASE_NOT_HELD
    assert refusal(held(3, HELLO), message) == reasons.BAD_DIGEST


def test_a_patch_moves_what_it_names() -> None:
    before = held()
    new = entry("c", "Welcome")
    message = scribe.patch(4, [HELLO, new], upserts=[new], removes=[Removal("b", "uid-b")])
    proposal = propose_patch(before, message, scribe.verifier, SCOPE)

    after = settle(before, proposal, held_blobs("Welcome"), "live")

    assert proposal.missing(before.blobs) == {content("Welcome").digest}
    assert after.entries == {"a": HELLO, "c": new}
    assert after.names == {"a": "a", "c": "c"}
    assert after.blobs == held_blobs("Hello", "Welcome")
    assert before.entries == {"a": HELLO, "b": BYE}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(scribe.patch(5, [HELLO, BYE]), reasons.BASE_NOT_HELD, id="a step was missed"),
        pytest.param(scribe.patch(3, [HELLO, BYE]), reasons.LOWER_POSITION, id="the same step again"),
        pytest.param(scribe.patch(3, [HELLO]), reasons.FORK, id="another step to the same position"),
        pytest.param(scribe.patch(2, [HELLO]), reasons.LOWER_POSITION, id="an older step"),
        pytest.param(
            scribe.patch(4, [HELLO, BYE], upserts=[entry("a", "Evil")]), reasons.BAD_DIGEST, id="an unsigned upsert"
        ),
        pytest.param(
            scribe.patch(4, [HELLO, BYE], removes=[Removal("b", "uid-b")]), reasons.BAD_DIGEST, id="an unsigned removal"
        ),
        pytest.param(
            scribe.patch(4, [HELLO], removes=[Removal("b", "uid-of-another")]),
            reasons.MALFORMED,
            id="a removal of a recreated prompt",
        ),
        pytest.param(scribe.patch(4, [HELLO], removes=[Removal("x", "x")]), reasons.MALFORMED, id="removes nothing"),
        pytest.param(scribe.patch(4, [HELLO, BYE], scope="other"), reasons.WRONG_SCOPE, id="another scope's"),
    ],
)
def test_a_refused_patch_has_a_reason(message: msgspec.Struct, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        propose_patch(held(), message, scribe.verifier, SCOPE)  # type: ignore[arg-type]

    assert refused.value.reason == reason


def test_a_patch_needs_something_to_change() -> None:
    with pytest.raises(Refused, match=reasons.BASE_NOT_HELD):
        propose_patch(None, scribe.patch(4, [HELLO]), scribe.verifier, SCOPE)


def changed(before: View, *upserts: Entry, texts: tuple[str, ...] = (), bad: frozenset[str] = frozenset()) -> View:
    after = {**{name: each.entry for name, each in before.index.items()}, **{each.name: each for each in upserts}}
    message = scribe.patch(before.position.seq + 1, after.values(), upserts=upserts)  # type: ignore[arg-type]
    return settle(before, propose_patch(before, message, scribe.verifier, SCOPE), held_blobs(*texts), "live", bad)


def test_a_prompt_whose_blob_is_missing_keeps_its_old_entry_and_the_others_move() -> None:
    new_a, new_b = entry("a", "Hi", revision=2), entry("b", "Farewell", revision=2)

    after = changed(held(), new_a, new_b, texts=("Farewell",))

    assert after.entries == {"a": HELLO, "b": new_b}
    assert [(nack.name, nack.uid, nack.revision, nack.reason) for nack in after.nacks.values()] == [
        ("a", "uid-a", 2, reasons.BLOB_MISSING)
    ]
    assert after.blobs == held_blobs("Hello", "Farewell")


def test_a_bad_blob_is_told_from_a_missing_one() -> None:
    after = changed(held(), entry("a", "Hi"), bad=frozenset({content("Hi").digest}))

    assert after.entries["a"] == HELLO
    assert after.nacks["a"].reason == reasons.BAD_DIGEST


def understands_no_hi(blob: bytes) -> bool:
    return b"Hi" not in blob


def test_content_that_is_not_understood_here_does_not_take_the_place_of_what_is_served() -> None:
    new_a, new_b = entry("a", "Hi", revision=2), entry("b", "Farewell", revision=2)
    message = scribe.patch(4, [new_a, new_b], upserts=[new_a, new_b])
    proposal = propose_patch(held(), message, scribe.verifier, SCOPE)

    after = settle(
        held(), proposal, held_blobs("Hi", "Farewell"), "live", understanding=Understanding(understands_no_hi)
    )

    assert after.entries == {"a": HELLO, "b": new_b}
    assert after.nacks["a"].reason == reasons.CONTENT_NOT_UNDERSTOOD
    assert after.blobs == held_blobs("Hello", "Hi", "Farewell")
    assert settle(after, again(after), {}, "live").entries == {"a": new_a, "b": new_b}


def test_a_pin_that_is_not_understood_holds_nothing_up() -> None:
    pinned = msgspec.structs.replace(HELLO, pins=(VersionReference("2.0.0", content("Hi").digest),))
    proposal = propose_patch(held(), scribe.patch(4, [pinned, BYE], upserts=[pinned]), scribe.verifier, SCOPE)

    after = settle(held(), proposal, held_blobs("Hi"), "live", understanding=Understanding(understands_no_hi))

    assert after.entries["a"] == pinned
    assert after.nacks == {}


@pytest.mark.parametrize(
    ("honoured", "served"),
    [
        pytest.param(frozenset(), "Hello", id="a feature nobody here knows"),
        pytest.param(frozenset({"weight"}), "Hello", id="one of two features"),
        pytest.param(frozenset({"weight", "max_staleness"}), "Hi", id="every feature"),
        pytest.param(None, "Hi", id="a hop that renders nothing"),
    ],
)
def test_an_entry_that_must_be_understood_is_taken_by_who_understands_it(
    honoured: frozenset[str] | None, served: str
) -> None:
    new = msgspec.structs.replace(entry("a", "Hi", revision=2), must_understand=("weight", "max_staleness"))
    proposal = propose_patch(held(), scribe.patch(4, [new, BYE], upserts=[new]), scribe.verifier, SCOPE)

    after = settle(held(), proposal, held_blobs("Hi"), "live", understanding=Understanding(features=honoured))

    assert after.entries["a"].stable == entry("a", served).stable
    reasons_given = {name: nack.reason for name, nack in after.nacks.items()}
    assert reasons_given == ({} if served == "Hi" else {"a": reasons.FEATURE_NOT_UNDERSTOOD})


def test_the_kill_switch_works_whatever_is_understood() -> None:
    disabled = msgspec.structs.replace(entry("a", "Hi", revision=2), state="disabled")
    proposal = propose_patch(held(), scribe.patch(4, [disabled, BYE], upserts=[disabled]), scribe.verifier, SCOPE)

    after = settle(held(), proposal, held_blobs("Hi"), "live", understanding=Understanding(understands_no_hi))

    assert after.entries["a"] == disabled


def test_what_was_taken_is_not_looked_at_again_at_a_reconnect() -> None:
    looked_at: list[bytes] = []

    def understood(blob: bytes) -> bool:
        looked_at.append(blob)
        return True

    before, new = held(), entry("a", "Hi", revision=2)
    proposal = propose_index(before, scribe.index(9, new, BYE), scribe.verifier, SCOPE)

    settle(before, proposal, held_blobs("Hi"), "live", understanding=Understanding(understood))

    assert looked_at == [content("Hi").content.encode()]


def test_a_missing_pin_counts_like_a_missing_stable_version() -> None:
    pinned = msgspec.structs.replace(HELLO, pins=(VersionReference("0.9.0", content("Hi").digest),))

    after = changed(held(), pinned)

    assert after.entries["a"] == HELLO
    assert changed(after, texts=("Hi",)).entries["a"] == pinned


def test_a_recreated_prompt_never_serves_its_predecessor() -> None:
    recreated = entry("a", "Hi", uid="uid-new")

    after = changed(held(), recreated)

    assert after.entries["a"] == recreated
    assert content("Hello").digest not in after.blobs
    assert after.nacks["a"].reason == reasons.BLOB_MISSING


def test_what_was_nacked_is_taken_when_its_blob_comes() -> None:
    nacked = changed(held(), entry("a", "Hi"))

    by_retry = settle(nacked, again(nacked), held_blobs("Hi"), "live")
    by_the_next_patch = changed(nacked, entry("b", "Bye", revision=2), texts=("Hi",))

    assert again(nacked).missing(nacked.blobs) == {content("Hi").digest}
    for after in (by_retry, by_the_next_patch):
        assert after.entries["a"] == entry("a", "Hi")
        assert after.nacks == {}
    assert by_retry.blobs == held_blobs("Hi", "Bye")


def test_the_next_patch_builds_on_what_was_signed_and_not_on_what_was_kept() -> None:
    nacked = changed(held(), entry("a", "Hi", revision=2))

    after = changed(nacked, entry("a", "Hello", revision=3))

    assert after.nacks == {}
    assert after.entries["a"].revision == 3


def test_the_kill_switch_needs_no_blob() -> None:
    off = msgspec.structs.replace(entry("a", "Hi", revision=2), state="disabled")

    after = changed(held(), off)

    assert after.entries["a"].state == "disabled"
    assert after.nacks == {}


def test_a_held_entry_keeps_the_blob_that_the_follower_has() -> None:
    gone = msgspec.structs.replace(HELLO, state="held", revision=2)

    follower = changed(held(), gone)
    newcomer = held(4, gone, texts=())

    assert follower.entries["a"] == gone
    assert content("Hello").digest in follower.blobs
    assert newcomer.entries["a"] == gone
    assert newcomer.blobs == {}


def test_an_entry_that_a_newer_origin_wrote_stops_nothing_else() -> None:
    before = held()
    later = b'{"name":"a","uid":"uid-a","revision":7,"state":"shadow","mirror":{"to":"b"}}'
    index = before.index.changed([decode_entry(later), encode_entry(entry("b", "Hello"))])

    signed = scribe.index(4, entries=index.digest, count=2).signed
    message = IndexMessage(signed, tuple(msgspec.Raw(each.encoded) for each in index.values()))

    after = settle(before, propose_index(before, message, scribe.verifier, SCOPE), {}, "live")

    assert after.entries == {"a": HELLO, "b": entry("b", "Hello")}
    assert (after.nacks["a"].reason, after.nacks["a"].revision) == (reasons.MALFORMED, 7)
    assert after.index["a"].encoded == later


def test_unknown_fields_of_an_entry_are_passed_on_as_they_came() -> None:
    encoded = encode_entry(HELLO).encoded[:-1] + b',"weight":500}'

    decoded = decode_entry(encoded)

    assert decoded.entry == HELLO
    assert decoded.encoded == encoded
    assert decoded.digest != encode_entry(HELLO).digest


def test_blobs_are_what_their_digests_say_or_nothing() -> None:
    right, wrong = content("Hello"), content("Bye")
    good, bad = verified_blobs([(right.digest, right.content.encode()), (wrong.digest, b'{"text":"Evil"}')])

    assert good == held_blobs("Hello")
    assert bad == {wrong.digest}


def test_an_index_of_another_scope_leaves_nothing_of_the_first() -> None:
    other = Scribe(scope="another")
    proposal = propose_index(held(), other.index(1, entry("a", "Hi")), other.verifier, "another")

    after = settle(held(), proposal, {}, "live")

    assert content("Hello").digest not in after.blobs
    assert after.entries["a"] == entry("a", "Hi")
    assert after.nacks["a"].reason == reasons.BLOB_MISSING


def test_a_name_wins_over_another_prompts_id() -> None:
    first = msgspec.structs.replace(entry("a", "Hello"), ids=("b", "shared/id"))
    second = msgspec.structs.replace(entry("b", "Bye"), ids=("shared/id",))

    assert held(3, first, second).names == {"a": "a", "b": "b", "shared/id": "a"}


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"signed":1}', b'{"signed":{"payload":"","sig":""}'])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    for decode in (decode_index, decode_patch):
        with pytest.raises(Refused, match=reasons.MALFORMED):
            decode(data)
