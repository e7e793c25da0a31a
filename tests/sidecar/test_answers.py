"""What a sidecar, and a gateway, says about the prompts it holds."""

from __future__ import annotations

import hashlib
import re

import rfc8785

from tests.support.gateway import GatewayClient
from tests.support.sidecar import Sidecar

Answering = Sidecar | GatewayClient


def digest_of(content: dict[str, str]) -> str:
    """The digest as the protocol describes it."""
    return f"sha256:{hashlib.sha256(b'promptops/content/1' + bytes([10]) + rfc8785.dumps(content)).hexdigest()}"


def test_a_render_says_what_it_is_made_of(answering: Answering) -> None:
    answer = answering.render("two").json()

    assert answer == {
        "prompt_id": "two",
        "version": "1.0.0",
        "digest": digest_of({"text": "one"}),
        "rendered_content": "one",
        "messages": [{"role": "user", "content": "one"}],
        "parameters": {},
        "variables_used": [],
        "cache_hit": True,
        "source": answering.source,
        "age_seconds": answer["age_seconds"],
        "stale": False,
        "processing_time_ms": answer["processing_time_ms"],
        "warnings": [],
        "render_id": answer["render_id"],
        "model_variant": None,
        "payload": None,
        "fixed_characters": None,
        "values_digest": None,
    }
    assert 0 <= answer["age_seconds"] < (60 if answering.source == "live" else 0.001)
    assert 0 < answer["processing_time_ms"] < 1000
    assert re.fullmatch(r"two\.[0-9a-f]{16}\.[0-9a-f]{16}", answer["render_id"])
    assert answering.render("two").json()["render_id"] != answer["render_id"]


def test_a_version_is_rendered_on_request(answering: Answering) -> None:
    answer = answering.render("two", version="1.1.0").json()

    assert (answer["version"], answer["rendered_content"]) == ("1.1.0", "two")
    assert answer["digest"] == digest_of({"text": "two"})


def test_an_unknown_version_is_told_the_known_ones(answering: Answering) -> None:
    answer = answering.render("two", version="9.9.9")

    assert answer.status_code == 404
    assert answer.json()["code"] == "VersionNotFound"
    assert answer.json()["detail"] == "prompt two has no version '9.9.9' here; the newest are: 1.1.0, 1.0.0"


def test_an_unknown_prompt_is_told_similar_names(answering: Answering) -> None:
    answer = answering.render("ehco")

    assert answer.status_code == 404
    assert answer.json() == {
        "title": "Prompt not found",
        "status": 404,
        "code": "PromptNotFound",
        "detail": "no prompt 'ehco' is held here",
        "suggested_prompts": ["echo"],
    }


def test_a_disabled_prompt_is_a_conflict(answering: Answering) -> None:
    answer = answering.render("off")

    assert answer.status_code == 409
    assert answer.json()["code"] == "PromptDisabled"


def test_prompts_are_listed(answering: Answering) -> None:
    prompts = answering.get("/v1/prompts").json()["prompts"]

    names = ["chat", "echo", "many", "off", "secret", "slashed", "two", "typed"]
    assert [prompt["name"] for prompt in prompts] == names
    assert prompts[4]["prompt_id"] == "other/x"
    assert prompts[3]["state"] == "disabled"


def test_a_prompt_is_shown_with_its_content(answering: Answering) -> None:
    prompt = answering.get("/v1/prompts/other/x").json()

    assert prompt["name"] == "secret"
    assert prompt["ids"] == ["other/x"]
    assert prompt["content"] == {"text": "canary-of-the-secret-prompt"}


def test_versions_are_listed_newest_first(answering: Answering) -> None:
    versions = answering.get("/v1/prompts/two/versions").json()["versions"]

    assert [(version["version"], version["active"]) for version in versions] == [("1.1.0", False), ("1.0.0", True)]


def test_an_unchanged_list_is_not_sent_again(answering: Answering) -> None:
    first = answering.get("/v1/prompts")

    again = answering.get("/v1/prompts", headers={"if-none-match": first.headers["etag"]})
    other = answering.get("/v1/prompts", headers={"if-none-match": 'W/"another"'})

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200


def test_health_is_reported(answering: Answering) -> None:
    health = answering.get("/v1/health").json()

    assert health == {
        "status": "healthy",
        "dependencies": {"feed" if answering.source == "live" else "directory": "ok"},
        "prompts": 8,
        "position": health["position"],
        "stale": False,
    }


def test_head_is_answered_like_get(answering: Answering) -> None:
    answer = answering.http.head(f"{answering.url}/v1/prompts")

    assert answer.status_code == 200
    assert answer.content == b""
