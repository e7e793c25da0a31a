"""manifests/install.yaml: the chart with its default values, for those who install without Helm."""

from __future__ import annotations

import subprocess
from pathlib import Path

RELEASE = "promptops"
NAMESPACE = "promptops-system"
_HEADER = """\
# GENERATED from helm/promptops by `make generate`: everything in one file, for `kubectl apply -f manifests/install.yaml`.
# The alerts and the PodMonitor are left out: not every cluster has their kinds. Helm installs them where it has.
---
apiVersion: v1
kind: Namespace
metadata:
  name: promptops-system
  labels:
    app.kubernetes.io/name: promptops
    pod-security.kubernetes.io/enforce: restricted
"""
_HELM_ALONE = ("app.kubernetes.io/managed-by: Helm", "helm.sh/resource-policy: keep")


class RenderFailed(Exception):
    """Helm could not render the chart; the message is Helm's own."""


def install_manifest(helm: Path, chart: Path) -> str:
    """Return the text of install.yaml, rendered by the given helm; raise RenderFailed when the chart does not render."""
    command = (str(helm), "template", RELEASE, str(chart), f"--namespace={NAMESPACE}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenderFailed(done.stderr.strip())
    return _HEADER + "".join(_document(text) for text in _documents(done.stdout))


def _documents(rendered: str) -> list[str]:
    return [text for text in f"\n{rendered}".split("\n---\n") if text.strip()]


def _document(text: str) -> str:
    """Leave out what only Helm reads, and an `annotations:` that is left with nothing in it."""
    lines = [line for line in text.strip("\n").splitlines() if line.strip() not in _HELM_ALONE]
    kept = [line for line, after in zip(lines, [*lines[1:], ""], strict=True) if not _is_empty_map(line, after)]
    return "---\n" + "\n".join(kept) + "\n"


def _is_empty_map(line: str, after: str) -> bool:
    indent = len(line) - len(line.lstrip())
    return line.strip() == "annotations:" and len(after) - len(after.lstrip()) <= indent
