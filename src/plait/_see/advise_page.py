"""Advice as one HTML file: the sentence, what one call costs, and the curve of every engine over workers, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from plait._core.memory import in_units
from plait._see.advise_trial import Trial

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 320, 70, 40


def draw_page(function: str, sentence: str, facts: Sequence[str], trials: Sequence[Trial], best: Trial) -> str:
    """The whole file as text, in UTF-8 when it is written."""
    ran = [trial for trial in trials if not trial.problem]
    rows = "".join(_row(trial, best) for trial in ran)
    problems = "".join(f"<p>{escape(trial.engine)}: {escape(trial.problem)}</p>" for trial in trials if trial.problem)
    lines = "".join(f"<p>{escape(line)}</p>" for line in facts)
    return _PAGE.format(
        title=escape(function), sentence=escape(sentence), facts=lines, picture=_picture(ran, best), rows=rows,
        problems=problems,
    )  # fmt: skip


def _row(trial: Trial, best: Trial) -> str:
    memory = "" if trial.worker_bytes is None else in_units(trial.worker_bytes)
    cells = (
        trial.engine,
        str(trial.workers),
        f"{trial.per_second:,.1f}",
        f"{trial.start_seconds * 1000:.0f} ms",
        memory,
    )
    kind = ' class="best"' if trial is best else ""
    return f"<tr{kind}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _picture(trials: Sequence[Trial], best: Trial) -> str:
    most = max(trial.per_second for trial in trials)
    widest = max(1.0, math.log2(max(trial.workers for trial in trials)))

    def place(trial: Trial) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - 90) * math.log2(trial.workers) / widest
        return round(x, 1), round(10 + (_HEIGHT - _BOTTOM - 10) * (1 - trial.per_second / most), 1)

    parts = []
    for number, engine in enumerate(dict.fromkeys(trial.engine for trial in trials)):
        points = [(trial, *place(trial)) for trial in trials if trial.engine == engine]
        path = " ".join(f"{x},{y}" for _, x, y in points)
        parts.append(f'<polyline class="lane{number}" points="{path}"/>')
        for trial, x, y in points:
            size = 7 if trial is best else 4
            title = f"{engine}, {trial.workers} workers: {trial.per_second:,.1f} items/s"
            parts.append(
                f'<circle class="lane{number}" cx="{x}" cy="{y}" r="{size}"><title>{escape(title)}</title></circle>'
            )
        _, x, y = points[-1]
        parts.append(f'<text class="lane{number}" x="{x + 10}" y="{y + 4}">{escape(engine)}</text>')
    floor = _HEIGHT - _BOTTOM
    for workers in sorted({trial.workers for trial in trials}):
        x = _LEFT + (_WIDTH - _LEFT - 90) * math.log2(workers) / widest
        parts.append(f'<text x="{x:.1f}" y="{floor + 18}" text-anchor="middle">{workers}</text>')
    parts.append(f'<text x="{_LEFT - 8}" y="16" text-anchor="end">{most:,.0f}/s</text>')
    parts.append(f'<text x="{_LEFT - 8}" y="{floor}" text-anchor="end">0</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 4}" text-anchor="middle">workers</text>')
    axes = f'<path class="axes" d="M{_LEFT},10V{floor}H{_WIDTH - 80}"/>'
    label = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="items per second by workers"'
    return f"<svg {label}>{axes}{''.join(parts)}</svg>"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>plait advise {title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --quiet: #646a73; --rule: #d9dde3;
  --lane0: #646a73; --lane1: #0b7285; --lane2: #9c36b5; --lane3: #a65e00; --lane4: #2b7a2f; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6e8eb; --paper: #15171a; --quiet: #9aa1ab; --rule: #343940;
  --lane0: #9aa1ab; --lane1: #4fc3d9; --lane2: #da8cf0; --lane3: #f0b05a; --lane4: #7ccf80; }} }}
body {{ margin: 2rem auto; max-width: 46rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.2rem; }} p {{ color: var(--quiet); margin: 0.3rem 0; }}
svg {{ width: 100%; font: 12px system-ui, sans-serif; }} svg text {{ fill: var(--quiet); }}
.axes {{ fill: none; stroke: var(--rule); }} polyline {{ fill: none; stroke-width: 2; }}
.lane0 {{ stroke: var(--lane0); --c: var(--lane0); }} .lane1 {{ stroke: var(--lane1); --c: var(--lane1); }}
.lane2 {{ stroke: var(--lane2); --c: var(--lane2); }} .lane3 {{ stroke: var(--lane3); --c: var(--lane3); }}
.lane4 {{ stroke: var(--lane4); --c: var(--lane4); }}
circle {{ fill: var(--c); stroke: none; }} svg text[class] {{ fill: var(--c); stroke: none; font-weight: 600; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: 0.2rem 1.2rem 0.2rem 0; border-bottom: 1px solid var(--rule); }}
.best td {{ font-weight: 700; }}
</style>
</head>
<body>
<h1>{sentence}</h1>
{facts}
{picture}
<table><thead><tr><th>engine</th><th>workers</th><th>items/s</th><th>start</th><th>memory each</th></tr></thead>
<tbody>{rows}</tbody></table>
{problems}
</body>
</html>
"""
