"""Random requests of one namespace for what is another's: in every face's own words, spelt in many ways.

A request is made from a seed and from what somebody knows of the other namespace: how all in it is called, and nothing of
what it says. The same seed with other names is the same request about something that nobody has.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
import string
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import quote

from promptops.api.feed import HELD_HEADER

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
MCP_VERSION = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": MCP_VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}
Body = dict[str, Any] | list[Any] | str | None
Call = tuple[str, str, Body]
Chance = random.Random


@dataclass(frozen=True)
class Known:
    """How what there is in a namespace is called."""

    namespace: str
    scope: str
    prompt: str
    prompt_id: str
    config_map: str
    digest: str
    values_digest: str
    held: str
    """A header that the operator signed for it, as a follower shows it."""
    render_id: str
    mirror: str
    """The key in Redis under which its mirror stands."""

    def nobodys(self) -> Known:
        """Return names of the same form and length that nobody has."""
        return Known(**{name: _another(value) for name, value in asdict(self).items()})

    def values(self) -> tuple[str, ...]:
        """Return all of them."""
        return tuple(getattr(self, field.name) for field in fields(self))


def _another(name: str) -> str:
    """Exchange what is random in a name: the letters and digits after its first five characters."""
    kept, rest = (name[:7], name[7:]) if name.startswith("sha256:") else (name[:5], name[5:])
    alphabets = (string.digits + "abcdef", string.ascii_lowercase, string.ascii_uppercase)
    swapped = (next((secrets.choice(each) for each in alphabets if letter in each), letter) for letter in rest)
    return kept + "".join(swapped)


@dataclass(frozen=True)
class Request:
    """One request, without the token that it is sent with."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def sent(self, authority: str, token: str) -> bytes:
        """Return its bytes."""
        host = () if any(name == "host" for name, _ in self.headers) else (("host", authority),)
        length = (("content-length", str(len(self.body))),) if self.body or self.method == "POST" else ()
        lines = [f"{name}: {value}" for name, value in (*host, *self.headers, *length)]
        head = "\r\n".join((f"{self.method} {self.target} HTTP/1.1", f"authorization: Bearer {token}", *lines))
        return head.encode() + b"\r\n\r\n" + self.body


def of_the_feed(chance: Chance, known: Known) -> Call:
    """What followers ask an operator, a relay or the socket of a sidecar."""
    digest = chance.choice((known.digest, known.digest, known.values_digest, known.digest.upper()))
    instance = {"instance": chance.choice((known.prompt, "sidecar-1")), "position": None}
    told = chance.choice((instance, {**instance, "scope": known.scope}, {**instance, "nacks": [nack(known)]}))
    return chance.choice(
        (
            ("GET", f"/v1/blobs/{spelt(chance, digest)}", None),
            ("GET", f"/v1/blobs/{known.scope}/{digest}", None),
            ("GET", f"/v1/blobs/{spelt(chance, known.mirror)}", None),
            ("POST", "/v1/blobs", {"digests": chance.choices((digest, known.prompt, known.mirror), k=chance.randint(0, 5))}),
            ("POST", "/v1/blobs", {"digests": [digest], "scope": known.scope}),
            ("POST", "/v1/reports", {"reports": [told]}),
            ("POST", "/v1/reports", {"reports": [], "proofs": [known.held], "scope": known.scope}),
            ("GET", "/v1/stream", None),
        )
    )  # fmt: skip


def nack(known: Known) -> dict[str, str]:
    """A report of a prompt that was refused."""
    return {"name": known.prompt, "uid": known.scope, "reason": "Malformed"}


def of_applications(chance: Chance, known: Known) -> Call:
    """What applications ask a sidecar or a gateway."""
    prompt = f"/v1/prompts/{spelt(chance, name_of(chance, known))}"
    return chance.choice(
        (
            ("GET", "/v1/prompts", None),
            ("GET", prompt, None),
            ("GET", f"{prompt}/versions", None),
            ("GET", f"{prompt}/versions/{chance.choice(('1.0.0', known.digest))}", None),
            ("GET", f"{prompt}/diff?from=1.0.0&to={chance.choice(('1.0.1', known.digest))}", None),
            ("GET", chance.choice(("/", "/openapi.json", "/v1/health", "/v1/stats", "/v1/events")), None),
            ("POST", f"{prompt}/render", render(chance, known)),
            ("POST", f"{prompt}/render", render(chance, known)),
            ("POST", "/v1/feedback", {"render_id": known.render_id, "outcome": "success"}),
        )
    )


def of_batches(chance: Chance, known: Known) -> Call:
    """Many renders in one request, and an item or a field that should not be there."""
    items = [{"prompt_id": name_of(chance, known), **render(chance, known)} for _ in range(chance.randint(0, 6))]
    return "POST", "/v1/render/batch", {"items": items, **chance.choice(({}, {}, {"namespace": known.namespace}))}


