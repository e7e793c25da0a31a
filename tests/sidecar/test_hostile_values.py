"""Values that parsers disagree about, in every place of a request: refused with a problem, or rendered as they are meant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sidecar.hostile_values import WRITTEN, Written
from tests.support.manifests import sourced
from tests.support.sidecar import Sidecar, sidecars, write

TYPES = ("string", "integer", "number", "boolean", "list", "object")


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar with a prompt for every type of variable."""
    directory = tmp_path_factory.mktemp("typed")
    shown = {"text": "<{{ v | tojson }}>"}
    prompts = (sourced(each, shown | {"variables": [{"name": "v", "type": each}]}) for each in TYPES)
    write(directory / "prompts.yaml", *prompts)
    for start in sidecars():
        yield start(directory)


def body(value: bytes) -> bytes:
    return b'{"variables": {"v": ' + value + b"}}"


def outcome(sidecar: Sidecar, prompt: str, sent: bytes) -> str:
    """Return what was rendered, or that it was refused as a problem should be; else what came instead."""
    answer = sidecar.post(prompt, sent)
    if answer.status_code == 200:
        return str(answer.json()["rendered_content"])
    told = answer.json() if answer.headers["content-type"] == "application/problem+json" else {}
    is_told = answer.status_code in (400, 422) and told.get("status") == answer.status_code and told.get("detail")
    return "refused" if is_told else f"{answer.status_code} {answer.text}"


def fits(value: Written, declared: str) -> bool:
    """Whether a value is of a type, by the rule that nothing is turned into anything else."""
    return bool(value.shown) and (value.kind == declared or (value.kind, declared) == ("integer", "number"))


@pytest.mark.parametrize("declared", TYPES)
def test_a_value_is_rendered_as_it_is_meant_or_refused(typed: Sidecar, declared: str) -> None:
    got = {each.sent[:60]: outcome(typed, declared, body(each.sent)) for each in WRITTEN}

    assert got == {each.sent[:60]: f"<{each.shown}>" if fits(each, declared) else "refused" for each in WRITTEN}
    assert outcome(typed, "string", body(b'"next"')) == '<"next">'


@pytest.mark.parametrize(
    ("before", "behind", "declared"),
    [
        pytest.param(b"[", b"]", "list", id="in a list"),
        pytest.param(b"[[[", b"]]]", "list", id="in lists"),
        pytest.param(b'{"a": ', b"}", "object", id="in an object"),
        pytest.param(b'{"a": [{"b": ', b"}]}", "object", id="in objects and lists"),
    ],
)
def test_a_value_within_another_means_the_same(typed: Sidecar, before: bytes, behind: bytes, declared: str) -> None:
    sent = {each.sent[:60]: before + each.sent + behind for each in WRITTEN if each.sent}

    got = {name: outcome(typed, declared, body(value)) for name, value in sent.items()}

    assert got == {
        each.sent[:60]: f"<{before.decode()}{each.shown}{behind.decode()}>" if each.shown else "refused"
        for each in WRITTEN
        if each.sent
    }


@pytest.mark.parametrize(
    "field", ["variables", "version", "channel", "session", "model_provider", "model_name", "format", "strict"]
)
def test_a_field_is_what_it_should_be_or_refused(typed: Sidecar, field: str) -> None:
    good = {"variables": ("object",), "strict": ("boolean",)}.get(field, ("string", "null"))

    got = {
        each.sent[:60]: outcome(typed, "string", b'{"%s": %s}' % (field.encode(), each.sent))
        for each in WRITTEN
        if each.kind not in good
    }

    assert set(got.values()) == {"refused"}


def test_no_key_but_a_known_one_is_taken(typed: Sidecar) -> None:
    keys = (
        b'""',
        b'"Variables"',
        b'"variables "',
        b'"\\u0000"',
        b'"__proto__"',
        b"null",
        b"1",
        b"[]",
        b'"variables\\u0000"',
    )

    got = {key: outcome(typed, "string", b'{"variables": {"v": "x"}, %s: {}}' % key) for key in keys}

    assert set(got.values()) == {"refused"}


def test_there_are_many_of_them() -> None:
    assert len(WRITTEN) * (len(TYPES) + 4) > 583
    assert len({each.sent for each in WRITTEN}) == len(WRITTEN)
