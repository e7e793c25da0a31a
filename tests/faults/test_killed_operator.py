"""kill -9 of the operator in each of a row of activations, each time at another moment of it."""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field

import httpx
import pytest

from promptops.dev.stack import NAMESPACE, Stack
from tests.support.manifests import many, prompt, version
from tests.support.waiting import wait_until

ACTIVATIONS = 24
LATEST_KILL_SECONDS = 0.08
"""An idle plane serves an activation in well under this: the kill falls before, between and after the writes. The moments
lie evenly, 3.5 ms from each other: of twice as many random ones some would lie further apart."""

pytestmark = pytest.mark.cluster


_GAP_SECONDS = LATEST_KILL_SECONDS / (ACTIVATIONS - 1)
_NOBODY = json.dumps({"spec": {"holderIdentity": ""}})


def numbered(activation: int) -> str:
    return f"1.0.{activation}"


def manifests() -> str:
    """A prompt at 1.0.0 and a version for each activation, whose text names it."""
    numbers = map(numbered, range(ACTIVATIONS + 1))
    versions = [version("story", number, f"chapter {number}") for number in numbers]
    return many(prompt("story", activeVersion=numbered(0)), *versions)


@dataclass
class Reader:
    """An application that never stops rendering, and what it was told."""

    socket: str
    versions: list[str] = field(default_factory=list)
    positions: list[tuple[int, ...]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        with httpx.Client(transport=httpx.HTTPTransport(uds=self.socket), base_url="http://localhost") as client:
            while not self.stop.wait(0.002):
                answer = client.post("/v1/prompts/story/render", json={"variables": {}}).json()
                if answer.get("rendered_content") != f"chapter {answer.get('version')}":
                    self.wrong.append(json.dumps(answer))
                elif not self.versions or self.versions[-1] != answer["version"]:
                    self.versions.append(answer["version"])
                position = client.get("/v1/health").json()["position"]
                self.positions.append(tuple(int(part) for part in position.split(".")))


@pytest.mark.timeout(600)
def test_activations_each_with_a_kill(broken_stack: Stack) -> None:
    plane, sidecar = broken_stack.plane, broken_stack.sidecar
    plane.kubectl("apply", "-f", "-", input=manifests())
    plane.kubectl("wait", "--for=jsonpath={.status.served}=all", "--timeout=90s", "prompt/story")
    reader = Reader(sidecar.socket)
    thread = threading.Thread(target=reader.read)
    thread.start()
    moments = [_GAP_SECONDS * number for number in range(ACTIVATIONS)]
    random.Random(7).shuffle(moments)  # noqa: S311  repeatable moments, not secrets
    try:
        for number, moment in enumerate(moments, start=1):
            plane.kubectl(
                "patch",
                "prompt",
                "story",
                "--type=merge",
                "-p",
                json.dumps({"spec": {"activeVersion": numbered(number)}}),
            )
            threading.Event().wait(moment)
            plane.kill("operator")
            # Nobody gives up the Lease of the dead, and waiting for its fifteen seconds would show nothing more.
            plane.kubectl("patch", "lease", "promptops", "-n", NAMESPACE, "--type=merge", "-p", _NOBODY)
            plane.start("operator")
        plane.kubectl(
            "wait",
            f"--for=jsonpath={{.status.serving.stable.version}}={numbered(ACTIVATIONS)}",
            "--timeout=90s",
            "prompt/story",
        )
        plane.kubectl("wait", "--for=jsonpath={.status.served}=all", "--timeout=90s", "prompt/story")
        plane.kubectl("wait", "--for=condition=Converged", "--timeout=90s", "prompt/story")
        wait_until(lambda: reader.versions[-1] == numbered(ACTIVATIONS), lambda: reader.versions[-1])
    finally:
        reader.stop.set()
        thread.join(10)
    status = json.loads(plane.kubectl("get", "prompt", "story", "-o", "json").stdout)["status"]

    assert reader.wrong == [], "every answer was whole"
    assert reader.versions == sorted(reader.versions, key=lambda text: int(text.rsplit(".", 1)[1])), (
        "never an older version again"
    )
    assert reader.versions[-1] == numbered(ACTIVATIONS) == status["serving"]["stable"]["version"], (
        "status and sidecar agree"
    )
    assert reader.positions == sorted(reader.positions), "positions never decrease"
    assert status["served"] == "all"
