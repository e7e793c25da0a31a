"""The process in which objects are judged that are about to be stored: what takes too long there ends with it."""

from __future__ import annotations

from typing import Final

import msgspec

from promptops.admission.reviews import Verdict, question_in
from promptops.admission.verdicts import validated
from promptops.trials.labour import work

MEMORY_BYTES: Final = 192 * 1024 * 1024
"""Of address space, of which an idle one takes a quarter: two of them leave room in the webhook's pod, which must not be
ended for one object."""


def carry_out(body: bytes) -> bytes:
    """Return the verdict on a question that the webhook has read already."""
    return msgspec.msgpack.encode(validated(question_in(body)))


def verdict_of(sent: bytes) -> Verdict:
    """Read what was carried out."""
    return msgspec.msgpack.decode(sent, type=Verdict)


if __name__ == "__main__":
    # Whoever applies something waits for it: not behind everybody else.
    work(carry_out, MEMORY_BYTES, nice=0)
