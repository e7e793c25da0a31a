"""What a person would look at first when a pod does not do what it should."""

from __future__ import annotations

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.commands import last_lines
from tests.e2e.cluster.errors import ClusterError

_QUESTIONS = {
    "pods": ("get", "pods", "--all-namespaces", "-o=wide"),
    "events": ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
    "operator": ("logs", "-n=promptops-system", "-l=app.kubernetes.io/name=promptops", "--tail=40"),
    "operator before": ("logs", "-n=promptops-system", "-l=app.kubernetes.io/name=promptops", "--tail=40", "-p"),
    "prompts": ("get", "prompts", "--all-namespaces", "-o=yaml"),
}


def diagnose(cluster: Cluster) -> str:
    """Ask the cluster, part by part; a part that does not answer is left out."""
    return "\n".join(f"{title}:\n{_answer(cluster, question)}" for title, question in _QUESTIONS.items())


def _answer(cluster: Cluster, question: tuple[str, ...]) -> str:
    try:
        done = cluster.kubectl(*question, check=False, within=20)
    except ClusterError as error:
        return f"  {error}"
    return last_lines(done.stdout + done.stderr, 60)
