"""What lies in memory ends with the machine; everything else may be read by others, and so may what nobody can tell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from promptops.cache.tiers.files import lies_in_memory


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("tmpfs", True, id="a memory volume"),
        pytest.param("ramfs", True, id="memory that is never swapped"),
        pytest.param("ext4", False, id="a disk"),
        pytest.param("nfs4", False, id="somebody else's disk"),
        pytest.param("overlay", False, id="a container's own files"),
    ],
)
@pytest.mark.parametrize("options", [pytest.param("", id="plain"), pytest.param("shared:1 master:2 ", id="shared")])
def test_the_kind_of_the_mount_says_it(tmp_path: Path, options: str, kind: str, expected: bool) -> None:
    assert lies_in_memory(tmp_path, mounted(tmp_path, device(tmp_path), kind, options)) is expected


def test_a_directory_that_is_yet_to_be_made_lies_where_it_will_be(tmp_path: Path) -> None:
    mounts = mounted(tmp_path, device(tmp_path), "tmpfs")

    assert lies_in_memory(tmp_path / "a" / "b", mounts)


@pytest.mark.parametrize(
    "text", ["", "\n", "no mount\n", "1 2 0:0 / / rw - tmpfs tmpfs rw\n", "1 2 - \n", "1 2 {device} / / rw - \n"]
)
def test_what_nobody_can_tell_is_no_memory(tmp_path: Path, text: str) -> None:
    (mounts := tmp_path / "mounts").write_text(text.format(device=device(tmp_path)))

    assert not lies_in_memory(tmp_path, mounts)


def test_without_a_list_of_mounts_nothing_is_memory(tmp_path: Path) -> None:
    assert not lies_in_memory(tmp_path, tmp_path / "none")


@pytest.mark.parametrize(("directory", "expected"), [("/dev/shm/promptops", True), ("/proc/promptops", False)])
def test_the_kernel_s_own_list_is_understood(directory: str, expected: bool) -> None:
    assert lies_in_memory(Path(directory)) is expected


def device(path: Path) -> str:
    number = path.stat().st_dev
    return f"{os.major(number)}:{os.minor(number)}"


def mounted(folder: Path, device: str, kind: str, options: str = "") -> Path:
    """A list of mounts with the device among others."""
    (mounts := folder / "mounts").write_text(
        f"20 1 0:1 / /proc rw - proc proc rw\n36 35 {device} / /data\\040one rw,noatime {options}- {kind} /dev/x rw\n"
        "40 1 0:2 / /run rw - tmpfs tmpfs rw\n"
    )
    return mounts
