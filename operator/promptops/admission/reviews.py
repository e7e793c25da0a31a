"""AdmissionReview (admission.k8s.io/v1): the question read strictly, the answer as bytes. No I/O."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from promptops.api import reasons
from promptops.api.wire import Unreadable, read
from promptops.web.problems import HttpRefusal, problem

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
_MAX_WARNING_CHARACTERS: Final = 250
"""The API server cuts a warning at 256 characters, and all of them at 4096."""
_MAX_WARNINGS: Final = 10


class Asked(msgspec.Struct, frozen=True, rename="camel"):
    """What the API server asks about: fields of AdmissionRequest that are looked at."""

    uid: str
    operation: Literal["CREATE", "UPDATE"]
    object: dict[str, Any]
    old_object: dict[str, Any] | None = None
    namespace: str = ""


class _Question(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    request: Asked


@dataclass(frozen=True)
class Verdict:
    """What is answered. Warnings are printed by kubectl."""

    refusal: str = ""
    """Why it is refused; empty when it is allowed."""
    warnings: tuple[str, ...] = ()
    patch: tuple[dict[str, Any], ...] = ()
    """JSON Patch (RFC 6902)."""


def question_in(body: bytes) -> Asked:
    """Return what is asked. Raises HttpRefusal for what is no AdmissionReview of a creation or change."""
    try:
        question = read(body, _Question)
    except Unreadable as error:
        raise _refused(f"the body {error}") from None
    if (question.api_version, question.kind) != (API_VERSION, KIND):
        raise _refused(f"the body is no {KIND} of {API_VERSION}")
    if not question.request.uid:
        raise _refused("request.uid is empty")
    return question.request


def answer_to(asked: Asked, verdict: Verdict) -> bytes:
    """Return the AdmissionReview that answers."""
    response: dict[str, Any] = {"uid": asked.uid, "allowed": not verdict.refusal}
    if verdict.refusal:
        response["status"] = {"code": 422, "reason": "Invalid", "message": verdict.refusal}
    if verdict.warnings:
        response["warnings"] = [_shortened(each) for each in verdict.warnings[:_MAX_WARNINGS]]
    if verdict.patch:
        encoded = base64.b64encode(msgspec.json.encode(verdict.patch)).decode()
        response |= {"patchType": "JSONPatch", "patch": encoded}
    return msgspec.json.encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})


def _shortened(warning: str) -> str:
    return warning if len(warning) <= _MAX_WARNING_CHARACTERS else f"{warning[: _MAX_WARNING_CHARACTERS - 1]}…"


def _refused(detail: str) -> HttpRefusal:
    return HttpRefusal(problem(400, reasons.INVALID_REQUEST, detail))
