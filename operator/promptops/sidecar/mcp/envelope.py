"""What stands around a call of the Model Context Protocol over HTTP: JSON-RPC, the headers that repeat it, and refusals. Pure.

MCP says everything with each request: there is no session, no handshake and no state between two of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from promptops.api.wire import Unreadable, read_value
from promptops.reader.requests import read_strictly
from promptops.rendering.errors import InvalidInput
from promptops.web.requests import Head

VERSION: Final = "2026-07-28"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
_STATUSES: Final = {METHOD_NOT_FOUND: 404, INTERNAL_ERROR: 503}

_META: Final = "io.modelcontextprotocol/"
PROTOCOL_VERSION: Final = f"{_META}protocolVersion"
CLIENT_CAPABILITIES: Final = f"{_META}clientCapabilities"
SERVER_INFO: Final = f"{_META}serverInfo"
SUBSCRIPTION: Final = f"{_META}subscriptionId"
NAMED: Final = {"prompts/get": "name", "tools/call": "name", "resources/read": "uri"}
"""By method, what the header Mcp-Name repeats."""
_ENCODED: Final = re.compile(r"=\?base64\?(.*)\?=")
_HEADERS: Final = (b"mcp-protocol-version", b"mcp-method", b"mcp-name")

Id = str | int


class RpcRefusal(Exception):
    """A call gets this error as its answer."""

    def __init__(self, code: int, message: str, data: Any = None, id: Id | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.id = id

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return _STATUSES.get(self.code, 400)

    def body(self, id: Id | None) -> bytes:
        """Return it as JSON-RPC."""
        error = {"code": self.code, "message": self.message} | ({} if self.data is None else {"data": self.data})
        return msgspec.json.encode({"jsonrpc": "2.0", "id": id if id is not None else self.id, "error": error})


@dataclass(frozen=True)
class RpcCall:
    """One request."""

    id: Id
    method: str
    params: Mapping[str, Any]


def read_call(body: bytes, head: Head) -> RpcCall | None:
    """Return the call that a body is; None for a notification, of which none means anything here. Raises RpcRefusal."""
    message = _object(body)
    method, id = message.get("method"), _id(message.get("id"))
    if message.get("jsonrpc") != "2.0" or not isinstance(method, str) or ("id" in message and id is None):
        raise RpcRefusal(INVALID_REQUEST, "the body must be one JSON-RPC 2.0 request or notification", id=id)
    if id is None:
        return None
    try:
        params = message.get("params", {})
        if not isinstance(params, dict):
            raise RpcRefusal(INVALID_PARAMS, "params must be an object")
        if method == "initialize" and "_meta" not in params:
            raise _unsupported(params.get("protocolVersion"))
        _check(method, params, head)
    except RpcRefusal as refusal:
        refusal.id = id
        raise
    return RpcCall(id, method, params)


def result_of(id: Id, result: Mapping[str, Any]) -> bytes:
    """Return a result as JSON-RPC."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", **result}})


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """Return a notification as an event of a stream."""
    return event({"jsonrpc": "2.0", "method": method, "params": params})


def event(message: Any) -> bytes:
    """Return a message as an event of a stream."""
    return b"event: message\ndata: %s\n\n" % (message if isinstance(message, bytes) else msgspec.json.encode(message))


def text_of(params: Mapping[str, Any], name: str) -> str:
    """Return a parameter that must be a string. Raises RpcRefusal."""
    value = params.get(name)
    if not isinstance(value, str):
        raise RpcRefusal(INVALID_PARAMS, f"params.{name} must be a string")
    return value


def texts_of(params: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """Return a parameter that is an object of strings, empty when it is absent. Raises RpcRefusal."""
    value = params.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise RpcRefusal(INVALID_PARAMS, f"params.{name} must be an object whose values are strings")
    return value


def object_of(params: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a parameter that must be an object. Raises RpcRefusal."""
    value = params.get(name)
    if not isinstance(value, dict):
        raise RpcRefusal(INVALID_PARAMS, f"params.{name} must be an object")
    return value


def _object(body: bytes) -> dict[str, Any]:
    try:
        return read_strictly(body, dict[str, Any])
    except InvalidInput as error:
        why = str(error)
    try:
        read_value(body)
    except Unreadable:
        raise RpcRefusal(PARSE_ERROR, why) from None
    raise RpcRefusal(INVALID_REQUEST, why)


def _id(id: Any) -> Id | None:
    return id if isinstance(id, str | int) and not isinstance(id, bool) else None


def _check(method: str, params: Mapping[str, Any], head: Head) -> None:
    """A header that repeats the body must say the same: whoever routes by the one must not be led on by the other."""
    meta = params.get("_meta")
    missing = [key for key in (PROTOCOL_VERSION, CLIENT_CAPABILITIES) if not isinstance(meta, dict) or key not in meta]
    if missing or not isinstance(meta, dict):
        raise RpcRefusal(INVALID_PARAMS, f"params._meta must have {' and '.join(missing)}")
    for name in _HEADERS:
        if len(head.all_of(name)) > 1:
            raise RpcRefusal(HEADER_MISMATCH, f"the header {name.decode()} comes twice")
    version = meta[PROTOCOL_VERSION]
    named = params.get(NAMED.get(method, ""))
    for header, said in zip(_HEADERS, (version, method, named), strict=True):
        if said is not None and _decoded(head.header(header)) != said:
            raise RpcRefusal(HEADER_MISMATCH, f"the header {header.decode()} does not say what the body says")
    if not isinstance(meta[CLIENT_CAPABILITIES], dict):
        raise RpcRefusal(INVALID_PARAMS, f"params._meta: {CLIENT_CAPABILITIES} must be an object")
    if version != VERSION:
        raise _unsupported(version)


def _unsupported(requested: Any) -> RpcRefusal:
    data = {"supported": [VERSION], "requested": requested if isinstance(requested, str) else ""}
    return RpcRefusal(UNSUPPORTED_VERSION, f"this speaks {VERSION}, which needs no initialize", data)


def _decoded(value: str) -> str | None:
    """A header's value; what does not fit into one comes in base64."""
    matched = _ENCODED.fullmatch(value)
    if matched is None:
        return value
    try:
        return base64.b64decode(matched[1], validate=True).decode()
    except (binascii.Error, ValueError):
        return None
