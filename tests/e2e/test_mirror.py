"""The mirror in Redis by the chart's values, as the guide says: TLS, users who may do no more than they need, sealed keys.

With operators and relays gone, a pod that has never held anything renders from Redis, and says how old that is.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from promptops.cache.tiers.mirror import MirrorPlaces
from promptops.cache.tiers.sealing import Seal
from promptops.dev.distribution import DistributedProgram
from tests.e2e import pods, redis_pod
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.redis_pod import RedisPod
from tests.e2e.release import NAMESPACE, OPERATORS, Release
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400, func_only=True)]

GUIDE = "docs/guides/redis.md"
SECRET, READER, WRITER = "promptops-mirror", "promptops-reader", "promptops-writer"
FEEDS = ("deployment/promptops", "deployment/promptops-relay")
RELAYS = "-l=app.kubernetes.io/component=relay"
_WAIT = ("python", "-c", "import signal; signal.sigwait([signal.SIGTERM])")
_RENDER = """
import json, os
from promptops.client import SyncPromptOpsClient
with SyncPromptOpsClient(base_url=os.environ["PROMPTOPS_URL"]) as client:
    said = client.render_prompt("greeting", {"name": "Ada"})
print(json.dumps({"version": said.version, "source": said.source, "stale": said.stale, "age": said.age_seconds, "text": said.rendered_content}))
"""


@dataclass(frozen=True)
class Mirrored:
    """An installation with a mirror, a namespace whose pods may read it, and one pod that was there all the time."""

    cluster: Cluster
    namespace: str
    redis: RedisPod
    places: MirrorPlaces
    """What the namespace's part of the mirror is called."""

    def rendered(self, pod: str) -> dict[str, Any]:
        """Return what the client in a pod is answered."""
        said: dict[str, Any] = json.loads(pods.python(self.cluster, self.namespace, pod, _RENDER))
        return said

    def start(self, name: str) -> None:
        """Start a pod that asks for a sidecar and names the Secret, and wait until it is ready."""
        made = pods.pod(name, self.cluster.images.name("sidecar"), command=_WAIT)
        made["metadata"] |= {
            "labels": {"promptops.io/inject": "true"},
            "annotations": {"promptops.io/redis-secret": SECRET},
        }
        pods.run(self.cluster, self.namespace, made)

    def feeding(self) -> list[str]:
        """Return the pods that feed sidecars."""
        listed = (self.cluster.kubectl("get", "pods", f"-n={NAMESPACE}", of, "-o=name") for of in (OPERATORS, RELAYS))
        return [name for each in listed for name in each.stdout.split()]

    def scale(self, replicas: int) -> None:
        """Have so many operators and relays."""
        self.cluster.kubectl("scale", f"-n={NAMESPACE}", *FEEDS, f"--replicas={replicas}")


@pytest.fixture(scope="module")
def mirrored(
    cluster: Cluster,
    system_namespace: str,
    namespace: str,
    redis_binary: DistributedProgram,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mirrored]:
    """Redis, the Secrets, the chart with its values, and a pod that has rendered what the feed says."""
    users = (root / GUIDE).read_text().partition("```text\n")[2].partition("```")[0]
    redis = redis_pod.start(cluster, namespace, redis_binary, users)
    key = keys(cluster, redis, namespace, tmp_path_factory.mktemp("mirror") / "master.key")
    release = Release(cluster, root / "helm" / "promptops")
    names = (f"redis.relay.username={WRITER}", f"redis.sidecar.username={READER}")
    release.install(f"redis.url={redis.url}", "redis.ownAuthority=true", *names, "relay.replicas=1")
    cluster.kubectl("apply", f"-n={namespace}", f"-f={root / 'manifests' / 'samples' / 'greeting.yaml'}")
    cluster.kubectl("wait", f"-n={namespace}", "--for=condition=Ready", "prompt/greeting", "--timeout=60s")
    made = Mirrored(cluster, namespace, redis, MirrorPlaces(Seal(base64.b64decode(key))))
    made.start("warm")
    yield made
    cluster.kubectl("delete", "pods", "--all", f"-n={namespace}", "--grace-period=1", "--wait=false")
    release.uninstall()
    cluster.kubectl("delete", f"secret/{SECRET}", f"-n={NAMESPACE}")


def keys(cluster: Cluster, redis: RedisPod, namespace: str, master: Path) -> str:
    """Make the Secrets of relays and of a namespace; return the namespace's key."""
    master.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    uid = cluster.kubectl("get", f"namespace/{namespace}", "-o=jsonpath={.metadata.uid}").stdout
    command = (sys.executable, "-m", "promptops.cli.main", "key", "--master", str(master), uid)
    own = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    for where, key, user in ((NAMESPACE, master.read_text(), WRITER), (namespace, own, READER)):
        files = {"key": key, "password": user, "ca.crt": redis.authority.decode()}
        cluster.kubectl("apply", f"-n={where}", "-f=-", input=json.dumps(redis_pod.secret(SECRET, files)))
    return own


def test_a_relay_fills_the_mirror_and_who_reads_may_do_nothing_else(mirrored: Mirrored) -> None:
    say = mirrored.redis.say
    wait_until(
        lambda: say(READER, "GET", mirrored.places.head) != "None", lambda: say(READER, "GET", mirrored.places.head)
    )

    refused = [
        say(READER, *command)
        for command in (("SET", mirrored.places.head, ""), ("KEYS", "*"), ("SCAN", "0"), ("EVAL", "return 1", "0"))
    ]

    assert [said.partition(":")[0] for said in refused] == ["NoPermissionError"] * 4
    assert mirrored.rendered("warm")["source"] == "live"


def test_a_pod_that_starts_while_nobody_feeds_it_renders_from_redis(mirrored: Mirrored) -> None:
    mirrored.scale(0)
    wait_until(lambda: mirrored.feeding() == [], mirrored.feeding, within=120)

    mirrored.start("cold")
    wait_until(lambda: mirrored.rendered("cold")["stale"], lambda: mirrored.rendered("cold"))
    said = mirrored.rendered("cold")

    assert (said["source"], said["version"]) == ("redis", "1.0.0")
    assert "Ada" in said["text"]
    assert said["age"] >= 10
    assert mirrored.rendered("warm")["version"] == "1.0.0"


def test_once_the_feed_is_back_the_same_pod_follows_it(mirrored: Mirrored) -> None:
    mirrored.scale(1)
    edit = json.dumps({"spec": {"activeVersion": "1.1.0"}})
    mirrored.cluster.kubectl("patch", "prompt/greeting", f"-n={mirrored.namespace}", "--type=merge", f"--patch={edit}")

    wait_until(
        lambda: (mirrored.rendered("cold")["source"], mirrored.rendered("cold")["version"]) == ("live", "1.1.0"),
        lambda: mirrored.rendered("cold"),
        within=120,
    )
