"""A timeline in a browser: one HTML file that needs no network, in the reader's own light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from plait._draw.timeline import Row, Timeline, files_of, short_name


class Chapter(NamedTuple):
    """A headline, sentences, a timeline, and facts as pairs of a word and a text; a text in backquotes is code."""

    title: str
    sentences: tuple[str, ...]
    timeline: Timeline
    facts: tuple[tuple[str, str], ...]


def draw_page(title: str, chapters: Sequence[Chapter]) -> str:
    """The whole file as text, in UTF-8 when it is written."""
    body = "\n".join(_chapter(chapter) for chapter in chapters)
    return _PAGE.format(title=escape(title), style=_STYLE, body=body)


def _chapter(chapter: Chapter) -> str:
    sentences = "".join(f"<p>{_prose(sentence)}</p>" for sentence in chapter.sentences)
    facts = "".join(f"<dt>{escape(word)}</dt><dd>{_prose(text)}</dd>" for word, text in chapter.facts)
    return f"<article><h1>{escape(chapter.title)}</h1>{sentences}{_table(chapter.timeline)}<dl>{facts}</dl></article>"


def _table(timeline: Timeline) -> str:
    if not timeline.rows:
        return ""
    heads = "".join(
        f'<th scope="col" class="lane{lane % 5}">{escape(name)}</th>' for lane, name in enumerate(timeline.lanes)
    )
    rows = "".join(_row(timeline, row, moment) for moment, row in enumerate(timeline.rows, 1))
    files = ", ".join(escape(file) for file in files_of(timeline))
    return (
        f'<div class="wide"><table><caption>{files}</caption><thead><tr><th scope="col">when</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(timeline: Timeline, row: Row, moment: int) -> str:
    before = "<td></td>" * row.lane
    after = "<td></td>" * (len(timeline.lanes) - row.lane - 1) if row.lane >= 0 else ""
    where = f'<span class="line">{escape(_where(timeline, row))}</span>' if row.line else ""
    does = f'<div class="does">{escape(row.does)}</div>' if row.does else ""
    held = f'<div class="held">holds {escape(", ".join(row.held))}</div>' if row.held else ""
    kind = f'class="lane{row.lane % 5}"' if row.lane >= 0 else f'colspan="{len(timeline.lanes)}"'
    cell = f"<td {kind}>{where}<code>{escape(row.source)}</code>{does}{held}</td>"
    return f'<tr><th scope="row">{moment}</th>{before}{cell}{after}</tr>'


def _where(timeline: Timeline, row: Row) -> str:
    return str(row.line) if len(files_of(timeline)) < 2 else f"{short_name(row.file)}:{row.line}"


def _prose(text: str) -> str:
    """Escaped, with what stands in backquotes as code."""
    parts = text.split("`")
    return "".join(f"<code>{escape(part)}</code>" if at % 2 else escape(part) for at, part in enumerate(parts))


_STYLE = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --quiet: #646a73; --rule: #d9dde3; --soft: #f5f7f9;
  --lane0: #0b7285; --lane1: #9c36b5; --lane2: #a65e00; --lane3: #2b7a2f; --lane4: #2f5bd0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15171a; --quiet: #9aa1ab; --rule: #343940;
  --soft: #1d2024; --lane0: #4fc3d9; --lane1: #da8cf0; --lane2: #f0b05a; --lane3: #7ccf80; --lane4: #8fb0ff; } }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } code { font: 0.9em ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; }
article + article { margin-top: 3rem; border-top: 1px solid var(--rule); } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--quiet); font-size: 0.85rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.7rem; border-bottom: 1px solid var(--rule); }
tbody th { color: var(--quiet); font-weight: normal; width: 2rem; } td:not(:empty) { background: var(--soft); }
.line { color: var(--quiet); margin-right: 0.8em; font-variant-numeric: tabular-nums; }
.does, .held { font-size: 0.85rem; color: var(--quiet); } td:not(:empty) { border-left: 3px solid var(--rule); }
th.lane0, td.lane0 code { color: var(--lane0); } th.lane1, td.lane1 code { color: var(--lane1); }
th.lane2, td.lane2 code { color: var(--lane2); } th.lane3, td.lane3 code { color: var(--lane3); }
th.lane4, td.lane4 code { color: var(--lane4); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.2rem; } dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
