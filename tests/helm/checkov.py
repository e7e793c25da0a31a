"""What checkov has against the chart's manifests: `make checkov`. Every finding is waived in checkov.yaml, with its reason.

Checkov has an environment of its own: it is no dependency of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

WAIVED: Final = Path(__file__).with_name("checkov.yaml")
CHART: Final = Path(__file__).parents[2] / "helm" / "promptops"


def found(checkov: str, helm: str) -> tuple[int, dict[tuple[str, str], str]]:
    """Return how many checks passed, and each that did not: its id and the object it is about, with its title."""
    with tempfile.TemporaryDirectory() as folder:
        manifests = Path(folder) / "manifests.yaml"
        more = ("monitoring.dashboard.enabled=true", "relay.replicas=2", "gateway.replicas=2")
        set_up = ("--namespace=promptops-system", *(f"--set={value}" for value in more))
        manifests.write_text(_output(helm, "template", "promptops", str(CHART), *set_up, home=folder))
        options = ("--framework=kubernetes", "--compact", "--quiet", "--skip-download", "--output=json")
        said = json.loads(_output(checkov, f"--file={manifests}", *options, home=folder))
    failed = {
        (each["check_id"], _object(each["resource"])): each["check_name"] for each in said["results"]["failed_checks"]
    }
    return said["summary"]["passed"], failed


def waived() -> dict[tuple[str, str], str]:
    """Return the reason of every waiver, by check and object."""
    return {
        (each["check"], resource): each["reason"]
        for each in yaml.safe_load(WAIVED.read_text())
        for resource in each["resources"]
    }


def differences(failed: dict[tuple[str, str], str], reasons: dict[tuple[str, str], str]) -> Iterator[str]:
    """Yield what is found and not waived, and what is waived and not found."""
    for (check, resource), title in failed.items():
        if (check, resource) not in reasons:
            yield f"{check} {resource}: {title}: mend it, or waive it with a reason in {WAIVED.name}"
    for check, resource in reasons.keys() - failed.keys():
        yield f"{check} {resource}: waived, and not found any more: strike it from {WAIVED.name}"


def _object(resource: str) -> str:
    """Return kind and name of `Deployment.default.promptops` and of the pod of a Deployment."""
    kind, _, rest = resource.partition(".")
    return f"{kind}.{rest.partition('.')[2].partition('.app.kubernetes.io')[0]}"


def _output(*command: str, home: str) -> str:
    environment: dict[str, Any] = {**os.environ, "HOME": home, "BC_ROOT_DIR": home}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if not done.stdout:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Say what is found; exit 1 for a difference from what is waived."""
    passed, failed = found(*sys.argv[1:])
    reasons = waived()
    for (check, resource), reason in reasons.items():
        print(f"waived: {check} {resource}: {reason}")
    print(f"{passed} checks passed, {len(failed)} findings, {len(reasons)} waived")
    sys.exit("\n".join(sorted(differences(failed, reasons))) or 0)


if __name__ == "__main__":
    main()
