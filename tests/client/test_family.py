"""Whatever is done with a client, PromptOpsError or one of its kinds is raised and nothing else."""

from __future__ import annotations

import asyncio
import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptops.client import (
    ClientClosedError,
    ClientConfig,
    ConfigurationError,
    NetworkError,
    PromptNotFoundError,
    PromptOpsClient,
    PromptOpsError,
    RenderResponse,
    SyncPromptOpsClient,
    ValidationError,
)
from tests.client.conftest import Ask
from tests.support.sidecar import ROOT, Sidecar

CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"prompt_id": None}, id="no id"),
        pytest.param({"prompt_id": b"greeting"}, id="an id of bytes"),
        pytest.param({"prompt_id": "a\0b"}, id="a NUL in the id"),
        pytest.param({"prompt_id": "\ud800"}, id="half of a surrogate pair in the id"),
        pytest.param({"prompt_id": "greeting", "variables": ["name"]}, id="a list of variables"),
        pytest.param({"prompt_id": "greeting", "variables": "name=Ada"}, id="a string of variables"),
        pytest.param({"prompt_id": "greeting", "variables": 7}, id="a number of variables"),
        pytest.param({"prompt_id": "greeting", "variables": {1: "x"}}, id="a number as a name"),
        pytest.param({"prompt_id": "greeting", "variables": {"name": [{None: 1}]}}, id="null as a key within"),
        pytest.param({"prompt_id": "greeting", "variables": {"name": CIRCLE}}, id="a list in itself"),
        pytest.param({"prompt_id": "greeting", "variables": {("a", "b"): 1}}, id="a pair as a name"),
        pytest.param({"prompt_id": "greeting", "version": b"1.0.0"}, id="a version of bytes"),
        pytest.param({"prompt_id": "greeting", "version": 1.0}, id="a number as a version"),
        pytest.param({"prompt_id": "greeting", "strict": "yes"}, id="a word for yes"),
    ],
)
def test_a_wrong_call(ask: Ask, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ask("render_prompt", **arguments)

    assert caught.value.error_code == "InvalidRequest"


@pytest.mark.parametrize("client", [SyncPromptOpsClient, PromptOpsClient])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["http://127.0.0.1:8181"], "did you mean base_url='http://127.0.0.1:8181'?", id="a URL"),
        pytest.param(["/run/s.sock"], "did you mean socket='/run/s.sock'?", id="a path"),
        pytest.param([Path("/run/s.sock")], "did you mean socket='/run/s.sock'?", id="a Path"),
        pytest.param([{"base": "http://x"}], "there are no such settings: base", id="a dictionary of something"),
        pytest.param([7], "is a int, not a ClientConfig", id="a number"),
    ],
)
def test_something_else_in_the_place_of_a_configuration(
    client: Callable[..., Any], arguments: list[Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        client(*arguments)

    assert message in str(caught.value)


@pytest.mark.parametrize("method", ["render_prompt", "get_prompt", "list_prompts", "health_check"])
def test_a_closed_client(kind: str, sidecar: Sidecar, method: str) -> None:
    arguments = ["greeting"] if method in ("render_prompt", "get_prompt") else []
    client: Any = (SyncPromptOpsClient if kind == "sync" else PromptOpsClient)(socket=sidecar.socket)

    def ask(name: str, *given: Any) -> Any:
        called = getattr(client, name)
        return called(*given) if kind == "sync" else asyncio.run(called(*given))

    ask("close")
    ask("close")
    with pytest.raises(ClientClosedError):
        ask(method, *arguments)


@pytest.mark.parametrize("method", ["render_prompt", "get_prompt"])
def test_one_client_in_one_event_loop_after_another(sidecar: Sidecar, method: str) -> None:
    client = PromptOpsClient(base_url=sidecar.url)
    given = ["greeting", {"name": "Ada"}] if method == "render_prompt" else ["greeting"]

    answers = [asyncio.run(getattr(client, method)(*given)) for _ in range(4)]
    asyncio.run(client.close())

    assert {answer.version for answer in answers} == {"1.0.0"}


def test_one_client_in_event_loops_of_several_threads(sidecar: Sidecar) -> None:
    client = PromptOpsClient(ClientConfig(socket=sidecar.socket, max_connections=2, timeout_seconds=60))
    wrong: list[Any] = []

    async def several(name: str) -> None:
        answers = await asyncio.gather(*(client.render_prompt("greeting", {"name": f"{name}-{n}"}) for n in range(20)))
        wrong.extend(answer for n, answer in enumerate(answers) if answer.rendered_content != f"Hello {name}-{n}")

    def in_a_loop(name: str) -> None:
        for _ in range(3):
            asyncio.run(several(name))

    threads = [threading.Thread(target=in_a_loop, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(client.close())

    assert wrong == []


@pytest.mark.parametrize("missing", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("client", ["SyncPromptOpsClient", "PromptOpsClient"])
def test_certificates_that_are_not_there_matter_to_https_alone(sidecar: Sidecar, missing: str, client: str) -> None:
    program = (
        f"import asyncio; from promptops.client import {client}, ConfigurationError\n"
        f"found = {client}(base_url={sidecar.url!r}).health_check()\n"
        "print((asyncio.run(found) if asyncio.iscoroutine(found) else found).status)\n"
        f"try: {client}(base_url='https://127.0.0.1:1')\n"
        "except ConfigurationError as error: print(error)"
    )

    environment = {"PYTHONPATH": str(ROOT / "operator"), missing: "/no/such/place"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)

    said = f"{missing} is '/no/such/place', which cannot be read: No such file or directory\n"
    assert (done.stdout, done.stderr) == (f"healthy\n{said if missing == 'SSL_CERT_FILE' else ''}", "")


@pytest.mark.parametrize(
    "error",
    [
        PromptOpsError("m", "c", {"a": 1}, retryable=True),
        PromptNotFoundError("m", "c", {"suggested_prompts": ("a",)}),
        NetworkError("m"),
        ConfigurationError("m"),
        ClientClosedError(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("travel", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_an_error_travels_whole(error: PromptOpsError, travel: Callable[[PromptOpsError], PromptOpsError]) -> None:
    arrived = travel(error)

    assert (type(arrived), str(arrived)) == (type(error), str(error))
    assert vars(arrived) == vars(error)


def test_an_answer_travels_whole(ask: Ask) -> None:
    answer = ask("render_prompt", "greeting", {"name": "Ada"})

    arrived = pickle.loads(pickle.dumps(answer))  # noqa: S301

    assert isinstance(arrived, RenderResponse)
    assert arrived == answer
