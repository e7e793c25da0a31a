"""What tests ask of a GitOps controller, whichever it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from promptops.dev.plane import Plane
from tests.gitops.repository import Repository
from tests.support.manifests import Manifest, many
from tests.support.waiting import wait_until

Health = Literal["Healthy", "Progressing", "Degraded"]
SECONDS = 120.0
"""A controller that is slow is no fault of ours, and this machine may be busy."""


@dataclass(frozen=True)
class State:
    """What a controller says of the commit that it took last."""

    revision: str
    health: Health
    message: str = ""
    is_applied: bool = False
    """Whether the cluster is as the commit says, in health or not."""


class Delivery(Protocol):
    """A controller that keeps a namespace as a repository says."""

    name: str

    def follow(self, repository: Repository, namespace: str) -> None:
        """Keep a namespace as the repository's folder is from now on, by the hand of the namespace's account DELIVERER."""

    def tell(self, revision: str) -> None:
        """Tell it that there is a commit, as a webhook does."""

    def look_again(self) -> None:
        """Have it compare everything once more; return when it has."""

    def state(self) -> State:
        """Return what it says now."""

    def unfollow(self) -> None:
        """Take everything away that it delivered; return when its own object is gone."""


DELIVERER = "deliverer"
"""The ServiceAccount that a namespace's objects are applied by, where the controller can."""


def until(delivery: Delivery, revision: str, health: Health) -> State:
    """Wait until a controller says that of a commit."""

    def found() -> State | None:
        state = delivery.state()
        return state if (state.revision, state.health) == (revision, health) else None

    return wait_until(found, lambda: f"{revision} {health}: {delivery.state()}", within=SECONDS) or State("", health)


def apply(plane: Plane, *manifests: Manifest) -> None:
    """Apply manifests; kinds whose definitions were applied a moment ago may take a little longer."""
    text = many(*manifests)

    def applied() -> bool:
        done = plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text, check=False)
        return done.returncode == 0

    wait_until(applied, lambda: plane.kubectl("apply", "--server-side", "-f", "-", input=text, check=False).stderr)


def read(plane: Plane, *arguments: str) -> dict[str, Any]:
    """Return an object, an empty one when it is not there."""
    done = plane.kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


def account(plane: Plane, namespace: str, role: str) -> None:
    """Make the namespace's DELIVERER, with a role of the cluster in that namespace alone."""
    subject = {"kind": "ServiceAccount", "name": DELIVERER, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    metadata = {"name": DELIVERER, "namespace": namespace}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{DELIVERER}-{role}", "namespace": namespace},
        "roleRef": reference,
        "subjects": [subject],
    }
    apply(plane, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, binding)
