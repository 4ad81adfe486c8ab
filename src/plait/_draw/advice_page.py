"""How fast each engine is with more and more workers, as one HTML file: a sentence, facts, curves and a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from plait._core.how_many import how_many
from plait._draw.theme import document

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 320, 70, 40
_NAME = 70, 14  # what the name of a curve takes


class Point(NamedTuple):
    """A number of workers of an engine: items per second, what the table says of it, and whether it is advised."""

    engine: str
    workers: int
    per_second: float
    rate: str
    start: str
    memory: str
    best: bool


def draw_advice(
    function: str, sentence: str, facts: Sequence[str], points: Sequence[Point], problems: Sequence[str]
) -> str:
    """The whole file as text, in UTF-8 when it is written."""
    body = (
        f"<h1>{escape(sentence)}</h1>\n{_paragraphs(facts)}\n{_picture(points)}\n<table>{_HEAD}\n"
        f"<tbody>{''.join(_row(point) for point in points)}</tbody></table>\n{_paragraphs(problems)}"
    )
    return document(f"plait advise {function}", _STYLE, body)


def _paragraphs(lines: Sequence[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _row(point: Point) -> str:
    cells = (point.engine, str(point.workers), point.rate, point.start, point.memory)
    kind = ' class="best"' if point.best else ""
    return f"<tr{kind}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _picture(points: Sequence[Point]) -> str:
    most = max(point.per_second for point in points)
    widest = max(1.0, math.log2(max(point.workers for point in points)))
    floor = _HEIGHT - _BOTTOM

    def across(workers: int) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - 90) * math.log2(workers) / widest, 1)

    parts: list[str] = []
    named: list[tuple[float, float]] = []
    for number, engine in enumerate(dict.fromkeys(point.engine for point in points)):
        placed = [
            (point, across(point.workers), round(10 + (floor - 10) * (1 - point.per_second / most), 1))
            for point in points
            if point.engine == engine
        ]
        path = " ".join(f"{x},{y}" for _, x, y in placed)
        parts.append(f'<polyline class="lane{number}" points="{path}"/>')
        for point, x, y in placed:
            title = f"{engine}, {how_many(point.workers, 'worker')}: {point.rate} items/s"
            circle = f'<circle class="lane{number}" cx="{x}" cy="{y}" r="{7 if point.best else 4}">'
            parts.append(f"{circle}<title>{escape(title)}</title></circle>")
        parts.append(_name(engine, number, placed[-1][1:], named))
    parts.extend(
        f'<text x="{across(workers)}" y="{floor + 18}" text-anchor="middle">{workers}</text>'
        for workers in sorted({point.workers for point in points})
    )
    parts.append(f'<text x="{_LEFT - 8}" y="16" text-anchor="end">{most:,.0f}/s</text>')
    parts.append(f'<text x="{_LEFT - 8}" y="{floor}" text-anchor="end">0</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 4}" text-anchor="middle">workers</text>')
    axes = f'<path class="axes" d="M{_LEFT},10V{floor}H{_WIDTH - 80}"/>'
    label = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="items per second by workers"'
    return f"<svg {label}>{axes}{''.join(parts)}</svg>"


def _name(engine: str, number: int, end: tuple[float, float], named: list[tuple[float, float]]) -> str:
    """The name of a curve, right of its end and clear of the other names; that of the loop left of the axis."""
    x, y = end
    if x == _LEFT:
        y = min(max(y + 4, 32), _HEIGHT - _BOTTOM - 14)  # below the highest rate there, and above the 0
        return f'<text class="lane{number}" x="{x - 12}" y="{y}" text-anchor="end">{escape(engine)}</text>'
    step = _NAME[1] if y < _HEIGHT / 2 else -_NAME[1]
    while any(abs(x - other) < _NAME[0] and abs(y - high) < _NAME[1] for other, high in named):
        y += step
    named.append((x, y))
    return f'<text class="lane{number}" x="{x + 10}" y="{y + 4}">{escape(engine)}</text>'


_HEAD = "<thead><tr><th>engine</th><th>workers</th><th>items/s</th><th>start</th><th>memory each</th></tr></thead>"
# The theme's colours: the loop, which all are compared with, is grey.
_LANES = ("quiet", "lane0", "lane1", "lane2", "lane3")
_STYLE = """
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; }
h1 { font-size: 1.2rem; } p { color: var(--quiet); margin: 0.3rem 0; }
svg { width: 100%; font: 12px system-ui, sans-serif; } svg text { fill: var(--quiet); }
.axes { fill: none; stroke: var(--rule); } polyline { fill: none; stroke-width: 2; stroke: var(--c); }
circle { fill: var(--c); } svg text[class] { fill: var(--c); font-weight: 600; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.2rem 1.2rem 0.2rem 0; border-bottom: 1px solid var(--rule); }
.best td { font-weight: 700; }
@media (max-width: 30rem) {
  body { font-size: 14px; } svg { font-size: 17px; overflow: visible; } th, td { padding-right: 0.6rem; }
}
""" + "".join(f".lane{number} {{ --c: var(--{colour}); }}\n" for number, colour in enumerate(_LANES))
