"""`promptops probe`: asks an installation what pods and the API server ask it, and says what comes. `helm test` runs it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import httpx

from promptops.api.feed import Header
from promptops.api.v1alpha1 import API_VERSION
from promptops.feed.anchors import Anchors, TrustUnusable
from promptops.feed.asking import NotFollowed, ask_for_index

_REVIEW = json.dumps(
    {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "probe",
            "operation": "CREATE",
            "object": {
                "apiVersion": API_VERSION,
                "kind": "PromptVersion",
                "metadata": {"name": "probe-1.0.0", "namespace": "probe"},
                "spec": {"promptRef": {"name": "probe"}, "version": "1.0.0", "content": {"text": "{{"}},
            },
        },
    }
)
"""What the API server would ask of a version whose template has no end. Nothing is stored."""
_TRY_AGAIN_SECONDS = 1.0
_FILE = click.Path(path_type=Path, dir_okay=False)


class _Unanswered(Exception):
    """What was asked was not answered as it should be; the message says how."""


@click.command()
@click.option("--feed", "feed_url", required=True, help="The feed, as sidecars call it: https://promptops-feed.…")
@click.option("--webhook", "webhook_url", help="The webhook, as the API server calls it: https://promptops-webhook.…")
@click.option("--token-file", type=_FILE, required=True, help="A token of the audience promptops.io/feed.")
@click.option("--trust-file", type=_FILE, required=True, help="trust.json of the ConfigMap promptops-trust.")
@click.option("--within", type=float, default=60.0, show_default=True, help="Seconds for all of it.")
def probe(feed_url: str, webhook_url: str | None, token_file: Path, trust_file: Path, within: float) -> None:
    """Ask the feed for an index and the webhook for a refusal, and say what came.

    Exit code 0: both answered as they should; 1: one did not.
    """
    until = time.monotonic() + within
    asked: dict[str, Callable[[], str]] = {"feed": partial(_feed, feed_url, token_file, trust_file, until)}
    if webhook_url is not None:
        asked["webhook"] = partial(_webhook, webhook_url, trust_file, until)
    failed = False
    for name, ask in asked.items():
        try:
            click.echo(f"{name}: {ask()}")
        except _Unanswered as error:
            failed = True
            click.echo(f"{name}: {error}", err=True)
    sys.exit(failed)


def _feed(url: str, token_file: Path, trust_file: Path, until: float) -> str:
    try:
        header = asyncio.run(ask_for_index(url, token_file, trust_file, max(until - time.monotonic(), 0.0)))
    except NotFollowed as error:
        raise _Unanswered(f"{url} cannot be followed: {error}") from None
    return _said(header)


def _said(header: Header | None) -> str:
    if header is None:
        return "answers; this namespace is no Tenant's, and is shown nothing"
    position = f"{header.epoch}.{header.term}.{header.seq}"
    return f"an index of {header.count} prompts for namespace {header.namespace}, signed, at position {position}"


def _webhook(url: str, trust_file: Path, until: float) -> str:
    """Ask until it answers: the pods behind a Service may be new."""
    while True:
        try:
            return _refusal(url, trust_file)
        except httpx.TransportError as error:
            if time.monotonic() + _TRY_AGAIN_SECONDS > until:
                raise _Unanswered(f"{url} cannot be asked: {error}") from None
        time.sleep(_TRY_AGAIN_SECONDS)


def _refusal(url: str, trust_file: Path) -> str:
    try:
        context = Anchors(trust_file).first().context
    except TrustUnusable as error:
        raise _Unanswered(str(error)) from None
    with httpx.Client(verify=context if context is not None else True, trust_env=False, timeout=5.0) as client:
        answer = client.post(f"{url}/validate", content=_REVIEW, headers={"Content-Type": "application/json"})
    try:
        response = answer.raise_for_status().json()["response"]
        allowed, said = response["allowed"], response["status"]["message"]
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
        raise _Unanswered(f"{url} answers with status {answer.status_code} and no verdict") from None
    if allowed is not False:
        raise _Unanswered(f"{url} lets a version through whose template has no end")
    return f"refuses a version whose template has no end: {said}"
