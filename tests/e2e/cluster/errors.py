"""What can go wrong with the cluster of the end-to-end tests, with what to do about it."""

from __future__ import annotations

from promptops.dev.errors import DevError


class ClusterError(DevError):
    """The cluster can not be made, or a command on it failed; `hint` says what to do about it."""

    def __str__(self) -> str:
        return f"{self.args[0]}\n  {self.hint}" if self.hint else str(self.args[0])


class NodeEnded(ClusterError):
    """A component of the node gave up, and the node with it."""
