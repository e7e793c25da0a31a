"""How the end-to-end cluster reads the machine it is on. These need neither root nor a cluster."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.e2e.cluster import cgroups, inputs, machine, oci, pip_configuration, storage
from tests.e2e.cluster.cgroups import Hierarchy
from tests.e2e.cluster.commands import run
from tests.e2e.cluster.errors import ClusterError
from tests.e2e.cluster.layout import NAME

VERSION_1 = """\
tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0
cgroup /mnt/elsewhere cgroup rw,pids 0 0
"""


def test_hierarchies_are_what_is_mounted_below_sys() -> None:
    found = cgroups.hierarchies(VERSION_1)

    assert [(str(hierarchy.folder), hierarchy.version) for hierarchy in found] == [
        ("/sys/fs/cgroup/cpu,cpuacct", 1),
        ("/sys/fs/cgroup/memory", 1),
        ("/sys/fs/cgroup/unified", 2),
    ]


def test_version_2_is_given_what_the_kubelet_uses(tmp_path: Path) -> None:
    unified = _unified(tmp_path, "cpuset cpu io memory hugetlb pids rdma", "cpu memory")

    cgroups.create_in([unified])

    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpuset +hugetlb +pids"
    assert unified.node.is_dir()


def test_version_2_is_left_alone_when_it_gives_all_of_it(tmp_path: Path) -> None:
    unified = _unified(tmp_path, "cpuset cpu memory pids", "cpuset cpu memory pids")

    cgroups.create_in([unified])

    assert (tmp_path / "cgroup.subtree_control").read_text() == "cpuset cpu memory pids"


def test_a_missing_controller_is_named(tmp_path: Path) -> None:
    unified = _unified(tmp_path, "cpu memory", "cpu memory")

    with pytest.raises(ClusterError, match=r"not available: cpuset, pids\n.*make e2e-kind"):
        cgroups.create_in([unified])


def test_no_cgroups_at_all_are_a_clear_word() -> None:
    with pytest.raises(ClusterError, match=r"no cgroup file system is mounted below /sys\n.*make e2e-kind"):
        cgroups.create_in([])


def test_version_1_gets_the_processors_of_the_machine(tmp_path: Path) -> None:
    controllers = frozenset({"cpu", "cpuset", "memory", "pids"})
    (tmp_path / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset.mems").write_text("0\n")

    cgroups.create_in([Hierarchy(tmp_path, 1, controllers)])

    assert (tmp_path / NAME / "cpuset.cpus").read_text() == "0-1\n"


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        pytest.param("", {}, id="nothing is configured"),
        pytest.param("global.timeout='60'\n:env:.timeout='180'", {"timeout": "180"}, id="the environment wins"),
        pytest.param(":env:.cert='/ca'\nglobal.cert='/other'", {"cert": "/ca"}, id="in any order"),
        pytest.param("install.no-binary='x'\nfreeze.timeout='1'", {"no-binary": "x"}, id="of other commands nothing"),
    ],
)
def test_pip_configuration_is_read(listing: str, expected: dict[str, str]) -> None:
    assert pip_configuration.parse(listing) == expected


def test_a_build_gets_no_folder_of_this_machine() -> None:
    settings = {
        "index-url": "https://mirror.test/simple",
        "extra-index-url": "https://a.test\nhttps://b.test",
        "find-links": "/opt/wheels https://wheels.test/",
        "cert": "/etc/ca.crt",
        "cache-dir": "/var/cache/pip",
    }

    written = pip_configuration.for_build(settings, has_authority=True).splitlines()

    assert written == [
        "[global]",
        "index-url = https://mirror.test/simple",
        "extra-index-url = https://a.test",
        "    https://b.test",
        "find-links = https://wheels.test/",
        "cert = /run/secrets/ca.crt",
    ]


def test_the_key_of_an_image_follows_its_inputs(root: Path) -> None:
    key = inputs.key_of(root, "base")

    assert key == inputs.key_of(root, "base")
    assert key != inputs.key_of(root, "another base")


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        pytest.param("MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n", True, id="there is enough"),
        pytest.param("MemTotal: 16000000 kB\nMemAvailable: 4000000 kB\n", False, id="others use it"),
        pytest.param("MemTotal: 16000000 kB\n", False, id="the kernel does not say"),
    ],
)
def test_a_node_lies_in_memory_when_there_is_enough(memory: str, expected: bool) -> None:
    assert storage.has_memory(memory) is expected


def test_images_that_are_not_named_are_dropped(tmp_path: Path) -> None:
    programs = [tmp_path / name for name in ("kept", "dropped")]
    for program in programs:
        program.write_bytes(program.name.encode())
        oci.add_program(tmp_path / "layout", program.name, program)

    oci.name_images(tmp_path / "layout", {"kept": "localhost/kept:1"})

    (entry,) = json.loads((tmp_path / "layout" / "index.json").read_text())["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/kept:1"
    assert len(list((tmp_path / "layout" / "blobs" / "sha256").iterdir())) == 3


def test_a_user_without_rights_is_told_of_kind(root: Path) -> None:
    code = """
import os
from promptops.dev.progress import Progress
from tests.e2e.cluster import machine
if os.geteuid() == 0:
    os.setuid(65534)
machine.prepare(Progress())
"""
    done = run(sys.executable, "-c", code, environment={"PYTHONPATH": f"{root}:{root / 'operator'}"}, check=False)

    assert "make e2e-kind" in done.stderr


@pytest.mark.parametrize("name", ["ls", "mount"])
def test_programs_of_the_system_are_found(name: str) -> None:
    assert os.access(machine.program(name) or "", os.X_OK)


def _unified(folder: Path, available: str, delegated: str) -> Hierarchy:
    (folder / "cgroup.controllers").write_text(available)
    (folder / "cgroup.subtree_control").write_text(delegated)
    return Hierarchy(folder, 2, frozenset())
