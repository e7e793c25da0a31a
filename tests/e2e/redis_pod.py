"""A Redis server in a pod: this machine's program, which speaks TLS alone and knows the users that the guide gives."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from promptops.dev.distribution import DistributedProgram
from promptops.web.certificates import Authority
from tests.e2e import pods
from tests.e2e.cluster.cluster import Cluster

NAME = "redis"
_CONFIGURATION = """\
port 0
tls-port 6379
tls-cert-file /etc/redis/tls.crt
tls-key-file /etc/redis/tls.key
tls-auth-clients no
protected-mode no
save ""
dir /redis
user default off
"""
_TAKE = """
import base64, io, sys, tarfile
tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))).extractall("/redis")
open("/redis/complete", "w").close()
"""
_RUN = """
import os, time
from pathlib import Path
while not Path("/redis/complete").exists():
    time.sleep(0.1)
(loader,) = Path("/redis").glob("ld-linux*")
os.execv(loader, (str(loader), "--library-path", "/redis", "/redis/redis-server", "/etc/redis/redis.conf"))
"""
_SAY = """
import json, sys, redis
user, password, *command = sys.argv[1:]
server = redis.Redis("127.0.0.1", 6379, ssl=True, ssl_ca_certs="/etc/redis/ca.crt", username=user, password=password, driver_info=None, protocol=2)
try:
    print(json.dumps(repr(server.execute_command(*command))))
except redis.RedisError as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
"""


@dataclass(frozen=True)
class RedisPod:
    """A running server."""

    cluster: Cluster
    namespace: str
    authority: bytes
    """What verifies it, in PEM."""

    @property
    def url(self) -> str:
        """Where it is from inside the cluster."""
        return f"rediss://{NAME}.{self.namespace}.svc:6379/0"

    def say(self, user: str, *command: str) -> str:
        """Have a user say a command, inside the pod; return what comes back. The password is the name."""
        return str(json.loads(pods.python(self.cluster, self.namespace, NAME, _SAY, user, user, *command)))


def start(cluster: Cluster, namespace: str, binary: DistributedProgram, users: str) -> RedisPod:
    """Start one, and wait until it is ready. `users`: lines of an ACL with a place for the password's sha256."""
    authority = Authority("redis test", datetime.now(UTC))
    shown = authority.server(NAME, ("127.0.0.1",), (f"{NAME}.{namespace}.svc",))
    files = {
        "tls.crt": shown.certificate.decode(),
        "tls.key": shown.key.decode(),
        "ca.crt": authority.certificate.decode(),
        "redis.conf": _CONFIGURATION + known(users),
    }
    made = [secret(NAME, files), service(), _pod(cluster.images.name("sidecar"))]
    items = {"apiVersion": "v1", "kind": "List", "items": made}
    cluster.kubectl("apply", f"-n={namespace}", "-f=-", input=json.dumps(items))
    running = "--for=jsonpath={.status.phase}=Running"
    cluster.kubectl("wait", f"-n={namespace}", f"pod/{NAME}", running, "--timeout=90s")
    command = ("exec", "-i", f"-n={namespace}", NAME, "--", "python", "-c", _TAKE)
    cluster.kubectl(*command, input=base64.b64encode(packed(binary)).decode())
    cluster.kubectl("wait", f"-n={namespace}", f"pod/{NAME}", "--for=condition=Ready", "--timeout=90s")
    return RedisPod(cluster, namespace, authority.certificate)


def known(users: str) -> str:
    """The lines of an ACL, each user's password being the name."""
    return re.sub(
        r"user (\S+) on #<[^>]*>",
        lambda user: f"user {user[1]} on #{hashlib.sha256(user[1].encode()).hexdigest()}",
        users,
    )


def packed(binary: DistributedProgram) -> bytes:
    """The program and every library of it, the loader included: the image in the pod has another distribution's, or none."""
    listed = subprocess.run(
        ("ldd", str(binary.path)), env=os.environ | binary.environment, capture_output=True, text=True, check=True
    )
    libraries = {Path(name).name: Path(name) for name in re.findall(r"(/\S+)", listed.stdout)}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", compresslevel=1, dereference=True) as archive:
        for name, path in {"redis-server": binary.path, **libraries}.items():
            archive.add(path.resolve(), name)
    return written.getvalue()


def secret(name: str, texts: dict[str, str]) -> pods.Manifest:
    """A Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": texts}


def service() -> pods.Manifest:
    """The name by which the server is found."""
    spec = {"selector": {"app": NAME}, "ports": [{"port": 6379}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec}


def _pod(image: str) -> pods.Manifest:
    ready = {"readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1}}
    made = pods.pod(NAME, image, command=("python", "-c", _RUN), probes=ready)
    made["metadata"]["labels"] = {"app": NAME}
    made["spec"]["volumes"] = [{"name": "program", "emptyDir": {}}, {"name": "files", "secret": {"secretName": NAME}}]
    made["spec"]["containers"][0]["volumeMounts"] = [
        {"name": "program", "mountPath": "/redis"},
        {"name": "files", "mountPath": "/etc/redis", "readOnly": True},
    ]
    return made
