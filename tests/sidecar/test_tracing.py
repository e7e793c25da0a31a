"""Renders in their callers' traces: received by a collector, by the seed's names, without a text or a value."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.collector import Collector, attributes, collector
from tests.support.manifests import sourced
from tests.support.sidecar import Sidecar, Start, write

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "canary-4711"


@pytest.fixture
def collecting() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture
def traced(start_sidecar: Start, tmp_path: Path, collecting: Collector) -> Sidecar:
    content = {"text": f"Hello {{{{ name }}}}, {SECRET}", "variables": [{"name": "name", "type": "string"}]}
    write(tmp_path / "prompts.yaml", sourced("greeting", content))
    return start_sidecar(tmp_path, PROMPTOPS_DIRECTORY=str(tmp_path), PROMPTOPS_COLLECTOR_URL=collecting.url)


def ask(sidecar: Sidecar, body: bytes, *, flags: str = "01", name: str = "greeting") -> None:
    sidecar.post(name, body, headers={"traceparent": f"00-{TRACE}-{CALLER}-{flags}", "tracestate": "vendor=1"})


def test_a_render_is_a_span_of_its_callers_trace_and_is_counted(traced: Sidecar, collecting: Collector) -> None:
    ask(traced, f'{{"variables": {{"name": "{SECRET}"}}}}'.encode())
    ask(traced, f'{{"variables": {{"nam": "{SECRET}"}}}}'.encode())
    ask(traced, b'{"variables": {"name": "Ada"}}', flags="00")
    ask(traced, b"", name="nobody")
    traced.render("greeting", {"name": "Ada"})
    assert traced.stop() == 0

    spans = {bool(span.status.code): span for span in collecting.spans[:2]}
    assert len(collecting.spans) == 3
    assert {span.name for span in collecting.spans} == {"promptops.render"}
    assert {(span.trace_id.hex(), span.parent_span_id.hex()) for span in collecting.spans} == {(TRACE, CALLER)}
    good, bad = attributes(iter(spans[False].attributes)), attributes(iter(spans[True].attributes))
    digest = good.pop("promptops.prompt.digest")
    assert str(digest).startswith("sha256:")
    assert good == {
        "prompt.id": "greeting",
        "operation.type": "render",
        "success": True,
        "gen_ai.prompt.name": "greeting",
        "gen_ai.prompt.version": "1.0.0",
    }
    assert (bad["success"], bad["error.message"]) == (False, "InvalidVariables")
    counted = {
        tuple(sorted((str(key), str(value)) for key, value in attributes(iter(point.attributes)).items())): point.as_int
        for point in collecting.metrics["promptops.prompts.processed"].sum.data_points
    }
    operation = ("operation.type", "render")
    assert counted == {
        (operation, ("prompt.id", "greeting"), ("success", "True")): 3,
        (operation, ("prompt.id", "greeting"), ("success", "False")): 1,
        (operation, ("prompt.id", ""), ("success", "False")): 1,
    }
    duration = collecting.metrics["promptops.prompt.duration"]
    assert duration.unit == "ms"
    assert duration.histogram.data_points[0].count == 3
    assert SECRET.encode() not in b"".join(body for _, body in collecting.bodies)


def test_a_collector_that_hangs_holds_up_neither_renders_nor_the_end(traced: Sidecar, collecting: Collector) -> None:
    collecting.hangs.set()

    for _ in range(200):
        ask(traced, b'{"variables": {"name": "Ada"}}')

    begun = time.monotonic()
    assert traced.stop() == 0
    assert time.monotonic() - begun < 10


def test_a_traceparent_that_is_none_is_no_error(traced: Sidecar, collecting: Collector) -> None:
    for spelling in ("", "00", "ff-" + TRACE, f"00-{'0' * 32}-{CALLER}-01", f"00-{TRACE}-{CALLER}-01-more", "\xe9"):
        answer = traced.post(
            "greeting", b'{"variables": {"name": "Ada"}}', headers=[(b"traceparent", spelling.encode("latin-1"))]
        )
        assert answer.status_code == 200
    assert traced.stop() == 0

    assert collecting.spans == []
