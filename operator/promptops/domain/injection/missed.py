"""Pods that asked for a sidecar and have none: they were made before the injector, or while it was away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from promptops.domain.injection.description import INJECTED_LABEL, TRUE
from promptops.domain.injection.pod import is_wanted
from promptops.domain.manifests import Manifest, label, metadata, text


def missed(pods: Iterable[Manifest], closed: Collection[str]) -> Mapping[str, int]:
    """Return namespace → how many of its pods lack the sidecar they asked for; nothing of a namespace where none does.

    The pods' metadata is enough. Nobody injects into the namespaces `closed`.
    """
    return Counter(namespace for pod in pods if _lacks(pod) and (namespace := _namespace(pod)) not in closed)


def _lacks(pod: Manifest) -> bool:
    return is_wanted(pod) and label(pod, INJECTED_LABEL) != TRUE and not metadata(pod).get("deletionTimestamp")


def _namespace(pod: Manifest) -> str:
    return text(metadata(pod).get("namespace"))
