"""A folder, its changes and its faults, without a process around it. Time is what the test says it is."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from promptops.workspace.settle import QUIET_SECONDS
from promptops.workspace.workspace import CONTENT_SECONDS, Outcome, Workspace
from tests.support.manifests import manifest, sourced, version
from tests.support.sidecar import ROOT, write

AWAY = "what was read goes on being served"


class Followed:
    """A workspace and a clock."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.last: Outcome = self.workspace.load()
        # Not the machine's time, which a test would have to wait for.
        self.now = 10.0**9

    def follow(self, seconds: float = 0.0) -> Outcome | None:
        self.now += seconds
        outcome = self.workspace.follow(self.now)
        self.last = outcome or self.last
        return outcome

    def settle(self) -> Outcome:
        """Look until nothing changes any more."""
        self.follow()
        for _ in range(100):
            self.follow(QUIET_SECONDS)
            if self.workspace.is_calm:
                return self.last
        pytest.fail("it never comes to rest")

    @property
    def texts(self) -> dict[str, bytes]:
        entries = self.last.decided.entries
        return {each.name: self.last.decided.blobs[each.stable.digest] for each in entries if each.stable}


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    """A folder with the prompts a and b, each in a file."""
    for name in "ab":
        write(tmp_path / f"{name}.json", sourced(name, {"text": "one"}))
    return Followed(tmp_path)