def of_mcp(chance: Chance, known: Known) -> Call:
    """What clients of the Model Context Protocol ask."""
    name = name_of(chance, known)
    cursor = chance.choice((known.prompt, base64.b64encode(known.prompt.encode()).decode(), known.scope))
    reference = {"type": "ref/prompt", "name": name}
    method, params = chance.choice(
        (
            ("prompts/list", {}),
            ("prompts/list", {"cursor": cursor}),
            ("prompts/get", {"name": name, "arguments": {}}),
            ("prompts/get", {"name": name, "arguments": {"scope": known.scope}}),
            ("completion/complete", {"ref": reference, "argument": {"name": "name", "value": ""}}),
            ("resources/read", {"uri": f"prompt://{known.namespace}/{known.prompt}"}),
            ("server/discover", {}),
        )
    )
    meta = {**_META, **chance.choice(({}, {"namespace": known.namespace}))}
    message = {"jsonrpc": "2.0", "id": chance.randint(1, 9), "method": method, "params": {**params, "_meta": meta}}
    return "POST", "/mcp", chance.choice((message, message, message, [message]))


def of_openfeature(chance: Chance, known: Known) -> Call:
    """What providers of OpenFeature ask."""
    context: dict[str, Any] = {"targetingKey": known.scope, **render(chance, known).get("variables", {})}
    key = chance.choice(("", f"/{spelt(chance, name_of(chance, known))}"))
    return "POST", f"/ofrep/v1/evaluate/flags{key}", {"context": context}


FACES = {
    "feed": of_the_feed,
    "http": of_applications,
    "batch": of_batches,
    "mcp": of_mcp,
    "ofrep": of_openfeature,
}


def name_of(chance: Chance, known: Known) -> str:
    """What somebody would call the other's prompt by."""
    names = (known.prompt, known.prompt_id, f"{known.prompt}-2", known.digest, known.config_map)
    return chance.choice((*names, f"{known.namespace}/{known.prompt}", f"../{known.namespace}/{known.prompt}"))


def render(chance: Chance, known: Known) -> dict[str, Any]:
    """The body of a render."""
    return chance.choice(
        (
            {},
            {"variables": {"scope": known.scope}},
            {"variables": {}, "version": "1.0.0"},
            {"version": known.digest},
            {"namespace": known.namespace},
            {"session": known.render_id},
            {"format": "openai", "model_name": known.prompt},
        )
    )


def spelt(chance: Chance, name: str) -> str:
    """A name as it may stand in a path."""
    return chance.choice((name, name, quote(name), quote(name, safe=""), quote(quote(name, safe="")), name.upper()))


def asked(seed: str, face: str, known: Known, *, straight: bool = False) -> Request:
    """Return the request of a seed, in a face's words. `straight`: without a detour in its path, so that names stay whole."""
    chance = random.Random(seed)  # noqa: S311 - the same request each time
    method, target, said = FACES[face](chance, known)
    if chance.random() < 0.08:
        method = chance.choice(METHODS)
    body = b"" if said is None else json.dumps(said).encode()
    return Request(method, bent(chance, target, known, straight=straight), headers(chance, known, said), body)


def bent(chance: Chance, target: str, known: Known, *, straight: bool) -> str:
    """The target, now and then with a detour or with a query that names the other."""
    path, mark, query = target.partition("?")
    if chance.random() < 0.15 and not straight:
        cut = chance.randrange(len(path))
        path = path[:cut] + chance.choice(("/", "/../", "/./", "%2f", "%00", "\\", ";", "%2e%2e%2f")) + path[cut:]
    if chance.random() < 0.25:
        more = (
            f"scope={known.scope}",
            "scopes=*",
            f"scopes={known.scope}",
            f"namespace={known.namespace}",
            f"token={known.held}",
        )
        query = "&".join(filter(None, (query, chance.choice(more))))
        mark = "?"
    return (path if path.startswith("/") else f"/{path}") + mark + query  # fmt: skip


def headers(chance: Chance, known: Known, said: Body) -> tuple[tuple[str, str], ...]:
    """What may be said beside a request, by somebody who would be somebody else."""
    more = (
        (HELD_HEADER, known.held),
        ("promptops-scope", known.scope),
        ("promptops-instance", known.prompt),
        ("promptops-namespace", known.namespace),
        ("x-forwarded-user", f"system:serviceaccount:{known.namespace}:promptops-sidecar"),
        ("x-remote-user", known.namespace),
        ("impersonate-user", known.namespace),
        ("x-original-url", f"/v1/blobs/{known.digest}"),
        ("if-none-match", f'"{known.digest}"'),
        ("promptops-request-id", known.render_id),
        ("host", known.namespace),
        ("accept", "text/event-stream"),
    )
    chosen = tuple(each for each in more if chance.random() < 0.05)
    return (*of_rpc(said), *chosen) if isinstance(said, dict) else chosen


def of_rpc(said: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What the Model Context Protocol has repeated in headers."""
    if "jsonrpc" not in said:
        return (("content-type", "application/json"),)
    params: dict[str, Any] = said["params"]
    named = params.get("name") if said["method"] == "prompts/get" else None
    known = (("mcp-protocol-version", MCP_VERSION), ("mcp-method", said["method"]))
    return (("content-type", "application/json"), *known, *((("mcp-name", named),) if named else ()))
