"""The commands for authors, run as people run them: what they print and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from promptops.cli.check import check
from promptops.cli.diff import diff
from promptops.cli.new import manifest as new_manifest
from promptops.cli.new import new
from promptops.cli.render import render
from tests.support.manifests import many, sourced, version

GREETING = {"text": "Hello {{ name }}, {{ count }} times", "variables": [{"name": "name", "type": "string"}, {"name": "count", "type": "integer", "default": 2}]}  # fmt: skip
Put = Callable[..., str]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a file of manifests and return its path."""

    def written(name: str, *manifests: dict[str, object]) -> str:
        (tmp_path / name).write_text(many(*manifests))
        return str(tmp_path / name)

    return written


def run(command: object, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(command, arguments, input=stdin)  # type: ignore[arg-type]


def test_check_says_nothing_is_to_mend(put: Put) -> None:
    done = run(check, put("a.yaml", sourced("a", "Hi")))

    assert (done.exit_code, done.output) == (0, "1 object, nothing to mend\n")


def test_check_names_file_line_and_column(put: Put) -> None:
    path = put("a.yaml", sourced("a", "Hi {{ x }}"))

    done = run(check, path)

    assert done.exit_code == 1
    assert done.output.startswith(f"{path}:1:180: error: Prompt a: spec.source.content.text: line 1, column 7: ")


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_check_writes_for_machines(put: Put, form: str) -> None:
    done = run(check, "--format", form, put("a.yaml", sourced("a", "Hi {{ x }}")))

    assert done.exit_code == 1
    assert json.loads(done.output)


def test_check_reads_folders_and_standard_input(tmp_path: Path, put: Put) -> None:
    put("a.yaml", sourced("a", "Hi"))
    put("b.json", sourced("b", "Hi"))

    folder, piped = run(check, str(tmp_path)), run(check, "-", stdin="kind: [\n")

    assert (folder.exit_code, folder.output) == (0, "2 objects, nothing to mend\n")
    assert (piped.exit_code, piped.output.splitlines()[0]) == (1, "<stdin>:2:1: error: not YAML: did not find expected node content [Unreadable]")  # fmt: skip


@pytest.mark.parametrize("command", [check, render])
def test_a_file_that_is_not_there_is_another_failure(command: object, tmp_path: Path) -> None:
    done = run(command, str(tmp_path / "none.yaml"))

    assert done.exit_code == 2
    assert done.output == f"Error: {tmp_path}/none.yaml: the file cannot be read: No such file or directory\n"


def test_warnings_fail_where_that_is_asked_for(put: Put) -> None:
    path = put("a.yaml", sourced("a", {"text": "Hi", "variables": [{"name": "x", "type": "string"}]}))

    assert [run(check, path).exit_code, run(check, "--strict", path).exit_code] == [0, 1]


def test_render_fills_in_values_by_their_type(put: Put) -> None:
    done = run(render, put("a.yaml", sourced("a", GREETING)), "--var", "name=12", "-v", "count=3")

    assert (done.exit_code, done.output) == (0, "Hello 12, 3 times\n")


def test_render_names_what_is_missing(put: Put) -> None:
    done = run(render, put("a.yaml", sourced("a", GREETING)))

    assert done.exit_code == 1
    assert done.output == "Error: name is missing\n"


def test_render_gives_a_providers_own_request(put: Put) -> None:
    done = run(render, put("a.yaml", sourced("a", "Hi")), "--format", "openai", "--model", "gpt-x")

    assert json.loads(done.output) == {"model": "gpt-x", "messages": [{"role": "user", "content": "Hi"}]}


def test_render_asks_which_prompt_is_meant(put: Put) -> None:
    path = put("a.yaml", sourced("a", "A"), sourced("b", "B"))

    unsaid, said = run(render, path), run(render, path, "--prompt", "b")

    assert "there are several prompts: choose with --prompt one of a, b" in unsaid.output
    assert said.output == "B\n"


def test_render_refuses_what_cannot_be_served(put: Put) -> None:
    done = run(render, put("a.yaml", version("a", "1.0.0", "{{ x }}")))

    assert done.exit_code == 1
    assert 'variable "x" is not declared' in done.output


def test_diff_shows_words_variables_and_what_they_mean(put: Put) -> None:
    before = put("a.yaml", sourced("a", "Hello there, world"))
    after = put("b.yaml", sourced("a", {"text": "Hello there, {{ name }}", "variables": [{"name": "name", "type": "string"}]}))  # fmt: skip

    done = run(diff, before, after)

    assert done.exit_code == 1
    assert "major: calls that worked may be refused" in done.output
    assert '+ name: {"name": "name", "type": "string"}' in done.output


def test_diff_of_equal_files_is_quiet(put: Put) -> None:
    path = put("a.yaml", sourced("a", "Hi"))

    done, machine = run(diff, path, path), run(diff, "--format", "json", path, path)

    assert (done.exit_code, machine.exit_code) == (0, 0)
    assert json.loads(machine.output)["grade"] is None


def test_new_is_valid_and_renders(tmp_path: Path) -> None:
    path = str(tmp_path / "greeting.yaml")

    made = run(new, "greeting", "-o", path)
    checked, rendered = run(check, "--strict", path), run(render, path, "--var", "question=Why?")

    assert (made.exit_code, checked.exit_code) == (0, 0)
    assert rendered.output == "You are a helpful assistant. Answer in English.\n\n\nWhy?\n"
    assert Path(path).read_text() == new_manifest("greeting")


@pytest.mark.parametrize("name", ["A", "a.b", "-a", "a-", "a" * 64, "a b"])
def test_new_refuses_a_name_that_no_prompt_may_have(name: str) -> None:
    assert run(new, "--", name).exit_code == 2


def test_new_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("mine")

    done = run(new, "a", "-o", str(path))

    assert (done.exit_code, path.read_text()) == (1, "mine")
