"""What the watch's thread hands over arrives in order, all of it, whatever is wrong with one of it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from promptops.controller.intake.door import Door, HandOver
from promptops.controller.intake.store import ObjectStore
from promptops.controller.keys import TENANCY, Key
from tests.controller.manifests import NAMESPACE, made, prompt
from tests.support.waiting import SECONDS


async def test_objects_arrive_in_the_order_in_which_another_thread_handed_them_over() -> None:
    arrived: list[str] = []
    finished = asyncio.Event()

    def ingest(kind: str, type_: str | None, manifest: Any) -> None:
        arrived.append(manifest["metadata"]["name"])
        if len(arrived) == 1000:
            finished.set()

    hand_over = HandOver(asyncio.get_running_loop(), ingest)
    names = [f"p{number}" for number in range(1000)]

    def hand_over_all() -> None:
        for name in names:
            hand_over("Prompt", "ADDED", prompt(name, 1))

    thread = threading.Thread(target=hand_over_all)
    thread.start()
    async with asyncio.timeout(SECONDS):
        await finished.wait()
    thread.join()

    assert arrived == names


async def test_an_object_that_nobody_foresaw_keeps_no_other_out() -> None:
    keys: list[Key] = []
    door = Door(ObjectStore(), lambda key, lane: keys.append(key), lambda: None)
    hand_over = HandOver(asyncio.get_running_loop(), door.ingest)
    malformed = made("ConfigMap", "odd", 4)
    del malformed["metadata"]["name"]
    hand_over("ConfigMap", "ADDED", malformed)
    hand_over("Prompt", "ADDED", prompt("greeting", 5))
    async with asyncio.timeout(SECONDS):
        while not keys:  # noqa: ASYNC110  what is waited for happens in the loop's callbacks
            await asyncio.sleep(0)

    assert keys == [Key("Prompt", NAMESPACE, "greeting")]


def test_a_tenant_or_namespace_has_tenancy_decided_anew_before_anything_asks() -> None:
    told: list[str] = []
    door = Door(ObjectStore(), lambda key, lane: told.append(key.kind), lambda: told.append("changed"))

    door.ingest("Namespace", "ADDED", made("Namespace", "team", 5, namespace=""))

    assert told == ["changed", TENANCY.kind]
