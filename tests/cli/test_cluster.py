"""Commands that talk to a cluster say which one they would have asked, in a person's words."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from promptops.cli.main import promptops_command


@pytest.mark.parametrize("command", ["blame greeting", "audit verify", "backup --output {}"])
def test_nobody_who_has_named_no_cluster_is_told_of_pods(command: str, tmp_path: Path) -> None:
    arguments = command.format(tmp_path / "backup").split()
    nothing = {"HOME": str(tmp_path), "KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": ""}

    refused = CliRunner().invoke(promptops_command, arguments, env=nothing)

    assert refused.exit_code == 1
    assert refused.output == (
        "Error: no cluster is named: KUBECONFIG is not set and there is no ~/.kube/config; --kubeconfig FILE names one\n"
    )
