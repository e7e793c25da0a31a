"""`make isolation`: random requests of one namespace for what is another's, on a control plane of their own; ends in a table.

It also looks for the other's words where nothing was asked: in the sidecar's memory and snapshot, and in all that Redis holds.
With `--unfiltered` the filter is turned off, and all who have it must be found out.
    PYTHONPATH=. python -m tests.isolation.command [--count 100000] [--seed SEED] [--unfiltered]
"""

from __future__ import annotations

import argparse
import asyncio
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from promptops.cache.tiers.redis_server import raw
from promptops.dev.distribution import REDIS, provide
from promptops.dev.progress import Progress
from promptops.dev.stack import SIDECAR, Stack
from promptops.settings.dev import DevSettings
from tests.isolation.ground import Ground, ground
from tests.isolation.trial import Trial
from tests.isolation.unfiltered import FILTERING, unfiltered
from tests.support.redis import Server, servers
from tests.support.throwaway import throwaway_stack
from tests.support.waiting import wait_until

_EACH_ACCOUNT = 5000
_MOST_ACCOUNTS = 8
_SHOWN = 10
_READABLE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")


def main() -> int:
    """Run it, and say 1 when a byte of the other namespace was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--unfiltered", action="store_true")
    arguments = parser.parse_args()
    with unfiltered() if arguments.unfiltered else nullcontext(), throwaway_stack("isolation") as stack:
        found = searched(stack, arguments.count, arguments.seed)
    if not arguments.unfiltered:
        return 1 if found else 0
    hidden = [name for name in FILTERING if not any(f"to the {name}: " in each for each in found)]
    sys.stdout.write(f"without the filter, not found out: {', '.join(hidden) or 'nobody'}\n")
    return 1 if hidden else 0


def searched(stack: Stack, count: int, seed: str) -> list[str]:
    """Have something to find, beside a relay, a gateway and a Redis; return what is found of it."""
    other = f"team-{secrets.token_hex(8)}"
    stack.plane.kubectl("create", "namespace", other)
    with contextmanager(servers)(provide(REDIS, DevSettings.from_environment(), Progress())) as start:
        redis = start()
        accounts = min(_MOST_ACCOUNTS, 1 + count // _EACH_ACCOUNT)
        with ground(stack, other, accounts, **redis.environment(redis.settings(writes=True))) as made:
            return report(made, stack, redis, count, seed)


def report(made: Ground, stack: Stack, redis: Server, count: int, seed: str) -> list[str]:
    """Ask, look, and print what came of it."""
    say = sys.stdout.write
    say(f"seed {seed}: the same requests come again with SEED={seed} COUNT={count}\n")
    sys.stdout.flush()
    trial = Trial(made, seed)
    asyncio.run(trial.run(count, told))
    say(f"{trial.table()}\n")
    mirrored = wait_until(lambda: kept_in(redis), "the relay fills the mirror")
    places = {
        "the sidecar's memory": (memory_of(stack.plane.running()[SIDECAR]), made.secret.all()),
        "the sidecar's snapshot": (files_of(stack.plane.folder / "snapshots"), (*made.secret.all(), *made.known.values())),
        "Redis": (mirrored, made.secret.all()),
    }  # fmt: skip
    for name, (parts, words) in places.items():
        read = b"\n".join(parts)
        trial.found += [f"{name} has {word}" for word in words if word.encode() in read]
        say(f"  {name}: {len(read) // 1000:,} kB looked through\n")
    say("".join(f"FOUND {each}\n" for each in trial.found[:_SHOWN]))
    statuses = ", ".join(f"{count:,} x {status}" for status, count in sorted(trial.statuses.items()))
    say(f"{trial.statuses.total():,} requests ({statuses}), {len(trial.found)} of them with something of the other's\n")
    return trial.found


def told(done: int, seconds: float) -> None:
    """Say how far it is."""
    sys.stderr.write(f"[isolation] {done:,} requests, {done / seconds:,.0f}/s\n")


def memory_of(process: int) -> Iterator[bytes]:
    """Yield what a process has written into its memory."""
    ranges = [_READABLE.match(line) for line in Path(f"/proc/{process}/maps").read_text().splitlines()]
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for found in filter(None, ranges):
            begin, end = (int(each, 16) for each in found.groups())
            memory.seek(begin)
            yield memory.read(end - begin)


def files_of(folder: Path) -> list[bytes]:
    """Return all that stands in the files of a folder."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def kept_in(redis: Server) -> list[bytes]:
    """Return every key of a server and what it holds, once there is more than one scope's."""
    client = redis.client
    keys = [bytes(each) for each in client.scan_iter()]
    # The contents are a hash, all else is plain.
    kept = [part for key in keys for part in (client.hvals(key) if key.endswith(b"blobs") else [client.get(key)])]
    return [*keys, *(raw(part) or b"" for part in kept)] if len(keys) > 3 else []


if __name__ == "__main__":
    sys.exit(main())
