"""How this machine's pip reaches its packages, handed to an image build as secrets that stay out of the image."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster.commands import run

_HANDED_ON = ("index-url", "extra-index-url", "find-links", "trusted-host", "proxy", "timeout", "retries")
_AUTHORITIES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_AUTHORITY_IN_BUILD = "/run/secrets/ca.crt"


@dataclass(frozen=True)
class Secrets:
    """Files that a build mounts, by the name that the Dockerfile knows them by."""

    files: Mapping[str, Path]

    def arguments(self) -> tuple[str, ...]:
        """Return them as options of `buildah bud` and `docker build`."""
        return tuple(option for name, path in self.files.items() for option in ("--secret", f"id={name},src={path}"))


def write_secrets(folder: Path, environment: Mapping[str, str]) -> Secrets:
    """Write this machine's pip configuration as the build needs it into `folder`, which nobody else may read."""
    settings = parse(run(sys.executable, "-m", "pip", "config", "list", environment=environment).stdout)
    authority = settings.get("cert") or next((environment[n] for n in _AUTHORITIES if environment.get(n)), "")
    files = {"pip.conf": folder / "pip.conf"}
    if authority and Path(authority).is_file():
        files["ca.crt"] = Path(authority)
    files["pip.conf"].write_text(for_build(settings, has_authority="ca.crt" in files))
    return Secrets(files)


def parse(listing: str) -> dict[str, str]:
    """Read the output of `pip config list`; the environment wins over files, as it does for pip."""
    found: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda text: text.startswith(":env:")):
        key, separator, value = line.partition("=")
        if separator and key.startswith(("global.", "install.", ":env:.")):
            found[key.rpartition(".")[2]] = str(ast.literal_eval(value))
    return found


def for_build(settings: Mapping[str, str], *, has_authority: bool) -> str:
    """Return a pip.conf with what makes sense inside of a build: folders of this machine do not."""
    kept = {name: settings[name] for name in _HANDED_ON if settings.get(name)}
    links = [link for link in kept.pop("find-links", "").split() if "://" in link]
    lines = [f"{name} = {value.replace(chr(10), chr(10) + '    ')}" for name, value in kept.items()]
    lines += [f"find-links = {' '.join(links)}"] if links else []
    lines += [f"cert = {_AUTHORITY_IN_BUILD}"] if has_authority else []
    return "\n".join(("[global]", *lines, ""))
