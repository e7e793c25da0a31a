"""How long an activation takes until an application gets the new version, beside a bare watch of the same object.

Prints p50 and p99 of both, and their ratio: the watch is what anything in Kubernetes could be told at the earliest.
    python tests/bench/activation.py [--activations 200]
"""

from __future__ import annotations

import argparse
import json
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx

from promptops import codegen
from promptops.client import SyncPromptOpsClient
from promptops.dev.lifecycle import bring_up, plane_folder, take_down
from promptops.dev.plane import Plane
from promptops.dev.progress import Progress
from promptops.dev.stack import NAMESPACE
from promptops.settings.dev import DevSettings

PROMPT = "/apis/promptops.io/v1alpha1/namespaces/default/prompts/greeting"
SAMPLE = Path(__file__).parents[2] / "manifests" / "samples" / "greeting.yaml"
BETWEEN_SECONDS = 0.15
"""Pause after each activation, so that each meets an idle plane."""


def administrator(plane: Plane) -> httpx.Client:
    """An HTTP client with the plane's administrator certificate."""
    certificates = plane.folder / "certificates"
    context = ssl.create_default_context(cafile=str(certificates / "authority.crt"))
    context.load_cert_chain(certificates / "administrator.crt", certificates / "administrator.key")
    return httpx.Client(base_url=plane.server, verify=context, trust_env=False, timeout=httpx.Timeout(10, read=None))


class BareWatch:
    """Remembers when an activeVersion first came through a plain watch."""

    def __init__(self, plane: Plane) -> None:
        self.version = ""
        self.at = 0.0
        self._client = administrator(plane)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        query = {"watch": "1", "fieldSelector": "metadata.name=greeting"}
        with suppress(httpx.HTTPError), self._client.stream("GET", PROMPT.rsplit("/", 1)[0], params=query) as answer:
            for line in answer.iter_lines():
                version = json.loads(line)["object"]["spec"].get("activeVersion", "")
                if version != self.version:
                    self.version, self.at = version, time.perf_counter()


def measure(plane: Plane, socket: str, activations: int) -> tuple[list[float], list[float]]:
    """Return seconds from the PATCH being sent to the answer served, and to the bare watch's event."""
    watch = BareWatch(plane)
    served: list[float] = []
    watched: list[float] = []
    with administrator(plane) as api, SyncPromptOpsClient(socket=socket) as client:
        for number in range(activations):
            version = ("1.1.0", "1.0.0")[number % 2]
            body = json.dumps({"spec": {"activeVersion": version}})
            sent = time.perf_counter()
            api.patch(PROMPT, content=body, headers={"content-type": "application/merge-patch+json"}).raise_for_status()
            while client.render_prompt("greeting", variables={"name": "Ada"}).version != version:
                time.sleep(0.0005)
            served.append(time.perf_counter() - sent)
            while watch.version != version:
                time.sleep(0.0005)
            watched.append(watch.at - sent)
            time.sleep(BETWEEN_SECONDS)
    return served, watched


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie, in milliseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def main() -> None:
    """Bring up a plane, measure, print, take it down."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--activations", type=int, default=200)
    activations = arguments.parse_args().activations
    settings, progress = DevSettings.from_environment(), Progress()
    folder = plane_folder(settings.cache, "bench")
    try:
        take_down(folder)
        up = bring_up(folder, settings, progress, codegen.manifests(NAMESPACE))
        assert up.stack is not None
        up.plane.kubectl("apply", "-f", str(SAMPLE))
        up.plane.kubectl("wait", "--for=condition=Converged", "--timeout=30s", "prompt/greeting")
        with progress.step(f"{activations} activations", seconds=activations // 4):
            served, watched = measure(up.plane, up.stack.sidecar.socket, activations)
    finally:
        take_down(folder)
    print(f"{'from the PATCH being sent to':<34} {'p50':>9} {'p99':>9}")
    for label, values in (("the new version being rendered", served), ("a bare watch's event (rival)", watched)):
        print(f"{label:<34} {percentile(values, 0.5):>6.1f} ms {percentile(values, 0.99):>6.1f} ms")
    print(
        f"{'ratio':<34} {percentile(served, 0.5) / percentile(watched, 0.5):>9.2f} {percentile(served, 0.99) / percentile(watched, 0.99):>9.2f}"
    )


if __name__ == "__main__":
    main()
