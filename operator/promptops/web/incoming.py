"""The body of one request as its connection receives it: refused, still to be waited for, or whole."""

from __future__ import annotations

import math

from promptops.api import reasons
from promptops.web import limits
from promptops.web.answers import Answer, TakenRequest, problem_answer
from promptops.web.bodies import TooLarge, body_of
from promptops.web.limits import Limits
from promptops.web.problems import HttpRefusal, problem
from promptops.web.requests import Head, Malformed


class BodyRefused(Exception):
    """The body is not read, or not read to its end."""

    def __init__(self, answer: Answer, ended_by: str = "") -> None:
        super().__init__(answer.status)
        self.answer = answer
        """What the caller is told."""
        self.ended_by = ended_by
        """As which end of a connection it is counted; empty for none."""


class IncomingBody:
    """One body, and until when its next byte may come."""

    __slots__ = ("_body", "_call", "_last_deadline", "_limits")

    def __init__(self, head: Head, call: TakenRequest, limits_: Limits) -> None:
        """Take in what `head` announces. Raises BodyRefused where nothing of it is to be read."""
        if call.refusal is not None and head.expects_continue:
            raise BodyRefused(call.refusal)
        try:
            self._body = body_of(head, call.limit)
        except TooLarge:
            raise BodyRefused(call.too_large()) from None
        except HttpRefusal as refusal:
            raise BodyRefused(problem_answer(refusal.problem)) from None
        self._call = call
        self._limits = limits_
        self._last_deadline = math.inf
        """Of the whole body, whatever progress there is; endless before it had to be waited for."""

    def take(self, buffer: bytearray) -> bytes | None:
        """Take what belongs to the body out of `buffer`; return it when it is whole. Raises BodyRefused."""
        try:
            return self._body.content() if self._body.take(buffer) else None
        except TooLarge:
            raise BodyRefused(self._call.too_large()) from None
        except Malformed as error:
            raise BodyRefused(malformed(error), limits.MALFORMED) from None

    def deadline(self, now: float) -> float:
        """Return until when more of it has to come, by the loop's clock."""
        if self._last_deadline == math.inf:
            self._last_deadline = now + self._limits.whole_body_seconds
        return min(now + self._limits.body_seconds, self._last_deadline)


def malformed(error: Malformed) -> Answer:
    """Return what is said of bytes that are no HTTP request."""
    detail = f"this is not a valid HTTP request: {error}"
    return problem_answer(problem(400, reasons.INVALID_REQUEST, detail))
