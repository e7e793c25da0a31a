"""The product's images, built from the Dockerfile without Docker: debootstrap for the base, buildah for the rest.

Built again only when what they are made of has changed; a change of code installs no dependency again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptops.dev import toolchain
from promptops.dev.progress import Progress
from promptops.settings.dev import DevSettings
from tests.e2e.cluster import inputs, layout, oci, pip_configuration, storage
from tests.e2e.cluster.commands import run
from tests.e2e.cluster.machine import program

REPOSITORIES = {"operator": "localhost/promptops", "sidecar": "localhost/promptops-sidecar"}
"""The Dockerfile's targets and what their images are called."""
_STAGES = {"dependencies": "localhost/promptops-dependencies", "build": "localhost/promptops-build"}
"""The stages before them. Without a name, their layers would be swept away with the old images."""
_SUITE = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates"
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists", "var/log")
_BUILD_SECONDS = 900


@dataclass(frozen=True)
class Images:
    """Names of the images, and the OCI layout they lie in."""

    tag: str
    folder: Path

    def name(self, target: str) -> str:
        """Return the full name of the image of one of the Dockerfile's targets."""
        return f"{REPOSITORIES[target]}:{self.tag}"


class Builder:
    """Builds into the cache."""

    def __init__(self, settings: DevSettings, progress: Progress) -> None:
        self._folder = settings.cache / "e2e"
        self._settings = settings
        self._progress = progress
        self._driver = "overlay" if storage.overlay_works(self._folder) else "vfs"

    def images(self, coredns: Path) -> Images:
        """Return the product's images, and beside them what the node itself needs, building what is not there."""
        base = _base_name()
        tag = inputs.key_of(layout.ROOT, base, coredns.parent.name, *_pause_source())
        images = Images(tag, self._folder / "images")
        stamp = images.folder / "tag"
        if stamp.exists() and stamp.read_text() == tag:
            self._progress.say(f"images {tag}: nothing changed")
            return images
        stamp.unlink(missing_ok=True)
        self._make_base(base)
        with self._progress.step(f"building images {tag}", 60):
            self._build(base)
            self._collect(images, coredns)
        stamp.write_text(tag)
        return images

    def _make_base(self, name: str) -> None:
        if self._buildah("inspect", "--type=image", name, check=False) == 0:
            return
        with (
            self._progress.step("making the base image", 45),
            tempfile.TemporaryDirectory(prefix=".base-", dir=self._folder) as unfinished,
        ):
            root = Path(unfinished) / "root"
            debootstrap = (program("debootstrap") or "debootstrap", "--variant=minbase", f"--include={_PACKAGES}")
            run(*debootstrap, _SUITE, str(root), environment=self._environment(), within=_BUILD_SECONDS)
            for path in _LEFT_OUT:
                shutil.rmtree(root / path, ignore_errors=True)
            recipe = Path(unfinished) / "Dockerfile"
            recipe.write_text("FROM scratch\nCOPY root /\n")
            self._buildah("bud", "--isolation=chroot", f"--tag={name}", f"--file={recipe}", unfinished)

    def _build(self, base: str) -> None:
        self._buildah("rm", "--all")  # what a killed build left
        with tempfile.TemporaryDirectory(prefix=".secrets-", dir=self._folder) as folder:
            secrets = pip_configuration.write_secrets(Path(folder), self._settings.environment).arguments()
            options = ("--isolation=chroot", "--network=host", "--layers", f"--build-arg=BASE={base}", *secrets)
            for target, repository in {**_STAGES, **REPOSITORIES}.items():
                self._buildah("bud", *options, f"--target={target}", f"--tag={repository}:latest", str(layout.ROOT))
        self._buildah("rmi", "--prune", check=False)

    def _collect(self, images: Images, coredns: Path) -> None:
        for target, repository in REPOSITORIES.items():
            with tempfile.TemporaryDirectory(prefix=".pushed-", dir=self._folder) as folder:
                # Not into the layout at once: buildah compresses there, whatever it is told, and that takes longest.
                self._buildah("push", "--disable-compression", f"{repository}:latest", f"dir:{folder}")
                oci.add_folder(images.folder, target, Path(folder))
        oci.add_program(images.folder, "coredns", coredns)
        with tempfile.TemporaryDirectory(prefix=".pause-", dir=self._folder) as folder:
            oci.add_program(images.folder, "pause", self._compile_pause(Path(folder)))
        names = {target: images.name(target) for target in REPOSITORIES}
        oci.name_images(images.folder, {**names, "coredns": layout.COREDNS_IMAGE, "pause": layout.PAUSE_IMAGE})

    def _compile_pause(self, folder: Path) -> Path:
        compiler = toolchain.go(self._settings.cache, self._settings.environment, self._progress)
        cache = self._settings.cache / "go"
        environment = {**self._settings.environment, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
        environment |= {"GOCACHE": str(cache / "build"), "GOMODCACHE": str(cache / "mod")}
        source = str(layout.FILES / "pause")
        run(
            str(compiler), "build", "-C", source, "-o", str(folder / "pause"), "-ldflags=-s -w", environment=environment
        )
        return folder / "pause"

    def _buildah(self, *arguments: str, check: bool = True) -> int:
        """Run buildah with storage of its own, its mounts seen by nobody else and gone when it is killed."""
        places = (f"--root={self._folder / 'buildah'}", f"--runroot={self._folder / 'buildah-run'}")
        command = (program("unshare") or "unshare", "--mount", "--", program("buildah") or "buildah", *places)
        driver = f"--storage-driver={self._driver}"
        environment = self._environment()
        return run(*command, driver, *arguments, environment=environment, check=check, within=_BUILD_SECONDS).returncode

    def _environment(self) -> Mapping[str, str]:
        return {**self._settings.environment, "PATH": f"{os.defpath}{os.pathsep}/usr/sbin{os.pathsep}/sbin"}


def _base_name() -> str:
    key = hashlib.sha256(" ".join((_SUITE, _PACKAGES, *_LEFT_OUT)).encode()).hexdigest()[:12]
    return f"localhost/promptops-e2e-base:{key}"


def _pause_source() -> tuple[str, ...]:
    return tuple(path.read_text() for path in sorted((layout.FILES / "pause").iterdir()))
