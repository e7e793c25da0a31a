"""Programs of tests about forks and gunicorn: the client is made, and used, before a process has children.

`app` is served by gunicorn with --preload: each answer is a render, and the process that made it. Run as a program with a socket, it
forks and prints what its child saw, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from promptops.client import SyncPromptOpsClient

SECONDS = 30.0


def _client(socket: str) -> SyncPromptOpsClient:
    made = SyncPromptOpsClient(socket=socket)
    made.initialize()
    made.render_prompt("greeting", {"name": "Ada"})
    return made


client = _client(os.environ["PROMPTOPS_TEST_SOCKET"]) if "PROMPTOPS_TEST_SOCKET" in os.environ else None


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with what is rendered now, by whom, and whether in this process."""
    assert client is not None
    before = client.get_stats().local
    text = client.render_prompt("greeting", {"name": "Ada"}).rendered_content
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"text": text, "process": os.getpid(), "local": client.get_stats().local > before}).encode()]


def descriptors() -> int:
    """How many are open."""
    return len(os.listdir("/proc/self/fd"))


def in_child(made: SyncPromptOpsClient, write: int) -> None:
    """Render until it is done here; say how many descriptors there are before and while this process follows."""
    first = made.render_prompt("greeting", {"name": "Ada"})
    until = time.monotonic() + SECONDS
    while not made.get_stats().local and time.monotonic() < until:
        made.render_prompt("greeting", {"name": "Ada"})
        time.sleep(0.01)
    seen = {
        "first": first.rendered_content,
        "local": made.get_stats().local > 0,
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": descriptors(),
    }
    made.close()
    seen["closed"] = descriptors()
    os.write(write, json.dumps(seen).encode())
    os._exit(0)


def main() -> None:
    """Fork once beside a thread that renders, and say how many descriptors there were before anything was followed, and what the child saw."""
    read, write = os.pipe()
    bare = descriptors()
    made = _client(sys.argv[1])
    child = os.fork()
    if child == 0:
        in_child(made, write)
    os.close(write)
    with os.fdopen(read) as answers:
        seen = json.loads(answers.read() or "{}")
    os.waitpid(child, 0)
    after = made.render_prompt("greeting", {"name": "Ada"}).rendered_content
    print(json.dumps({"bare": bare, "child": seen, "after": after}))
    made.close()


if __name__ == "__main__":
    main()
