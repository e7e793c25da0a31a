"""The real helm on the chart of this repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from promptops.dev.plane import Plane

RELEASE = "promptops"
NAMESPACE = "promptops-system"
UNREAD = "--disable-openapi-validation"
"""For an installation that is not about what is installed: much of its cost, on both sides, is reading how every kind is described."""


class Helm:
    """Runs helm with no settings of the user's, on a plane or on none."""

    def __init__(self, binary: Path, chart: Path, home: Path) -> None:
        self.chart = chart
        self._binary = binary
        self._home = home
        self._rendered: dict[tuple[str, ...], str] = {}
        """What came of arguments that were given before, as JSON: many tests look at the same manifests, each at its own."""

    def __call__(
        self, *arguments: str, plane: Plane | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Return what helm did; it must have succeeded, unless `check` is off."""
        # It ends before it has made much garbage: collecting it takes a fifth of its time.
        environment = {"HOME": str(self._home), "NO_PROXY": "127.0.0.1", "GOGC": "off"}
        if plane:
            environment["KUBECONFIG"] = str(plane.kubeconfig)
        command = (str(self._binary), *arguments)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"helm {' '.join(arguments)}:\n{done.stderr}"
        return done

    def render(self, *values: str, arguments: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Return the manifests for `name=value` settings and further arguments of `helm template`."""
        given = (*(f"--set={value}" for value in values), *arguments)
        if given not in self._rendered:
            done = self("template", RELEASE, str(self.chart), f"--namespace={NAMESPACE}", *given)
            read = [manifest for manifest in yaml.load_all(done.stdout, yaml.CSafeLoader) if manifest]
            self._rendered[given] = json.dumps(read)
        manifests: list[dict[str, Any]] = json.loads(self._rendered[given])
        return manifests

    def refusal(self, *arguments: str) -> str:
        """Return what `helm template` says when it refuses; it must refuse."""
        done = self("template", RELEASE, str(self.chart), f"--namespace={NAMESPACE}", *arguments, check=False)
        assert done.returncode, f"helm accepted {arguments}"
        return done.stderr


class UniqueKeys(yaml.CSafeLoader):
    """Reads as kustomize does: a key that comes twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Raise ValueError for a duplicate."""
        keys = [key.value for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise ValueError(f"a key twice in {keys}")
        return super().construct_mapping(node, deep)
