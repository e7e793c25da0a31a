"""The commands for authors, run as people run them: what they print and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from promptops.cli.check import check
from promptops.cli.diff import diff
from promptops.cli.new import manifest as new_manifest
from promptops.cli.new import new
from promptops.cli.render import render
from promptops.cli.test import test as run_tests
from tests.support.manifests import config_map, many, prompt, sourced, version

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


@pytest.mark.parametrize("kind", [["Prompt"], {"a": 1}, 7, None])
def test_check_says_what_is_no_kind(put: Put, kind: object) -> None:
    done = run(check, put("a.yaml", {**sourced("a", "Hi"), "kind": kind}))

    assert done.exit_code == 1
    assert "this is not a manifest: apiVersion and kind are required" in done.output


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


VARIANTS = {**GREETING, "parameters": {"maxTokens": 9}, "models": [{"match": "anthropic/claude-*", "text": "Claude: {{ name }}"}, {"match": "huggingface/meta/*", "text": "Llama: {{ name }}"}]}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "anthropic/claude-x"), "Claude: Ada\n"),
        (("--model", "openai/gpt-x"), "Hello Ada, 2 times\n"),
        (("--format", "anthropic", "--model", "claude-x"), "Claude: Ada"),
        (("--format", "huggingface", "--model", "meta/llama"), "Llama: Ada"),
        (("--format", "openai", "--model", "anthropic/claude-x"), "Claude: Ada"),
    ],
)
def test_render_is_for_a_model(put: Put, options: tuple[str, ...], said: str) -> None:
    done = run(render, put("a.yaml", sourced("a", VARIANTS)), "--var", "name=Ada", *options)

    assert said in done.output


PASSES = {"name": "greets", "variables": {"name": "Ada"}, "expect": [{"contains": "Ada"}]}
FAILS = {"name": "<is> & short", "variables": {"name": "Ada"}, "expect": [{"maxLength": 3}]}


def test_tests_that_pass_say_so(put: Put) -> None:
    path = put("a.yaml", version("a", "1.0.0", GREETING, tests=[PASSES]))

    done = run(run_tests, path)

    assert (done.exit_code, done.output) == (
        0,
        f"{path}:1: PromptVersion a-1.0.0: greets: passed\n1 test, all passed\n",
    )


def test_a_failed_test_says_why(put: Put) -> None:
    path = put("a.yaml", sourced_with([PASSES, FAILS]))

    done = run(run_tests, path)

    assert (done.exit_code, done.output.splitlines()[1:]) == (
        1,
        [
            f"{path}:1: Prompt a: <is> & short: failed: it has 18 characters, at most 3 are expected",
            "2 tests, 1 failed",
        ],
    )


def test_a_source_that_is_a_key_of_a_config_map_is_tested(put: Put) -> None:
    source = {"configMapKeyRef": {"name": "c", "key": "text"}, "content": {"variables": GREETING["variables"]}, "tests": [FAILS]}  # fmt: skip

    there = run(run_tests, put("a.yaml", prompt("a", source=source), config_map("c", "{{ name }}! {{ count }}")))
    gone = run(run_tests, put("b.yaml", prompt("a", source=source)))

    assert "it has 6 characters, at most 3 are expected" in there.output
    assert (gone.exit_code, 'ConfigMap "c" is not there' in gone.output) == (1, True)


def test_a_prompt_that_cannot_be_tested_fails(put: Put) -> None:
    done = run(run_tests, put("a.yaml", version("a", "1.0.0", "{{ x }}", tests=[PASSES])))

    assert (done.exit_code, 'it cannot be tested: spec.content.text: line 1, column 4: variable "x"' in done.output) == (1, True)  # fmt: skip


def test_tests_can_be_required(put: Put) -> None:
    path = put("a.yaml", sourced("a", "Hi"))

    assert [(done.exit_code, done.output.splitlines()[-1]) for done in (run(run_tests, path), run(run_tests, "--require", path))] == [(0, "no prompt has tests"), (1, "no prompt has tests, 1 failed")]  # fmt: skip


def test_results_are_for_machines(put: Put, tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"

    done = run(run_tests, "--format", "json", "--junit", str(report), put("a.yaml", sourced_with([PASSES, FAILS])))
    root = ElementTree.parse(report).getroot()  # noqa: S314 - we wrote it

    assert (json.loads(done.output)["tests"], json.loads(done.output)["failed"]) == (2, 1)
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert [(case.get("name"), [each.get("message") for each in case]) for case in root.iter("testcase")] == [("greets", []), ("<is> & short", ["it has 18 characters, at most 3 are expected"])]  # fmt: skip


def test_a_file_that_is_no_manifest_leaves_the_question_open(put: Put, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: [\n")

    assert run(run_tests, str(tmp_path / "a.yaml")).exit_code == 2


def test_check_says_which_tests_fail(put: Put) -> None:
    done = run(check, put("a.yaml", sourced_with([FAILS])))

    assert done.exit_code == 1
    assert "error: Prompt a: the source's content becomes no version: 1 of 1 test failed" in done.output
    assert "[TestsFailed]" in done.output


def sourced_with(tests: list[dict[str, Any]]) -> dict[str, Any]:
    """A Prompt whose source has tests."""
    return prompt("a", source={"content": GREETING, "tests": tests})


def test_diff_shows_words_variables_and_what_they_mean(put: Put) -> None:
    before = put("a.yaml", sourced("a", "Hello there, world"))
    after = put("b.yaml", sourced("a", {"text": "Hello there, {{ name }}", "variables": [{"name": "name", "type": "string"}]}))  # fmt: skip

    done = run(diff, before, after)

    assert done.exit_code == 1
    assert "major: calls that worked may be refused" in done.output
    assert '+ variables[name]: {"name": "name", "type": "string"}' in done.output


MODELLED = {"text": "Hi there", "models": [{"match": "a/*", "parameters": {"seed": 1}}], "tools": [{"name": "look_up"}]}
REMODELLED = {"text": "Hi you", "models": [{"match": "a/*", "parameters": {"seed": 2}}], "tools": []}


def test_diff_tells_everything_as_data(put: Put) -> None:
    before = put("a.yaml", version("a", "1.0.0", MODELLED, changelog="first"))
    after = put("b.yaml", version("a", "1.1.0", REMODELLED, changelog="second"))

    done = run(diff, before, after, "--output", "json")

    found = json.loads(done.output)
    assert done.exit_code == 1
    assert (found["before"], found["after"]) == ({"prompt": "a", "version": "1.0.0"}, {"prompt": "a", "version": "1.1.0"})  # fmt: skip
    assert [each["kind"] for each in found["texts"][0]["pieces"]] == ["same", "removed", "added"]
    assert found["models"] == [{"path": "models[a/*].parameters.seed", "kind": "changed", "before": 1, "after": 2}]
    assert found["tools"] == [{"path": "tools[look_up]", "kind": "removed", "before": {"name": "look_up"}}]
    assert found["metadata"] == [{"path": "changelog", "kind": "changed", "before": "first", "after": "second"}]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"FORCE_COLOR": "1", "TERM": "xterm"}, "Hi \x1b[9;31mthere\x1b[0m\x1b[32myou\x1b[0m", id="colours"),
        pytest.param({"FORCE_COLOR": "1", "TERM": "xterm", "NO_COLOR": "1"}, "Hi [-there-]{+you+}", id="no colours wanted"),
        pytest.param({"TERM": "dumb"}, "Hi [-there-]{+you+}", id="no terminal"),
    ],
)  # fmt: skip
def test_diff_shows_changed_words_in_colours_or_marks(
    put: Put, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    done = run(diff, put("a.yaml", sourced("a", MODELLED)), put("b.yaml", sourced("a", REMODELLED)))

    assert expected in done.output


def test_diff_of_equal_files_is_quiet(put: Put) -> None:
    path = put("a.yaml", sourced("a", "Hi"))

    done, machine = run(diff, path, path), run(diff, "--output", "json", path, path)

    assert (done.exit_code, machine.exit_code) == (0, 0)
    assert json.loads(machine.output)["grade"] is None


def test_new_is_valid_and_renders(tmp_path: Path) -> None:
    path = str(tmp_path / "greeting.yaml")

    made = run(new, "greeting", "-o", path)
    checked, tested, rendered = (
        run(check, "--strict", path),
        run(run_tests, path),
        run(render, path, "--var", "question=Why?"),
    )

    assert (made.exit_code, checked.exit_code) == (0, 0)
    assert tested.output.splitlines()[-1] == "2 tests, all passed"
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
