"""Renders in the process against what others do for the same, in one interleaved run: microseconds of processor time (what else
the machine does is nobody's fault), and the ratio to Langfuse.

Ours, alone and through the client that follows a sidecar, checks every value (types, Unicode policy, chat control tokens) and answers text, messages and the variables used. The others
substitute: Langfuse gets its prompt from its cache and compiles it. They are installed into an environment of their own in
the cache, so that they never become dependencies: `make bench-render`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PEERS = ("langfuse", "langchain-core", "jinja2", "minijinja", "mlflow-skinny", "ddtrace", "msgspec")
ROUNDS, CALLS = 60, 200
TRUST = ("untrusted", "trusted")
SOCKET = "PROMPTOPS_BENCH_SOCKET"
Render = Callable[[], object]

WORDS = [
    "customer",
    "order",
    "refund",
    "policy",
    "please",
    "answer",
    "based",
    "only",
    "the",
    "context",
    "below",
    "and",
    "cite",
    "each",
    "source",
    "do",
    "not",
    "invent",
    "facts",
]
MARKUP = "> see [the policy](https://example.com/p), <b>answer</b>\n"
SCRIPTS = {
    "ASCII": "policy answer ",
    "markup": MARKUP,
    "CJK": "返品規約をご確認ください。",
    "emoji": "ok 👍 thanks 😀 ",
}
SLOTS = ("company", "tone", "language", "company", "user_name", "document", "language")


def words(count: int) -> str:
    return " ".join(WORDS[index % len(WORDS)] for index in range(count // 6))


def values(script: str) -> dict[str, str]:
    piece = SCRIPTS[script]
    short = piece.strip()[:12]
    return {"company": short, "tone": short, "language": short, "user_name": short, "document": (piece * 250)[:2500]}


def text_template() -> str:
    return words(268) + "".join(f" {{{{{slot}}}}} {words(268)}" for slot in SLOTS)


def chat_templates() -> list[tuple[str, str]]:
    return [
        ("system", words(700) + " {{company}} {{tone}} {{language}}"),
        ("user", words(250)),
        ("assistant", words(250) + " {{company}}"),
        ("user", words(250)),
        ("assistant", words(250)),
        ("user", words(300) + " {{user_name}}: {{document}}"),
    ]


LOOP = (
    words(600) + "\n{% for each in examples %}{% if each.good %}Good: {{ each.q }}\nAnswer: {{ each.a | upper }}\n"
    "{% else %}Bad: {{ each.q }}\n{% endif %}{% endfor %}"
    "{% if tone == 'formal' %}"
    + words(200)
    + "{% else %}"
    + words(150)
    + "{% endif %}\n"
    + words(600)
    + "{{ document }}"
)


def examples(script: str) -> list[dict[str, Any]]:
    piece = SCRIPTS[script] * 6
    return [{"q": piece[:60], "a": piece[:80], "good": index % 2 == 0} for index in range(10)]


def ours(content: dict[str, Any], given: dict[str, Any]) -> Render:
    import msgspec

    from promptops.rendering.execute.plan import plan

    made = plan(msgspec.json.encode(content))
    return lambda: made.render(given)


def through_client(name: str, given: dict[str, Any]) -> Render:
    """Return a whole render of a client in this process, as an application makes it."""
    from promptops.client import SyncPromptOpsClient

    client = SyncPromptOpsClient(socket=os.environ[SOCKET])
    client.initialize()
    client.render_prompt(name, given)
    return lambda: client.render_prompt(name, given)


def served() -> Iterator[dict[str, Any]]:
    """Yield the manifests that the client renders."""
    from tests.support.manifests import sourced

    for trust in TRUST:
        variables = declared(values("ASCII"), trust)
        yield sourced(f"text-{trust}", {"text": text_template(), "variables": variables})
        messages = [{"role": role, "content": said} for role, said in chat_templates()]
        yield sourced(f"chat-{trust}", {"messages": messages, "variables": variables})


def declared(given: dict[str, Any], trust: str) -> list[dict[str, Any]]:
    fields = [{"name": "q", "type": "string"}, {"name": "a", "type": "string"}, {"name": "good", "type": "boolean"}]
    kinds: dict[type, dict[str, Any]] = {
        str: {"type": "string"},
        list: {"type": "list", "itemType": "object", "properties": fields},
    }
    return [{"name": name, "trust": trust, **kinds[type(value)]} for name, value in given.items()]


def rivals_of_text(given: dict[str, Any]) -> Iterator[tuple[str, Render]]:
    template = text_template()
    yield "Langfuse get+compile", langfuse("text", template, given)
    yield from optional("LangChain ChatPromptTemplate", lambda: langchain([("user", template)], given))
    yield from optional("MLflow format", lambda: mlflow(template, given))
    yield from optional("ddtrace format", lambda: ddtrace(template, given))
    yield from optional("Jinja2 sandbox", lambda: jinja(template, given))


def rivals_of_chat(given: dict[str, Any]) -> Iterator[tuple[str, Render]]:
    messages = chat_templates()
    yield "Langfuse get+compile", langfuse("chat", [{"role": role, "content": said} for role, said in messages], given)
    yield from optional("LangChain ChatPromptTemplate", lambda: langchain(messages, given))


def rivals_of_loop(given: dict[str, Any]) -> Iterator[tuple[str, Render]]:
    yield "Langfuse get+compile", langfuse("text", text_template(), values("ASCII"))
    yield from optional("Jinja2 sandbox", lambda: jinja(LOOP, given))
    yield from optional("minijinja", lambda: minijinja(LOOP, given))


def optional(name: str, make: Callable[[], Render]) -> Iterator[tuple[str, Render]]:
    """Yield a rival if it is there and renders; say so when not."""
    try:
        render = make()
        render()
    except Exception as error:  # a rival's reason not to run is no concern of ours
        sys.stdout.write(f"  ({name} does not run here: {type(error).__name__})\n")
        return
    yield name, render


def langfuse(kind: str, prompt: Any, given: dict[str, Any]) -> Render:
    from langfuse import Langfuse
    from langfuse.api import Prompt_Chat, Prompt_Text
    from langfuse.model import ChatPromptClient, TextPromptClient

    client = Langfuse(public_key="pk", secret_key="sk", base_url="http://127.0.0.1:9", tracing_enabled=False)
    fields = {"name": kind, "prompt": prompt, "type": kind, "version": 1, "config": {}, "labels": [], "tags": []}
    made = TextPromptClient(Prompt_Text(**fields)) if kind == "text" else ChatPromptClient(Prompt_Chat(**fields))
    cache = client._resources.prompt_cache  # type: ignore[union-attr,unused-ignore]
    cache.set(cache.generate_cache_key(kind, version=None, label=None), made, 3600)
    return lambda: client.get_prompt(kind, type=kind).compile(**given)  # type: ignore[call-overload,unused-ignore]


def langchain(messages: list[tuple[str, str]], given: dict[str, Any]) -> Render:
    from langchain_core.prompts import ChatPromptTemplate

    names = {"assistant": "ai", "user": "human"}
    made = ChatPromptTemplate.from_messages(
        [(names.get(role, role), said.replace("{{", "{").replace("}}", "}")) for role, said in messages]
    )
    return lambda: made.invoke(given)


def mlflow(template: str, given: dict[str, Any]) -> Render:
    from mlflow.entities.model_registry import PromptVersion

    made = PromptVersion(name="p", version=1, template=template)
    return lambda: made.format(**given)


def ddtrace(template: str, given: dict[str, Any]) -> Render:
    from ddtrace.llmobs._prompts.prompt import ManagedPrompt

    made = ManagedPrompt(id="p", version="1", label="production", source="cache", template=template)
    return lambda: made.format(**given)


def jinja(template: str, given: dict[str, Any]) -> Render:
    from jinja2.sandbox import SandboxedEnvironment

    made = SandboxedEnvironment(keep_trailing_newline=True).from_string(template)
    return lambda: made.render(given)


def minijinja(template: str, given: dict[str, Any]) -> Render:
    from minijinja import Environment

    environment = Environment(templates={"p": template}, fuel=100_000, undefined_behavior="strict", pycompat=False)
    return lambda: environment.render_template("p", **given)


def measured(renders: dict[str, Render]) -> dict[str, float]:
    """Return the median of microseconds a call; every round goes through all of them."""
    taken: dict[str, list[float]] = {name: [] for name in renders}
    for render in renders.values():
        for _ in range(50):
            render()
    for _ in range(ROUNDS):
        for name, render in renders.items():
            begun = time.thread_time()
            for _ in range(CALLS):
                render()
            taken[name].append((time.thread_time() - begun) / CALLS * 1e6)
    return {name: statistics.median(each) for name, each in taken.items()}


def show(title: str, renders: dict[str, Render]) -> None:
    taken = measured(renders)
    rival = taken["Langfuse get+compile"]
    sys.stdout.write(f"{title}\n")
    for name, each in taken.items():
        sys.stdout.write(f"  {name:32s} {each:8.2f} µs   Langfuse takes {rival / each:5.1f} times as long\n")
    sys.stdout.flush()


def both(content: dict[str, Any], given: dict[str, Any]) -> dict[str, Render]:
    return {f"ours, {trust}": ours(content | {"variables": declared(given, trust)}, given) for trust in TRUST}


def clients(kind: str, given: dict[str, Any]) -> dict[str, Render]:
    return {f"the client, {trust}": through_client(f"{kind}-{trust}", given) for trust in TRUST}


def run() -> None:
    for script in SCRIPTS:
        given = values(script)
        content: dict[str, Any] = {"text": text_template()}
        through = clients("text", given) if script == "ASCII" else {}
        show(f"text, {script}", both(content, given) | through | dict(rivals_of_text(given)))
        content = {"messages": [{"role": role, "content": said} for role, said in chat_templates()]}
        through = clients("chat", given) if script == "ASCII" else {}
        show(f"chat of six, {script}", both(content, given) | through | dict(rivals_of_chat(given)))
        looped = {"tone": given["tone"], "document": given["document"], "examples": examples(script)}
        show(
            f"loop over ten, {script} (Langfuse: its text)", both({"text": LOOP}, looped) | dict(rivals_of_loop(looped))
        )


def python_of_peers() -> Path:
    """Return the Python of the peers' environment, made when it is not there."""
    cache = Path(os.environ.get("PROMPTOPS_CACHE") or Path.home() / ".cache" / "promptops")  # as the Makefile says
    python = cache / "peers" / "bin" / "python"
    if not (cache / "peers" / ".installed").exists():
        sys.stderr.write("[bench] the others, into an environment of their own (some minutes)\n")
        venv.create(cache / "peers", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
        (cache / "peers" / ".installed").touch()
    return python


def beside_a_sidecar() -> int:
    """Run in the peers' environment, beside a sidecar of ours."""
    from tests.support.sidecar import sidecars, write

    root = Path(__file__).parents[2]
    paths = os.pathsep.join((str(root / "operator"), str(root)))
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "prompts.yaml", *served())
        ended = 1
        for start in sidecars():  # nothing returns from within: what was started is stopped behind the loop
            sidecar = start(Path(folder), PYTHONASYNCIODEBUG="", PROMPTOPS_DIRECTORY=folder)
            environment = os.environ | {"PYTHONPATH": paths, SOCKET: str(sidecar.socket)}
            ended = subprocess.run([python_of_peers(), __file__, "--here"], env=environment, check=False).returncode
    return ended


if __name__ == "__main__":
    if "--here" in sys.argv:
        run()
    else:
        raise SystemExit(beside_a_sidecar())
