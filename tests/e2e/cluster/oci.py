"""A folder of images in the OCI layout: layers that images share lie in it once."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TYPE = "application/vnd.oci.image"
_TAG = "org.opencontainers.image.ref.name"
_IMPORTED_AS = "io.containerd.image.name"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """Return this machine's architecture as images name it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def add_program(layout: Path, tag: str, program: Path) -> None:
    """Add an image that has nothing but one static program, its entry point."""
    layer = _layer(program)
    configuration = {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": [f"/{program.name}"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": _blob(layout, "config.v1+json", json.dumps(configuration).encode()),
        "layers": [_blob(layout, "layer.v1.tar", layer)],
    }
    _add(layout, tag, json.dumps(manifest).encode())


def add_folder(layout: Path, tag: str, folder: Path) -> None:
    """Move an image here from a folder in the form that buildah calls `dir`: blobs by digest, and a manifest."""
    manifest = json.loads((folder / "manifest.json").read_text())
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for described in (manifest["config"], *manifest["layers"]):
        name = described["digest"].removeprefix("sha256:")
        (folder / name).replace(blobs / name)
    _add(layout, tag, (folder / "manifest.json").read_bytes())


def name_images(layout: Path, names: Mapping[str, str]) -> None:
    """Let the images with these tags be imported under these names; drop every other one."""
    kept = []
    for entry in _read_index(layout):
        if name := names.get(_tag(entry)):
            kept.append(entry | {"annotations": {_TAG: _tag(entry), _IMPORTED_AS: name}})
    _write_index(layout, kept)
    _remove_unused(layout, kept)


def _add(layout: Path, tag: str, manifest: bytes) -> None:
    added = _blob(layout, "manifest.v1+json", manifest) | {"annotations": {_TAG: tag}}
    _write_index(layout, [*(entry for entry in _read_index(layout) if _tag(entry) != tag), added])


def _layer(program: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        file = tarfile.TarInfo(program.name)
        file.mode, file.size = 0o755, program.stat().st_size
        with program.open("rb") as source:
            archive.addfile(file, source)
    return content.getvalue()


def _blob(layout: Path, kind: str, content: bytes) -> dict[str, Any]:
    digest = _digest(content)
    path = layout / "blobs" / digest.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": f"{_TYPE}.{kind}", "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _tag(entry: Mapping[str, Any]) -> str:
    return str(entry.get("annotations", {}).get(_TAG, ""))


def _read_index(layout: Path) -> list[dict[str, Any]]:
    path = layout / "index.json"
    return list(json.loads(path.read_text())["manifests"]) if path.exists() else []


def _write_index(layout: Path, entries: list[dict[str, Any]]) -> None:
    layout.mkdir(parents=True, exist_ok=True)
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))


def _remove_unused(layout: Path, entries: list[dict[str, Any]]) -> None:
    folder = layout / "blobs" / "sha256"
    used = {entry["digest"] for entry in entries}
    for entry in entries:
        manifest = json.loads((folder / entry["digest"].removeprefix("sha256:")).read_text())
        used |= {manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
    for path in folder.iterdir():
        if f"sha256:{path.name}" not in used:
            path.unlink()
