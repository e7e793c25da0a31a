"""What can go wrong on this machine, in words for the person at the terminal.

DevError
├── ToolchainMissing    no Go that is new enough, and none could be fetched
├── BinaryUnusable      a binary that the user named is not there or does not run
├── BuildFailed         `go build` gave up
├── ProcessFailed       a process of the plane ended or never became ready
└── PlaneUnknown        no plane of that name is up
"""

from __future__ import annotations


class DevError(Exception):
    """Something on this machine is not as it must be; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ToolchainMissing(DevError):
    """There is no usable Go."""


class BinaryUnusable(DevError):
    """A binary the user pointed to cannot be used."""


class BuildFailed(DevError):
    """A binary could not be built."""


class ProcessFailed(DevError):
    """A process ended early or did not become ready in time."""


class PlaneUnknown(DevError):
    """No plane of that name is up."""
