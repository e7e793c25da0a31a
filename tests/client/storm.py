# ruff: noqa: S311 - chance is the point, not a secret
"""Calls that are cut off at any moment, and forks at any moment, beside calls that must get their own answer.

Run by tests with a thousand of each, by `make storm-client` with ten thousand. Prints what happened as JSON.
A program of its own: it forks, and lets a signal raise between any two instructions.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from promptops.client import (
    CacheConfig,
    CacheLevel,
    ClientConfig,
    PromptOpsClient,
    PromptOpsError,
    RenderResponse,
    SyncPromptOpsClient,
)

SECONDS_WITHOUT_END = 60.0
"""Longer than anything here takes on a busy machine: a call that ends by it has lost its connection or its turn."""


LONGEST_SECONDS = {"none": 0.006, "memory": 0.0002}
"""After how long a signal raises, by where the answer comes from: about as long as a few calls take, so that most are cut off."""


class Cut(Exception):
    """Raised by a signal, wherever the program is."""


def verdict(answer: RenderResponse, prompt: str, mark: str) -> str:
    """Say whose answer it is."""
    return "right" if answer.prompt_id == prompt and answer.rendered_content == f"{prompt}: {mark}" else "foreign"


def sync_call(client: SyncPromptOpsClient, prompt: str, mark: str) -> str:
    """Render and say what came."""
    try:
        return verdict(client.render_prompt(prompt, {"mark": mark}), prompt, mark)
    except PromptOpsError as error:
        return f"{type(error).__name__}: {error}"


async def cancellations(config: ClientConfig, count: int) -> Counter[str]:
    """Cancel most of `count` calls at random moments; then every slot must still be there."""
    seen: Counter[str] = Counter()
    async with PromptOpsClient(config) as client:
        for batch in range(count // 50):
            calls = [
                asyncio.create_task(client.render_prompt(f"p{number % 2}", {"mark": f"{batch}-{number}"}))
                for number in range(50)
            ]
            for call in calls:
                if random.random() < 0.3:
                    await asyncio.sleep(random.random() * 0.002)
                if random.random() < 0.8:
                    call.cancel()
            for number, answer in enumerate(await asyncio.gather(*calls, return_exceptions=True)):
                if isinstance(answer, RenderResponse):
                    seen[verdict(answer, f"p{number % 2}", f"{batch}-{number}")] += 1
                else:
                    seen["cut" if isinstance(answer, asyncio.CancelledError) else repr(answer)] += 1
        after = [client.render_prompt("p0", {"mark": str(number)}) for number in range(4 * config.max_connections)]
        for number, answered in enumerate(await asyncio.gather(*after)):
            seen["after: " + verdict(answered, "p0", str(number))] += 1
    return seen


def interruptions(config: ClientConfig, count: int) -> Counter[str]:
    """Let a signal raise within calls until it has done so `count` times; the one slot must still be there."""
    seen: Counter[str] = Counter()
    longest = LONGEST_SECONDS[config.cache.level]

    def cut(*_: object) -> None:
        raise Cut

    signal.signal(signal.SIGALRM, cut)
    with SyncPromptOpsClient(config) as client:
        while seen["cut"] < count:
            mark = str(seen.total())
            try:
                signal.setitimer(signal.ITIMER_REAL, random.random() * longest + 1e-5)
                said = sync_call(client, "p0", mark)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Cut:
                said = "cut"
            seen[said] += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        seen["after: " + sync_call(client, "p0", "end")] += 1
    return seen


def forks(config: ClientConfig, count: int) -> Counter[str]:
    """Fork `count` times while threads call through the same client; parent and children must get their own answers."""
    seen: Counter[str] = Counter()
    client, loops = SyncPromptOpsClient(config), PromptOpsClient(config)
    over, calling = threading.Event(), threading.Event()
    called = [0, 0]

    def keep_calling(thread: int) -> None:
        while not over.is_set():
            calling.wait()
            seen[sync_call(client, f"p{called[thread] % 2}", f"thread{thread}-{called[thread]}")] += 1
            called[thread] += 1

    def let_them_call() -> None:
        before = [*called]
        calling.set()
        while any(now == then for now, then in zip(called, before, strict=True)):
            time.sleep(0)

    threads = [threading.Thread(target=keep_calling, args=(number,)) for number in range(len(called))]
    asyncio.run(loops.render_prompt("p0", {"mark": "before"}))
    for thread in threads:
        thread.start()
    for number in range(count):
        let_them_call()
        if (child := os.fork()) == 0:
            os._exit(_child(client, loops, number))
        if config.cache.level is CacheLevel.MEMORY:
            calling.clear()  # they share no connection with the child, and would take the processor from it
        seen[sync_call(client, "p0", f"parent-{number}")] += 1
        _, status = os.waitpid(child, 0)
        seen["child: " + ("right" if status == 0 else f"exit {os.waitstatus_to_exitcode(status)}")] += 1
    calling.set()
    over.set()
    for thread in threads:
        thread.join()
    seen["after: " + sync_call(client, "p0", "end")] += 1
    return seen


def _child(client: SyncPromptOpsClient, loops: PromptOpsClient, number: int) -> int:
    mark = f"child-{number}"
    try:
        answer = asyncio.run(loops.render_prompt("p0", {"mark": mark}))
        said = {sync_call(client, "p1", mark), sync_call(client, "p0", mark), verdict(answer, "p0", mark)}
    except BaseException:
        return 3
    return 0 if said == {"right"} else 2


def main() -> None:
    """storm.py KIND COUNT SOCKET-OR-URL none|memory."""
    kind, count, place = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    cache = CacheConfig(CacheLevel(sys.argv[4]))
    where: dict[str, Any] = {"base_url": place} if place.startswith("http") else {"socket": Path(place)}
    few = ClientConfig(max_connections=4, timeout_seconds=SECONDS_WITHOUT_END, cache=cache, **where)
    one = ClientConfig(max_connections=1, timeout_seconds=SECONDS_WITHOUT_END, cache=cache, **where)
    if kind == "cancellations":
        seen = asyncio.run(cancellations(few, count))
    elif kind == "uvloop":
        import uvloop

        seen = uvloop.run(cancellations(few, count))
    else:
        seen = interruptions(one, count) if kind == "interruptions" else forks(few, count)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
