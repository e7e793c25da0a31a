"""A git repository as a team has one: manifests in a folder, commits, and the one command that takes one back."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

FOLDER = "deploy"
"""What is synced of it."""
BRANCH = "main"
_IDENTITY = {"NAME": "Ada", "EMAIL": "ada@example.com"}


class Repository:
    """A bare repository, and a work tree whose commits are pushed there at once."""

    def __init__(self, folder: Path) -> None:
        self.bare = folder / "prompts.git"
        self._tree = folder / "prompts"
        self._environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _IDENTITY.items()},
        }
        folder.mkdir(parents=True, exist_ok=True)
        self._run(folder, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self.bare))
        self._run(folder, "init", "--quiet", f"--initial-branch={BRANCH}", str(self._tree))
        self.git("remote", "add", "origin", str(self.bare))
        (self._tree / FOLDER).mkdir()

    @property
    def folder(self) -> Path:
        """The folder that is synced, in the work tree."""
        return self._tree / FOLDER

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever committed."""
        return not self.git("rev-list", "--all", "--max-count=1")

    @property
    def url(self) -> str:
        """Where others fetch it."""
        return self.bare.as_uri()

    def git(self, *arguments: str) -> str:
        """Run git in the work tree; return what it prints."""
        return self._run(self._tree, *arguments)

    def write(self, name: str, *manifests: dict[str, Any]) -> None:
        """Write manifests into a file of the folder; none takes the file away."""
        path = self.folder / name
        if manifests:
            path.write_text(yaml.safe_dump_all(manifests))
        else:
            path.unlink()

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace words of a file, which must be there."""
        path = self.folder / name
        text = path.read_text()
        assert before in text, f"{before!r} is not in {name}"
        path.write_text(text.replace(before, after))

    def commit(self, message: str) -> str:
        """Commit everything and push; return the commit's hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self._push()

    def revert(self) -> str:
        """Take the last commit back by another one, and push; return that one's hash."""
        self.git("revert", "--no-edit", "HEAD")
        return self._push()

    def restore(self, revision: str) -> None:
        """Have everything in the work tree as it was at a commit."""
        self.git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", FOLDER)
        self.git("checkout", revision, "--", FOLDER)

    def archive(self, revision: str) -> bytes:
        """Return everything at a commit as a tar."""
        return subprocess.run(
            ("git", "-C", str(self.bare), "archive", "--format=tar", revision),
            env=self._environment,
            capture_output=True,
            check=True,
        ).stdout

    def _push(self) -> str:
        self.git("push", "--quiet", "origin", BRANCH)
        return self.git("rev-parse", "HEAD").strip()

    def _run(self, folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            ("git", *arguments), cwd=folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
