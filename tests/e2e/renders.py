"""Pods that render without a pause, over every way to their sidecar, and write down whatever goes wrong."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster
from tests.support.waiting import wait_until

NAME = "renders"
REPLICAS = 3
_LOOP = """
import json, os, time
from promptops.client import ClientConfig, SyncPromptOpsClient
places = {"url": {"base_url": os.environ["PROMPTOPS_URL"]}, "socket": {"socket": os.environ["PROMPTOPS_SOCKET"]}}
# A container is started again in two seconds or three; on a busy machine it takes longer.
clients = {way: SyncPromptOpsClient(ClientConfig(timeout_seconds=90, **place)) for way, place in places.items()}
served, count, longest, failures, said, told = {}, 0, 0.0, [], None, 0.0
while True:
    for way, client in clients.items():
        begun = time.monotonic()
        try:
            answer = client.render_prompt("greeting", {"name": "Ada"})
            if "Ada" not in answer.rendered_content:
                failures.append(f"{way}: not the text")
            served[way] = answer.version
        except Exception as error:
            failures.append(f"{time.strftime('%H:%M:%S')} {way}: {type(error).__name__}: {error}")
        count, longest = count + 1, max(longest, time.monotonic() - begun)
    if (served, failures) != said or time.monotonic() - told > 1:
        print(json.dumps({"served": served, "count": count, "longest": round(longest, 2), "failures": failures[:5]}), flush=True)
        said, told = (dict(served), list(failures)), time.monotonic()
    time.sleep(0.05)
"""
_KILL = """
import os, signal
from pathlib import Path
for each in Path("/proc").glob("[0-9]*/cmdline"):
    if b"sidecar" in each.read_bytes().split(b"\\0") and int(each.parent.name) != os.getpid():
        os.kill(int(each.parent.name), signal.SIGKILL)
"""


class Renders:
    """The loops of a Deployment whose pods ask for a sidecar."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def start(self) -> None:
        """Begin, and wait until every pod renders."""
        made = self._deployment()
        self._cluster.kubectl("apply", f"-n={self._namespace}", "-f=-", input=json.dumps(made))
        self._cluster.kubectl("rollout", "status", f"-n={self._namespace}", f"deployment/{NAME}", "--timeout=120s")
        # A pod without a sidecar is ready for a moment as well, and ends at once.
        wait_until(lambda: [set(each["served"]) for each in self.told()] == [{"url", "socket"}] * REPLICAS, self.told)

    def activate(self, version: str) -> None:
        """Activate a version, and wait until every loop renders it over every way."""
        edit = f'--patch={{"spec": {{"activeVersion": "{version}"}}}}'
        self._cluster.kubectl("patch", "prompt/greeting", f"-n={self._namespace}", "--type=merge", edit)
        reached = [{"url": version, "socket": version}] * REPLICAS
        wait_until(lambda: [each["served"] for each in self.told()] == reached, self.told)

    def told(self) -> list[dict[str, Any]]:
        """Return what each loop said last: versions by way, renders, the longest one's seconds, and failures."""
        selected = (f"-n={self._namespace}", f"-l=app={NAME}", "--container=main", "--tail=1")
        lines = self._cluster.kubectl("logs", *selected, check=False).stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def failures(self) -> list[str]:
        """Return what went wrong in any pod since the beginning."""
        told = wait_until(lambda: found if len(found := self.told()) == REPLICAS else [], self.told)
        return [failure for each in told for failure in each["failures"]]

    def kill_sidecars(self) -> None:
        """Kill the sidecar of every pod without a word, and wait until each has been started again."""
        before = wait_until(lambda: found if len(found := self._restarts()) == REPLICAS else {}, self._restarts)
        for name in before:
            self._cluster.kubectl(
                "exec", f"-n={self._namespace}", name, "--container=promptops", "--", "python", "-c", _KILL, check=False
            )
        wait_until(lambda: _are_above(self._restarts(), before), lambda: (before, self._restarts()))

    def certificate(self, address: str) -> str:
        """Return the certificate that the feed shows at a pod's address."""
        code = f"import ssl; print(ssl.get_server_certificate(({address!r}, 8282), timeout=10))"
        return pods.python(self._cluster, self._namespace, f"deployment/{NAME}", code)

    def _restarts(self) -> dict[str, int]:
        """Return how often the sidecar of each pod was started again, of those that say so."""
        listed = self._cluster.kubectl("get", "pods", f"-n={self._namespace}", f"-l=app={NAME}", "-o=json").stdout
        there = [each for each in json.loads(listed)["items"] if "deletionTimestamp" not in each["metadata"]]
        counts = {pods.name_of(each): pods.restarts(each, "promptops") for each in there}
        return {name: count for name, count in counts.items() if count is not None}

    def _deployment(self) -> pods.Manifest:
        pod = pods.pod(NAME, self._cluster.images.name("sidecar"), command=("python", "-c", _LOOP))
        # Process 1 of a container takes no signal from inside of it; as one among others it can be killed.
        pod["spec"]["shareProcessNamespace"] = True
        labels = {"app": NAME, "promptops.io/inject": "true"}
        template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
        spec = {"replicas": REPLICAS, "selector": {"matchLabels": {"app": NAME}}, "template": template}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}, "spec": spec}


def _are_above(counts: dict[str, int], before: dict[str, int]) -> bool:
    return all(counts.get(name, 0) > count for name, count in before.items())
