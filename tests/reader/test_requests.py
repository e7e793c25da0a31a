"""Bodies of renders: a key that stands twice is found wherever it stands, however the body is read."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from promptops.reader.requests import read_render_request
from promptops.rendering.errors import InvalidInput

PIECES = (
    '"a":1',
    '"b":"x"',
    '"a":"y"',
    '"c":":"',
    '"d":{"e":1}',
    '"d":{"e":1,"e":2}',
    '"f":[]',
    '"\\u0061":3',
    '"g":"\\":"',
)
FIELDS = ('"strict":false', '"strict":true', '"version":null', '"session":"s:t"', '"variables":{}', '"model_name":"m"')


def has_twice(body: str) -> bool:
    """Whether an object of the body names a key twice, found in the plainest way."""
    found: list[bool] = []
    json.loads(body, object_pairs_hook=lambda pairs: found.append(len(dict(pairs)) < len(pairs)))
    return any(found)


def is_refused_for_that(body: str) -> bool:
    """Whether the reader says so."""
    try:
        read_render_request(body.encode())
    except InvalidInput as error:
        return "same key twice" in str(error)
    return False


def bodies() -> list[str]:
    """Every choice of up to three variables, alone and beside fields, in either order."""
    chosen = [list(each) for many in range(4) for each in itertools.permutations(PIECES, many)]
    draw = random.Random(7)  # noqa: S311 - the same bodies each time
    made = []
    for pieces in chosen:
        fields = draw.sample(FIELDS, draw.choice((0, 0, 1, 2)))
        parts = [f'"variables":{{{",".join(pieces)}}}', *fields]
        draw.shuffle(parts)
        made.append(f"{{{draw.choice((',', ' , ')).join(parts)}}}")
    return made


def test_a_key_that_stands_twice_is_refused_and_nothing_else_is() -> None:
    found = {body: is_refused_for_that(body) for body in bodies()}

    assert found == {body: has_twice(body) for body in found}
    assert {True, False} <= set(found.values())


@pytest.mark.parametrize(
    "body", ['{"variables":{"a":1}}', '{"variables":{"a":1,"b":":"}}', '{"variables":{"a":{"b":{}}}}']
)
def test_a_body_without_is_read(body: str) -> None:
    assert read_render_request(body.encode()).variables == json.loads(body)["variables"]
