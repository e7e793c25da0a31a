"""A directory as a tier: a folder for each scope, named by the scope's digest so that no scope names a path."""

from __future__ import annotations

import hashlib
import shutil
from functools import partial
from pathlib import Path

from promptops.api.feed import Position, Signed
from promptops.cache.advance import EVERYTHING, Understanding
from promptops.cache.clock import Clock
from promptops.cache.store import Step
from promptops.cache.tiers.files import reason_of
from promptops.cache.tiers.sealing import Seal
from promptops.cache.tiers.snapshot import Snapshot
from promptops.cache.tiers.tier import Loaded, OnError, nobody_counts
from promptops.cache.tiers.wrapping import Sealed
from promptops.cache.verifier import Verifier
from promptops.cache.view import View


class Disk:
    """Snapshots of any number of scopes. One process at a time writes to each."""

    name = "snapshot"
    durable = True

    def __init__(
        self,
        directory: Path,
        verifier: Verifier,
        clock: Clock | None = None,
        on_error: OnError = nobody_counts,
        *,
        understanding: Understanding = EVERYTHING,
        seal: Seal | None = None,
    ) -> None:
        """`seal`: what everything is sealed by, where others may read the directory."""
        self._seal = seal
        self._directory = directory
        self._on_error = on_error
        self._open = partial(Snapshot, verifier=verifier, clock=clock, on_error=on_error, understanding=understanding)
        self._snapshots: dict[str, Snapshot] = {}
        """By folder."""
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the last call was not done; None when it was."""
        return self._problem or next((each.problem for each in self._snapshots.values() if each.problem), None)

    def load(self) -> tuple[Loaded, ...]:
        """Return what is intact and verified of every scope."""
        try:
            folders = sorted(path.name for path in self._directory.iterdir() if path.is_dir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            self._failed(error)
            return ()
        loaded = [self._snapshot(folder).load() for folder in folders]
        return tuple(each for each in loaded if each is not None)

    def save(self, view: View, step: Step | None, confirmed_at: float) -> bool:
        """Write what leads to the view. Returns whether it is on disk now."""
        return self._snapshot(folder_of(view.header.scope)).save(view, step, confirmed_at)

    def stamp(self, scope: str, position: Position, confirmed_at: float) -> bool:
        """Note that the origin confirmed the position."""
        return self._snapshot(folder_of(scope)).stamp(position, confirmed_at)

    def drop(self, scope: str, revocation: Signed) -> bool:
        """Forget everything of a scope but that its namespace is gone."""
        return self._snapshot(folder_of(scope)).drop(revocation)

    def keep_only(self, scope: str) -> bool:
        """Delete the folders of every other scope."""
        kept = folder_of(scope)
        try:
            for path in self._directory.iterdir():
                if path.name != kept and path.is_dir():
                    snapshot = self._snapshots.pop(path.name, None)
                    if snapshot is not None:
                        snapshot.close()
                    shutil.rmtree(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._failed(error)
            return False
        self._problem = None
        return True

    def close(self) -> None:
        """Let another process write."""
        for snapshot in self._snapshots.values():
            snapshot.close()

    def _snapshot(self, folder: str) -> Snapshot:
        if folder not in self._snapshots:
            wrapping = Sealed(self._seal, folder) if self._seal is not None else None
            self._snapshots[folder] = self._open(self._directory / folder, wrapping=wrapping)
        return self._snapshots[folder]

    def _failed(self, error: OSError) -> None:
        self._problem = reason_of(error)
        self._on_error(self._problem, error.strerror or type(error).__name__)


def folder_of(scope: str) -> str:
    """Return the name of a scope's folder."""
    return hashlib.sha256(scope.encode()).hexdigest()[:32]
