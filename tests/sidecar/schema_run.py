"""Schemathesis over every call of a sidecar, by its own OpenAPI document: `make schemathesis`. No failure is what it should say.

The document says nothing of the prompts that happen to be there, so their ids are put into the copy that is run: half of the
requests then reach a template. Streams without end are looked at by other tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from promptops.sidecar import openapi
from tests.support.manifests import manifest, sourced, version
from tests.support.sidecar import sidecars, write
from tests.support.typical import TYPED

HELD: Final = {"id": ["echo", "typed", "two", "off"], "version": ["1.0.0", "1.1.0"], "from": ["1.0.0"], "to": ["1.1.0"]}
CONFIGURATION: Final = """
[checks.positive_data_acceptance]
expected-statuses = [200, 304, 404, 409, 413, 422, 503]

[[operations]]
include-path-regex = "^/ofrep/"
checks.positive_data_acceptance.expected-statuses = [200, 304, 400, 404, 413, 503]
"""
"""Whether values fit a version, the document cannot say: 422 is an answer to a request that fits it; OFREP says 400."""


def document() -> dict[str, Any]:
    """Return the sidecar's document, with the ids and numbers of what is there."""
    made = openapi.document()
    others = {call.path for call in openapi.CALLS if call.lasts or call.speaks == "MCP"}
    made["paths"] = {path: calls for path, calls in made["paths"].items() if path not in others}
    for call in (call for calls in made["paths"].values() for call in calls.values()):
        for parameter in call.get("parameters", ()):
            held = HELD.get(parameter["name"], [])
            parameter["schema"] = {"anyOf": [{"enum": held}, parameter["schema"]]}
    return made


def main() -> int:
    """Run it; return what Schemathesis returns."""
    starting = sidecars()
    with tempfile.TemporaryDirectory() as folder:
        write(
            Path(folder) / "prompts" / "a.yaml",
            sourced("echo", {"text": "<{{ text }}>", "variables": [{"name": "text", "type": "string"}]}),
            sourced("typed", {"text": "{{ word }}|{{ count }}|{{ ratio }}|{{ loud }}|{{ tone }}", "variables": TYPED}),
            sourced("off", {"text": "off"}, disabled=True),
            manifest("Prompt", "two", activeVersion="1.0.0"),
            version("two", "1.0.0", {"text": "one"}),
            version("two", "1.1.0", {"text": "two"}),
        )
        described, configuration = Path(folder) / "openapi.json", Path(folder) / "schemathesis.toml"
        described.write_text(json.dumps(document()))
        configuration.write_text(CONFIGURATION)
        running = next(starting)(Path(folder) / "prompts")
        command = [os.environ.get("SCHEMATHESIS", "schemathesis"), "--config-file", str(configuration)]
        command += ["run", str(described), "--url", running.url, "--max-examples", os.environ.get("EXAMPLES", "50")]
        command += ["--generation-database", "none", "--seed", "1", "--continue-on-failure", *sys.argv[1:]]
        code = subprocess.run(command, cwd=folder, check=False).returncode
        print(running.get("/v1/stats").json()["total"], "renders were asked for")
        next(starting, None)
    return code


if __name__ == "__main__":
    sys.exit(main())
