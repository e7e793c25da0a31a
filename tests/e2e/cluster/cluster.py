"""A cluster as the tests see it: kubectl, helm and the images, whatever it runs on."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster.api_server import ApiServer
from tests.e2e.cluster.commands import run
from tests.e2e.cluster.images import Images


@dataclass(frozen=True)
class Cluster:
    """A running cluster that has the product's images."""

    kubeconfig: Path
    images: Images
    kubectl_path: Path
    helm_path: Path
    home: Path
    """A folder of its own for what kubectl and helm keep."""
    api_server: ApiServer

    def kubectl(
        self, *arguments: str, input: str | None = None, check: bool = True, within: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator; raise ClusterError when it fails, unless `check` is off."""
        command = (str(self.kubectl_path), *arguments)
        return run(*command, input=input, environment=self.environment(), check=check, within=within)

    def helm(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run helm as the administrator; raise ClusterError when it fails, unless `check` is off."""
        return run(str(self.helm_path), *arguments, environment=self.environment(), check=check, within=300)

    def environment(self) -> Mapping[str, str]:
        """Return what a client of the cluster needs and no more: nothing of the developer's own clusters."""
        return {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.home), "PATH": "/usr/bin:/bin"}
