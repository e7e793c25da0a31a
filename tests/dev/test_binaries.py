"""A binary is the user's, the cached one, or built: in this order, once, and with a clear word when it cannot be."""

from __future__ import annotations

import io
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from promptops.dev import binaries
from promptops.dev.builder import build, cached_path
from promptops.dev.errors import BinaryUnusable, BuildFailed
from promptops.dev.progress import Progress
from promptops.dev.tools import CONTROL_PLANE, KUBERNETES, PinnedTool, tools
from promptops.settings.dev import DevSettings


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def progress(said: io.StringIO) -> Progress:
    return Progress(Console(file=said, soft_wrap=True))


@pytest.fixture
def settings(dev_settings: DevSettings, tmp_path: Path) -> DevSettings:
    cache = tmp_path / "cache"
    compiled = dev_settings.cache / "go" / "build"
    compiled.mkdir(parents=True, exist_ok=True)
    (cache / "go").mkdir(parents=True)
    (cache / "go" / "build").symlink_to(compiled)  # Go's own runtime need not be compiled for every test
    return replace(dev_settings, cache=cache, kubebuilder_assets=None, kubernetes=None)


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def program(folder: Path, text: str) -> PinnedTool:
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/program\n\ngo 1.26.0\n")
    (folder / "main.go").write_text(f"package main\n\nfunc main() {{ {text} }}\n")
    return PinnedTool("program", str(folder), ".", "v1", 5)


@pytest.mark.parametrize("name", CONTROL_PLANE)
def test_kubebuilder_assets_win_over_the_cache(settings: DevSettings, progress: Progress, name: str) -> None:
    executable(cached_path(tools()[name], settings.cache))
    assets = settings.cache.parent / "assets"
    given = executable(assets / name)

    assert binaries.provide(name, replace(settings, kubebuilder_assets=assets), progress) == given


def test_the_cache_comes_next(settings: DevSettings, progress: Progress, said: io.StringIO) -> None:
    cached = executable(cached_path(tools()["etcd"], settings.cache))

    assert binaries.provide("etcd", settings, progress) == cached
    assert said.getvalue() == ""


def test_kubebuilder_assets_need_no_controller_manager(settings: DevSettings, progress: Progress) -> None:
    cached = executable(cached_path(tools()["kube-controller-manager"], settings.cache))
    assets = executable(settings.cache.parent / "assets" / "etcd").parent

    found = binaries.provide("kube-controller-manager", replace(settings, kubebuilder_assets=assets), progress)

    assert found == cached


def test_kubebuilder_assets_that_are_not_there(settings: DevSettings, progress: Progress) -> None:
    with pytest.raises(BinaryUnusable, match=r"^KUBEBUILDER_ASSETS=/nowhere is not a folder$"):
        binaries.provide("etcd", replace(settings, kubebuilder_assets=Path("/nowhere")), progress)


def test_kubebuilder_assets_that_lack_a_binary(settings: DevSettings, progress: Progress, tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("not executable")

    with pytest.raises(BinaryUnusable, match=f"^KUBEBUILDER_ASSETS={tmp_path} has no executable etcd$") as raised:
        binaries.provide("etcd", replace(settings, kubebuilder_assets=tmp_path), progress)

    assert raised.value.hint == (
        "it must have etcd, kube-apiserver, kubectl; correct it, or unset it to have them built"
    )


def test_a_binary_nobody_knows(settings: DevSettings, progress: Progress) -> None:
    with pytest.raises(BinaryUnusable, match=r"^there is no binary named helmet$"):
        binaries.provide("helmet", settings, progress)


def test_two_who_want_the_same_build_it_once(
    settings: DevSettings, progress: Progress, said: io.StringIO, tmp_path: Path
) -> None:
    tool = program(tmp_path / "program", 'print("built")')

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: build((tool,), settings, progress), range(2)))

    built = cached_path(tool, settings.cache)
    assert subprocess.run((str(built),), capture_output=True, text=True, check=True).stderr == "built"
    assert said.getvalue().count("building program (about 5 s on two cores)…") == 1
    assert [path.name for path in built.parent.iterdir()] == ["program"]


def test_a_build_that_fails_says_what_go_said(settings: DevSettings, progress: Progress, tmp_path: Path) -> None:
    tool = program(tmp_path / "program", "undefined()")

    with pytest.raises(
        BuildFailed, match=r"(?s)^program could not be built; go says:\n.*undefined: undefined"
    ) as raised:
        build((tool,), settings, progress)

    assert "make clean-cache" in raised.value.hint
    assert not cached_path(tool, settings.cache).exists()


def test_one_that_fails_ends_the_others(settings: DevSettings, progress: Progress, tmp_path: Path) -> None:
    good, bad = program(tmp_path / "good", 'print("built")'), program(tmp_path / "bad", "undefined()")

    with pytest.raises(BuildFailed, match="undefined: undefined"):
        build((good, replace(bad, name="other", module=str(tmp_path / "bad"))), settings, progress)

    left = [path.name for path in (settings.cache / "bin").iterdir()]
    assert left == [".build.lock"]


@pytest.mark.parametrize(
    "tool",
    {tool.folder / tool.name: tool for release in KUBERNETES for tool in tools(release).values()}.values(),
    ids=lambda tool: f"{tool.name} {tool.version}",
)
def test_every_binary_is_pinned(tool: PinnedTool) -> None:
    pinned = (tool.folder / "go.mod").read_text()

    assert f" {tool.version}\n" in pinned
    assert (tool.folder / "go.sum").exists()


def test_a_release_of_kubernetes_can_be_chosen(settings: DevSettings, progress: Progress) -> None:
    old = executable(cached_path(tools("1.31")["kubectl"], settings.cache))
    executable(cached_path(tools()["kubectl"], settings.cache))

    assert binaries.provide("kubectl", replace(settings, kubernetes="1.31"), progress) == old


def test_a_release_that_nobody_pinned(settings: DevSettings, progress: Progress) -> None:
    with pytest.raises(BinaryUnusable, match=r"^Kubernetes 1\.7 is not pinned here$") as raised:
        binaries.provide("kubectl", replace(settings, kubernetes="1.7"), progress)

    assert raised.value.hint == "set PROMPTOPS_KUBERNETES to one of: 1.37, 1.36, 1.31"
