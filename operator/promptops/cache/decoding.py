"""JSON from outside, read into a type: one error for everything that can be wrong with it."""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

Read = TypeVar("Read", covariant=True)


class Decoder(Protocol[Read]):
    """A msgspec decoder of one type."""

    def decode(self, data: bytes, /) -> Read:
        """Return what the bytes say."""


class Undecodable(Exception):
    """The bytes are not JSON, not UTF-8, nested too deep, or not of the type."""


def decode(data: bytes, decoder: Decoder[Read]) -> Read:
    """Return what stands in the bytes. Raises Undecodable, whose message says where and holds none of the data."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Undecodable(str(error)) from None
    except RecursionError:
        raise Undecodable("nested too deep") from None
