"""The Model Context Protocol's own conformance suite against a sidecar: `make mcp-conformance`.

Checks that fail are compared with a baseline that names each and why it does not concern a server of prompts alone: one more
fails, and so does one that passes by now.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.support.manifests import sourced
from tests.support.sidecar import sidecars, write

SCENARIOS: Final = (
    *("prompts-list", "prompts-get-simple", "prompts-get-with-args", "completion-complete"),
    *("dns-rebinding-protection", "server-stateless", "caching", "http-header-validation"),
)
NO_TOOLS: Final = "needs a tool"
NO_RESOURCES: Final = "needs resources"
BASELINE: Final = {
    "sep-2575-server-rejects-undeclared-capability": NO_TOOLS,
    "sep-2575-missing-capability-http-400": NO_TOOLS,
    "sep-2575-http-server-no-independent-requests-on-stream": NO_TOOLS,
    "sep-2575-server-no-log-without-loglevel": NO_TOOLS,
    "sep-2549-tools-list-caching-hints": NO_TOOLS,
    "sep-2549-resources-list-caching-hints": NO_RESOURCES,
    "sep-2549-resources-templates-list-caching-hints": NO_RESOURCES,
    "sep-2243-server-standard-setup": NO_TOOLS,
    "sep-2243-server-reject-invalid-headers": NO_TOOLS,
    "sep-2243-server-accepts-whitespace-header-value": NO_TOOLS,
}
TWO: Final = [{"name": "arg1", "type": "string", "enum": ["testValue1", "paris"]}, {"name": "arg2", "type": "string"}]


def run(url: str, scenario: str, results: Path) -> dict[str, str]:
    """Return how each check of a scenario ended."""
    command = [os.environ.get("CONFORMANCE", "conformance"), "server", "--url", url, "--scenario", scenario]
    command += ["--spec-version", "2026-07-28", "--output-dir", str(results / scenario)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    written = list((results / scenario).rglob("checks.json"))
    if not written:
        raise SystemExit(f"{scenario} wrote no checks:\n{done.stdout}\n{done.stderr}")
    ended: dict[str, str] = {}
    for check in json.loads(written[0].read_text()):
        # One check may be made several times; it fails when one of them does.
        if ended.get(check["id"]) != "FAILURE":
            ended[check["id"]] = check["status"]
    return ended


def main() -> int:
    """Run every scenario; return how many checks are not as the baseline says."""
    starting = sidecars()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts"
        simple = {"text": "This is a simple prompt for testing."}
        given = {"text": "Prompt with arguments: arg1='{{ arg1 }}', arg2='{{ arg2 }}'", "variables": TWO}
        write(prompts / "simple.yaml", sourced("simple", simple, promptId="test_simple_prompt"))
        write(prompts / "given.yaml", sourced("given", given, promptId="test_prompt_with_arguments"))
        running = next(starting)(prompts)
        for scenario in SCENARIOS:
            ended = run(f"{running.url}/mcp", scenario, Path(folder))
            passed = sum(status == "SUCCESS" for status in ended.values())
            failed = {check for check, status in ended.items() if status == "FAILURE"}
            surprising = failed - BASELINE.keys() | {check for check in BASELINE if ended.get(check) == "SUCCESS"}
            wrong += len(surprising)
            print(f"{scenario}: {passed} of {len(ended)} passed", *sorted(surprising), sep="\n  WRONG ", flush=True)
            for check in sorted(failed & BASELINE.keys()):
                print(f"  expected: {check}: {BASELINE[check]}")
        next(starting, None)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
