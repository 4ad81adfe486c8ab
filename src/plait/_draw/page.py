"""A timeline in a browser: one HTML file that needs no network, in the reader's own light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from plait._draw.theme import document, prose
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
    return document(title, _STYLE, body)


def _chapter(chapter: Chapter) -> str:
    sentences = "".join(f"<p>{prose(sentence)}</p>" for sentence in chapter.sentences)
    facts = "".join(f"<dt>{escape(word)}</dt><dd>{prose(text)}</dd>" for word, text in chapter.facts)
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


_STYLE = """
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
article + article { margin-top: 3rem; border-top: 1px solid var(--rule); } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: var(--quiet); font-size: 0.85rem; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.7rem; border-bottom: 1px solid var(--rule); }
tbody th { color: var(--quiet); font-weight: normal; width: 2rem; } td:not(:empty) { background: var(--soft); }
.line { color: var(--quiet); margin-right: 0.8em; font-variant-numeric: tabular-nums; }
p, td code { overflow-wrap: anywhere; }
.does, .held { font-size: 0.85rem; color: var(--quiet); } td:not(:empty) { border-left: 3px solid var(--rule); }
th.lane0, td.lane0 code { color: var(--lane0); } th.lane1, td.lane1 code { color: var(--lane1); }
th.lane2, td.lane2 code { color: var(--lane2); } th.lane3, td.lane3 code { color: var(--lane3); }
th.lane4, td.lane4 code { color: var(--lane4); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.3rem 1.2rem; } dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
"""
