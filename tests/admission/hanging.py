"""A worker whose work never ends, or kills it, when the object says so."""

from __future__ import annotations

import os
import signal

import msgspec

from promptops.admission.reviews import Verdict, question_in
from promptops.trials.labour import work


def carry_out(body: bytes) -> bytes:
    """Do what the object says."""
    does = question_in(body).object.get("does")
    while does == "hang":
        pass
    if does == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return msgspec.msgpack.encode(Verdict(warnings=("judged",)))


if __name__ == "__main__":
    work(carry_out)
