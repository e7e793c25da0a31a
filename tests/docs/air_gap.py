"""Images, chart and wheels carried to a machine without the internet, by the page's own blocks: `make air-gap` (root on Linux).

The images are those that the tests in pods use, built by buildah; docker's blocks are left out.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from promptops.dev import binaries
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.docs.pages import ROOT, Step, steps
from tests.e2e.cluster import storage
from tests.e2e.cluster.images import REPOSITORIES, Builder
from tests.e2e.cluster.machine import program

PAGE: Final = "docs/guides/packages.md"
HERE, THERE, END = "## Without the internet", "### On the other side", "## The wheel"
_NEEDED: Final = (
    "Makefile",
    "pyproject.toml",
    "requirements",
    "operator",
    "README.md",
    "LICENSE",
    "helm",
    ".venv",
    ".ci",
)
_NOWHERE: Final = "http://127.0.0.1:9"


class Machine:
    """A folder to type in, and a buildah with storage of its own."""

    def __init__(self, folder: Path, images: Path, **environment: str) -> None:
        self.folder = folder
        driver = "overlay" if storage.overlay_works(images) else "vfs"
        places = (f"--root={images / 'buildah'}", f"--runroot={images / 'buildah-run'}", f"--storage-driver={driver}")
        self._buildah = (program("unshare") or "unshare", "--mount", "--", program("buildah") or "buildah", *places)
        (command := folder / "bin" / "buildah").parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec {shlex.join(self._buildah)} "$@"\n')
        command.chmod(0o755)
        self._environment = os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}"} | environment

    def type(self, page: list[Step]) -> str:
        """Type the blocks into one shell but for docker's and the building of images; exit when one fails."""
        typed = [step.typed for step in page if not step.typed.startswith("docker ")]
        text = "".join(typed).replace("make images\n", "")
        print(text, end="", flush=True)
        command = ("bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", text)
        done = subprocess.run(command, cwd=self.folder, env=self._environment, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="", flush=True)
        if done.returncode:
            sys.exit(f"{PAGE} fails")
        return done.stdout

    def buildah(self, *arguments: str) -> str:
        """Return what buildah says."""
        return subprocess.run(
            (*self._buildah, *arguments), check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def image(self, name: str) -> str:
        """Return the digest of an image's configuration."""
        return self.buildah("inspect", "--type=image", "--format={{.FromImageID}}", name)


def main() -> None:
    """Carry everything over; exit 1 when a block fails, or something else arrives than was sent."""
    settings, progress = DevSettings.from_environment(), Progress()
    Builder(settings, progress).images(binaries.provide("coredns", settings, progress))
    with tempfile.TemporaryDirectory(prefix="air-gap-") as folder:
        here = Machine(Path(folder) / "here", settings.cache / "e2e")
        for name in _NEEDED:
            (here.folder / name).symlink_to(ROOT / name)
        version = built_version()
        names = [f"{repository}:{version}" for repository in REPOSITORIES.values()]
        for name in names:
            here.buildah("tag", f"{name.partition(':')[0]}:latest", name)
        sent = {name: here.image(name) for name in names}
        here.type(steps(PAGE, HERE, THERE))
        here.buildah("rmi", *names)
        there = Machine(
            Path(folder) / "there",
            Path(folder) / "images",
            VERSION=version,
            PIP_CONFIG_FILE=os.devnull,
            HTTPS_PROXY=_NOWHERE,
        )
        (here.folder / "dist").rename(there.folder / "dist")
        said = there.type(steps(PAGE, THERE, END))
        if f"version {version}" not in said or {name: there.image(name) for name in names} != sent:
            sys.exit("something else arrived than was sent")


def built_version() -> str:
    """Return the version of what is built."""
    line = next(line for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version = "))
    return line.split('"')[1]


if __name__ == "__main__":
    main()
