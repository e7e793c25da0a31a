"""A picture of the Grafana dashboard: its own definition, a real Prometheus' answers, drawn by us and not by Grafana."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Final

Point = tuple[float, float]
Ask = Callable[[str], list[tuple[dict[str, str], list[Point]]]]
"""Answers an expression with series: labels, and pairs of time and value."""

COLUMN, UNIT, TOP = 40, 30, 34
"""Pixels of a column of Grafana's grid and of a unit of height; where the grid begins."""
_PAPER, _PANEL, _INK, _DIM, _EDGE = "#111217", "#181b1f", "#e4e6eb", "#a5adba", "#3a3f47"
_LINES: Final = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff9830", "#f2495c", "#b877d9", "#5794f2", "#37872d")
_SIGNALS: Final = {"green": "#73bf69", "red": "#f2495c"}
_CHARACTER, _LEGEND_LINE = 7, 15
"""Pixels of a character of a legend, about, and of a line of it."""


@dataclass(frozen=True)
class Box:
    """Where a panel is, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, grid: dict[str, int]) -> Box:
        """Return the place that a panel has in Grafana's grid, less a gap."""
        return cls(grid["x"] * COLUMN + 4, TOP + grid["y"] * UNIT + 4, grid["w"] * COLUMN - 8, grid["h"] * UNIT - 8)


def picture(dashboard: dict[str, Any], ask: Ask, caption: str) -> str:
    """Return the dashboard as SVG."""
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    height = TOP + max(place["y"] + place["h"] for place in places) * UNIT + 8
    drawn = "\n".join(part for panel in dashboard["panels"] for part in _panel(panel, ask))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 {height}" width="960" height="{height}" role="img" font-family="sans-serif">
<title>{escape(dashboard["title"])}</title>
<rect width="960" height="{height}" rx="8" fill="{_PAPER}"/>
<text x="12" y="23" font-size="15" font-weight="bold" fill="{_INK}">{escape(dashboard["title"])}</text>
<text x="948" y="23" font-size="12" text-anchor="end" fill="{_DIM}">{escape(caption)}</text>
{drawn}
</svg>
"""


def _panel(panel: dict[str, Any], ask: Ask) -> Iterator[str]:
    box = Box.of(panel["gridPos"])
    if panel["type"] == "row":
        yield f'<text x="{box.x + 4}" y="{box.y + 17}" font-size="14" fill="{_INK}">{escape(panel["title"])}</text>'
        return
    yield f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="3" fill="{_PANEL}" stroke="{_EDGE}"/>'
    yield f'<text x="{box.x + 8}" y="{box.y + 18}" font-size="13" fill="{_INK}">{escape(panel["title"])}</text>'
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    series = [
        (_legend(target["legendFormat"], labels), points)
        for target in panel["targets"]
        for labels, points in ask(target["expr"])
        if points
    ]
    if panel["type"] == "stat":
        value = _spelt(series[0][1][-1][1], unit) if series else "no data"
        middle = f'x="{box.x + box.width / 2}" y="{box.y + box.height / 2 + 24}"'
        colour = _signal(panel["fieldConfig"]["defaults"], series[0][1][-1][1] if series else 0.0)
        yield f'<text {middle} font-size="34" text-anchor="middle" fill="{colour}">{value}</text>'
    else:
        yield from _chart(Box(box.x + 58, box.y + 30, box.width - 68, box.height - 76), series, unit)


def _chart(box: Box, series: list[tuple[str, list[Point]]], unit: str) -> Iterator[str]:
    top = max((value for _, points in series for _, value in points), default=0.0) or 1.0
    for share in (0.0, 0.5, 1.0):
        y = box.y + box.height * (1 - share)
        yield f'<path d="M{box.x} {y:.1f}h{box.width}" stroke="{_EDGE}"/>'
        yield f'<text x="{box.x - 6}" y="{y + 4:.1f}" font-size="11" text-anchor="end" fill="{_DIM}">{_spelt(top * share, unit)}</text>'
    if not series:
        middle = f'x="{box.x + box.width / 2}" y="{box.y + box.height / 2 - 6}"'
        yield f'<text {middle} font-size="13" text-anchor="middle" fill="{_DIM}">nothing to show</text>'
        return
    first = min(points[0][0] for _, points in series)
    span = max(points[-1][0] for _, points in series) - first or 1.0
    for number, (_, points) in enumerate(series):
        path = " ".join(
            f"{box.x + (time - first) / span * box.width:.1f},{box.y + box.height * (1 - value / top):.1f}"
            for time, value in points
        )
        yield f'<polyline points="{path}" fill="none" stroke="{_colour(number)}" stroke-width="1.6"/>'
    yield from _names(box, [name for name, _ in series])


def _names(box: Box, names: list[str]) -> Iterator[str]:
    """Yield the legend, in as many lines as it needs."""
    x, y = box.x, box.y + box.height + 22
    for number, name in enumerate(names):
        width = 16 + len(name) * _CHARACTER
        if x > box.x and x + width > box.x + box.width:
            x, y = box.x, y + _LEGEND_LINE
        yield f'<rect x="{x}" y="{y - 8}" width="12" height="4" fill="{_colour(number)}"/>'
        yield f'<text x="{x + 16}" y="{y}" font-size="12" fill="{_DIM}">{escape(name)}</text>'
        x += width + 16


def _colour(number: int) -> str:
    return _LINES[number % len(_LINES)]


def _signal(defaults: dict[str, Any], value: float) -> str:
    """Return the colour of the last threshold that a value reaches."""
    steps = defaults["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return _SIGNALS[reached[-1]]


def _legend(pattern: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        pattern = pattern.replace("{{" + name + "}}", value)
    return pattern


def _spelt(value: float, unit: str) -> str:
    match unit:
        case "percentunit":
            return f"{value * 100:.3g} %"
        case "s":
            return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
        case "reqps":
            return f"{value:.3g}/s"
    return f"{value:.3g}"