def test_a_change_that_shows_in_neither_size_nor_time_is_followed(followed: Followed, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    times = file.stat()
    file.write_bytes(file.read_bytes().replace(b"one", b"two"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    followed.settle()

    assert b"two" in followed.texts["a"]


def test_a_change_that_nothing_tells_of_is_found_by_content(followed: Followed, tmp_path: Path) -> None:
    workspace, file = followed.workspace, tmp_path / "a.json"
    file.write_bytes(file.read_bytes().replace(b"one", b"two"))
    workspace._watch.touched()
    workspace._taken = workspace._look().files
    unseen = followed.follow(QUIET_SECONDS)
    followed.now += CONTENT_SECONDS

    followed.settle()

    assert unseen is None
    assert b"two" in followed.texts["a"]


def test_the_same_content_again_decides_nothing(followed: Followed, tmp_path: Path) -> None:
    write(tmp_path / "a.json", sourced("a", {"text": "one"}))

    outcomes = [followed.follow(QUIET_SECONDS) for _ in range(4)]

    assert outcomes == [None] * 4
    assert followed.workspace.is_calm


def test_a_file_that_is_written_for_ever_keeps_nobody_waiting(followed: Followed, tmp_path: Path) -> None:
    write(tmp_path / "a.json", sourced("a", {"text": "fix"}))
    for number in range(4):
        write(tmp_path / "b.json", sourced("b", {"text": f"busy {number}"}))
        followed.follow(QUIET_SECONDS / 2)

    assert b"fix" in followed.texts["a"]
    assert b"one" in followed.texts["b"]


def test_an_object_that_moves_to_another_file_is_never_away(followed: Followed, tmp_path: Path) -> None:
    uid = {each.name: each.uid for each in followed.last.decided.entries}["a"]
    (tmp_path / "a.json").unlink()
    followed.follow(QUIET_SECONDS)
    write(tmp_path / "c.json", sourced("a", {"text": "moved"}))
    followed.follow(QUIET_SECONDS)
    during = followed.texts

    followed.settle()

    assert b"one" in during["a"]
    assert b"moved" in followed.texts["a"]
    assert {each.name: each.uid for each in followed.last.decided.entries}["a"] == uid


def test_an_object_that_leaves_a_file_with_others_in_it_is_never_away(followed: Followed, tmp_path: Path) -> None:
    write(tmp_path / "two.yaml", sourced("c", {"text": "c"}), sourced("d", {"text": "d"}))
    followed.settle()
    write(tmp_path / "two.yaml", sourced("c", {"text": "c"}))
    followed.follow(QUIET_SECONDS)
    write(tmp_path / "three.yaml", sourced("d", {"text": "moved"}))
    followed.follow(QUIET_SECONDS)
    during = followed.texts

    followed.settle()

    assert b'"d"' in during["d"]
    assert b"moved" in followed.texts["d"]
    assert followed.last.problems == {}


def test_a_file_whose_name_is_no_utf_8_is_read_and_shown(followed: Followed, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.yaml")).write_text("kind: [\n")

    followed.settle()

    assert list(followed.last.problems) == ["\\xff.yaml:2"]


def test_a_link_out_of_the_folder_is_followed(followed: Followed, tmp_path: Path) -> None:
    outside = tmp_path.with_name(f"{tmp_path.name}-outside")
    write(outside / "deep" / "c.json", sourced("c", {"text": "one"}))
    (tmp_path / "linked").symlink_to(outside)
    followed.settle()
    before = followed.texts.get("c")

    write(outside / "deep" / "c.json", sourced("c", {"text": "two"}))
    followed.settle()

    assert before is not None
    assert b"two" in followed.texts["c"]


def test_links_in_a_circle_end(followed: Followed, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path)

    followed.settle()

    assert sorted(followed.texts) == ["a", "b"]


def test_one_edit_is_one_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        write(tmp_path / f"{number}.json", sourced(f"p{number}", {"text": "one"}))
    followed, decided = Followed(tmp_path), list[str]()
    decide = followed.workspace._standalone._decide

    def noted(name: str, now: datetime) -> Any:
        decided.append(name)
        return decide(name, now)

    monkeypatch.setattr(followed.workspace._standalone, "_decide", noted)
    write(tmp_path / "7.json", sourced("p7", {"text": "two"}))
    followed.settle()

    assert decided == ["p7"]
    assert b"two" in followed.texts["p7"]


def test_what_refers_to_a_change_is_decided_anew(tmp_path: Path) -> None:
    write(tmp_path / "p.json", manifest("Prompt", "p", activeVersion="1.0.0"))
    followed = Followed(tmp_path)
    before = followed.last.problems

    write(tmp_path / "v.json", version("p", "1.0.0", {"text": "x"}))
    followed.settle()

    assert list(before) == ["p.json:1 Prompt p"]
    assert followed.last.problems == {}


def test_what_is_wrong_with_several_objects_at_one_place_is_all_told(tmp_path: Path) -> None:
    items = [manifest("Prompt", name, activ="1.0.0") for name in "ab"]
    write(tmp_path / "list.json", {"apiVersion": "v1", "kind": "List", "items": items})

    (said,) = Followed(tmp_path).last.problems.values()

    assert said == "; ".join(f"Prompt {name}: spec.activ: is not a field of this kind" for name in "ab")


def test_more_files_than_are_read_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptops.workspace.folder.MAX_FILES", 2)
    for name in "abc":
        write(tmp_path / f"{name}.json", sourced(name, {"text": "one"}))

    problems = Followed(tmp_path).last.problems

    assert list(problems) == ["."]
    assert problems["."].startswith("1 more files are not read")


AS_NOBODY = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from tests.workspace.test_workspace import Followed, unreadable
from promptops.domain.reconcile import decide_prompt
import tests.support.sidecar
import encodings.idna, pydantic.deprecated.json
root = Path(sys.argv[1])
followed = Followed(root)  # every lazy import while it may
os.setgid(65534); os.setuid(65534)
unreadable(root)
"""


def unreadable(root: Path) -> None:
    """Take rights away as a user who has no others: root may read everything."""
    followed = Followed(root)
    for what in ("team", "b.json"):
        (root / what).chmod(0)
        followed.settle()
        print(sorted(followed.texts), followed.last.problems)
        (root / what).chmod(0o755)
        followed.settle()
        print(sorted(followed.texts), followed.last.problems)


def test_what_cannot_be_read_keeps_its_prompts_and_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "team" / "a.json", sourced("a", {"text": "one"}))
    write(tmp_path / "b.json", sourced("b", {"text": "one"}))
    for each in (tmp_path, *tmp_path.parents):
        if os.stat(each).st_uid == os.getuid() and each != Path("/") and "pytest" in str(each):
            each.chmod(0o755)
    if os.getuid() == 0:
        for each in (tmp_path, *tmp_path.rglob("*")):
            os.chown(each, 65534, 65534)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(tmp_path), str(ROOT / "operator"), str(ROOT)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        said = done.stdout
    else:
        code = "import sys; sys.path[:0] = sys.argv[2:]; from pathlib import Path; from tests.workspace.test_workspace import unreadable; unreadable(Path(sys.argv[1]))"
        command = [sys.executable, "-c", code, str(tmp_path), str(ROOT / "operator"), str(ROOT)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    folder = {"team": f"the folder cannot be read: Permission denied; {AWAY}"}
    file = {"b.json": "the file cannot be read: Permission denied"}
    assert said.splitlines() == [
        f"['a', 'b'] {folder}", "['a', 'b'] {}", f"['a', 'b'] {file}", "['a', 'b'] {}",
    ]  # fmt: skip
