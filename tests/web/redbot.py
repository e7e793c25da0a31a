"""What REDbot has against the answers of every route: `make redbot`. Nothing is what it should say.

REDbot asks with GET alone, several times and in several ways: encodings, ranges, conditions. What answers other methods, or
without end, is looked at as it refuses.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from promptops.admission.application import admission_app
from promptops.admission.judges import Judges
from promptops.feed.serve import FeedApp
from promptops.telemetry.admission import AdmissionMetrics
from promptops.web.answers import TakenRequest
from promptops.web.requests import Head
from tests.support.hop import SCOPE, hop
from tests.support.manifests import sourced
from tests.support.serving import served
from tests.support.sidecar import Sidecar, sidecars, write

DATA: Final = (
    *("/", "/openapi.json", "/v1/health", "/v1/prompts", "/v1/prompts/a", "/v1/prompts/a/versions"),
    *("/v1/prompts/a/versions/1.0.0", "/v1/prompts/a/render", "/v1/prompts/missing", "/nowhere"),
    *("/v1/prompts/a/diff?from=1.0.0&to=1.0.0", "/v1/stats", "/v1/feedback", "/v1/render/batch"),
    *("/mcp", "/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/a"),
)
ENDLESS: Final = ("/v1/events?types=none", "/ofrep/v1/sse?none")
"""Asked for what there is not, so that the answer ends."""
NOT_UNDERSTOOD: Final = "The server didn't understand the request."
"""What REDbot says of every 400."""
OPERATIONS: Final = ("/metrics", "/healthz", "/readyz", "/startupz", "/nowhere")
FEED: Final = ("/v1/blobs", "/v1/blobs/sha256:none", "/v1/reports", "/v1/stream/", "/nowhere")
UNKNOWN: Final = ("/v1/stream", "/v1/blobs/sha256:none")
"""What the feed says to those who show no token."""
WEBHOOK: Final = ("/validate", "/inject", "/nowhere")


async def complaints(url: str) -> list[str]:
    """Return what REDbot has against the answers there."""
    command = (os.environ.get("REDBOT", "redbot"), "-o", "har", url)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    try:
        notes = list(_notes(json.loads(out)))
    except ValueError:
        return [out.decode().strip() or "REDbot says nothing"]
    return [each["summary"] for each in notes if each["level"] in ("WARN", "BAD")]


def _notes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "level" in value and "subject" in value:
            yield {"summary": json.dumps(value), **value}
        for each in value.values():
            yield from _notes(each)
    elif isinstance(value, list):
        for each in value:
            yield from _notes(each)


@contextmanager
def sidecar() -> Iterator[Sidecar]:
    """Run a sidecar with one prompt."""
    starting = sidecars()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "a.yaml", sourced("a", {"text": "Hello"}))
        yield next(starting)(Path(folder))
        next(starting, None)


@asynccontextmanager
async def feed() -> AsyncIterator[tuple[str, str, str]]:
    """Run a feed; yield where it is as it is, where everybody is known, and the digest of a blob."""
    async with hop() as origin:
        app = FeedApp(origin.origin.store, origin.authenticate, lambda *_: 0, lambda *_: None, verifier=origin.verifier)

        def known(head: Head) -> Awaitable[TakenRequest]:
            return app(replace(head, headers=(*head.headers, (b"authorization", b"Bearer token-a"))))

        store = origin.origin.store(SCOPE)
        assert store is not None
        assert store.current is not None
        async with served(known) as running:
            yield origin.url, running.url, next(iter(store.current.blobs))


async def main() -> int:
    """Ask everything; return how many routes REDbot objects to."""
    wrong = 0
    with sidecar() as running:
        judges = Judges()
        await judges.start()
        webhook = admission_app(lambda: None, judges, AdmissionMetrics())
        async with feed() as (bare, known, digest), served(webhook) as admission:
            urls = [running.url + path for path in (*DATA, *ENDLESS)] + [
                running.operations_url + path for path in OPERATIONS
            ]
            urls += [bare + path for path in UNKNOWN] + [known + path for path in (*FEED, f"/v1/blobs/{digest}")]
            urls += [admission.url + path for path in WEBHOOK]
            for url in urls:
                said = await complaints(url)
                if url.endswith(ENDLESS):
                    said.remove(NOT_UNDERSTOOD)
                wrong += bool(said)
                print("WRONG" if said else "clean", url, *said, sep="\n      " if said else " ", flush=True)
        await judges.close()
    return wrong


if __name__ == "__main__":
    sys.exit(min(asyncio.run(main()), 1))
