"""What an image depends on, as one short key: the same key is the same image."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_FILES = ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE")
_FOLDERS = {"operator": "**/*", "requirements": "*.lock"}


def key_of(root: Path, *more: str) -> str:
    """Return the key of the images made of this repository and whatever `more` says."""
    hashed = hashlib.sha256("\0".join(more).encode())
    for path in sorted(_inputs(root)):
        hashed.update(f"\0{path.relative_to(root)}\0{path.stat().st_mode:o}\0".encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:12]


def _inputs(root: Path) -> Iterator[Path]:
    yield from (root / name for name in _FILES)
    for folder, pattern in _FOLDERS.items():
        yield from (
            path for path in (root / folder).glob(pattern) if path.is_file() and "__pycache__" not in path.parts
        )
